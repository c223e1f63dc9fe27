/**
 * The half of a link that takes: looks at what the other side says it has, asks for what is missing here, checks what
 * comes as everything from peers is checked (peer-claims.ts), and stores it in large groups, logs of all kinds together.
 * What waits to be stored is bounded by the credit that was given. A log that fails is stopped and tried again later;
 * what no honest peer says ends the link.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { LogStore } from '../../core/log-store.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import type { LogKey } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import type { LinkBatch, LinkHead } from '../../wire/gen/msgbus-link.ts'
import type { FetchSlots } from '../fetch-slots.ts'
import { compareWithOurs, forked, StoreFailure, storeFailed } from '../log-pull.ts'
import { LogReports, type LogReportsOptions } from '../log-reports.ts'
import { checkHead, offeredLogsMost, type Replica } from '../peer-claims.ts'
import { allowsLog, type PeerRules } from '../peer-rules.ts'
import { ownLogAhead, planLog } from '../planner.ts'
import { hasOwn, type RecoveryGate } from '../recovery-gate.ts'
import type { Heads } from '../sync-rows.ts'
import type { KnownLog, LinkMemory } from './link-memory.ts'
import { toReplicas } from './link-replicas.ts'
import type { LinkWriter } from './link-writer.ts'

export interface LinkTakerOptions extends LogReportsOptions {
  readonly own: NodeId
  readonly store: LogStore
  readonly clock: Clock
  readonly rules: PeerRules
  readonly slots: FetchSlots
  readonly memory: LinkMemory
  readonly writer: LinkWriter
  readonly recovery: RecoveryGate
  /** Bytes of batches that may come before credit is given. */
  readonly windowBytes: number
  readonly envelopeBytes: number
  /** What ends the link: a lie, or our own store. */
  readonly onFailure: (error: unknown) => void
}

/** A log that was asked for. */
interface Taken {
  readonly number: number
  readonly log: KnownLog
  /** Head id that comes next. */
  next: number
  /** The next one is here already, and has to be the same there. */
  isComparing: boolean
  /** Messages that are here and damaged: up to `last`, then `done` is called. */
  readonly repair?: { readonly last: number; done(): void } | undefined
}

/** What came and is not stored. */
interface Arrived {
  readonly taken: Taken
  readonly replicas: readonly Replica[]
  readonly isComparing: boolean
  /** What is wrong with what came after these; it concerns the log alone. */
  readonly fault: BusError | undefined
  /** Credit that is due once this is stored. */
  bytes: number
}

/** Messages that are stored together, but for the last batch. */
const groupMessages = 8_192
/** How often logs that wait are looked at again, while there are any. */
const reviewMs = 500
/** A frame may be larger than the credit by itself. */
const frameSlackBytes = 262_144

export class LinkTaker {
  readonly #options: LinkTakerOptions
  readonly #reports: LogReports
  readonly #taken = new Map<number, Taken>()
  readonly #byLog = new Map<KnownLog, Taken>()
  /** Logs that are behind and not asked for: they failed, or another peer is at it. */
  readonly #waiting = new Set<KnownLog>()
  #arrived: Arrived[] = []
  /** Of frames that came, and for which no credit was given back. */
  #creditUsed = 0
  #lastNumber = 0
  #review: Timer | undefined
  #storing: Promise<void> | undefined
  #isListed = false
  #isClosed = false
  /** Sums over the logs, as of when so many messages had been pulled by all sessions. */
  #sums: { readonly pulled: number; readonly heads: Heads } | undefined

  constructor(options: LinkTakerOptions) {
    this.#options = options
    this.#reports = new LogReports(options, options.memory.progress)
    // What was known to be missing when the last connection broke.
    const { memory, store } = options
    for (const log of memory.logs.values()) {
      const isHere = log.head <= (store.head(log) ?? 0)
      if (!isHere || !memory.progress.isCompared(log.key)) this.#consider(log)
    }
  }

  /** Over all logs that are taken from the peer: messages that are here, and there. */
  get heads(): Heads {
    const { store, rules, counters, memory } = this.#options
    const pulled = counters.messagesPulled
    if (this.#sums?.pulled === pulled) return this.#sums.heads
    const heads = { local: 0, remote: 0 }
    for (const log of memory.logs.values()) {
      if (!allowsLog(rules, log)) continue
      heads.local += Math.min(store.head(log) ?? 0, log.head)
      heads.remote += log.head
    }
    this.#sums = { pulled, heads }
    return heads
  }

  /** Everything of this node that the peer has is here, or cannot be. */
  get hasReturnedOwn(): boolean {
    const { memory, own, store } = this.#options
    return this.#isListed && hasOwn(memory.logs.values(), own, store, memory.progress)
  }

  listed(): void {
    this.#isListed = true
  }

  /** What the other side is known to have of a log. */
  peerHead(topic: string, origin: NodeId): number {
    return this.#options.memory.logs.get(topic, origin)?.head ?? 0
  }

  /** Resolves when nothing of it is under way any more. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#review?.cancel()
      for (const { log, repair } of this.#taken.values()) {
        this.#options.slots.release(log.key, this)
        repair?.done()
      }
    }
    await this.#storing
  }

  /**
   * Asks for messages again that are damaged here. Resolves when they were stored, or cannot be had from this peer; who
   * wants to know which reads them.
   */
  async repair({ topic, origin }: LogKey, from: number, to: number): Promise<void> {
    const { memory, rules, writer } = this.#options
    const log = memory.logs.get(topic, origin)
    const last = Math.min(to, log?.head ?? 0)
    if (log === undefined || last < from || !allowsLog(rules, log) || this.#isClosed) return
    // Another one is under way: that goes first.
    if (this.#byLog.get(log)?.repair !== undefined) return
    this.#drop(log)
    await new Promise<void>((resolve) => {
      const number = (this.#lastNumber += 1)
      const repair = { last, done: resolve }
      const taken = { number, log, next: from, isComparing: false, repair }
      this.#taken.set(number, taken)
      this.#byLog.set(log, taken)
      const limit = last - from + 1
      writer.want({ number, topic, origin, fromHeadId: from, limit })
    })
    if (this.#isClosed) return
    this.#drop(log)
    this.#consider(log)
  }

  /** @throws ProtocolError, BusError `resource_exhausted/quota_exceeded` */
  heard(heads: readonly LinkHead[]): void {
    const { memory } = this.#options
    if (heads.length > 0) this.#sums = undefined
    for (const head of heads) {
      const offered = checkHead(head)
      const known = memory.logs.get(offered.topic, offered.origin)
      if (known === undefined) {
        if (memory.logs.size >= offeredLogsMost) throw tooManyLogs()
        memory.logs.add(offered)
        this.#consider(offered)
      } else {
        known.head = Math.max(known.head, offered.head)
        this.#consider(known)
      }
    }
  }

  /** @param position of the other side: what it has up to there was told */
  told(position: number): void {
    const { memory } = this.#options
    memory.position = Math.max(memory.position, position)
  }

  /**
   * @param bytes of the frame they came in
   * @throws ProtocolError
   */
  arrived(batches: readonly LinkBatch[], bytes: number): void {
    const { windowBytes, envelopeBytes } = this.#options
    this.#creditUsed += bytes
    if (this.#creditUsed > windowBytes + envelopeBytes + frameSlackBytes) {
      throw new ProtocolError('more batches than there was credit for')
    }
    for (const batch of batches) this.#batch(batch)
    const last = this.#arrived.at(-1)
    // Behind what waits already, or alone: it is dealt with when that is.
    if (last === undefined) this.#giveCredit(bytes)
    else last.bytes += bytes
    if (this.#storing === undefined && !this.#isClosed) {
      this.#storing = this.#store()
        .catch(this.#options.onFailure)
        .finally(() => {
          this.#storing = undefined
        })
    }
  }

  #batch(batch: LinkBatch): void {
    const { number, firstHeadId, messages, headId, failure, failureMessage } = batch
    if (number === 0 || number > this.#lastNumber) {
      throw new ProtocolError(`a batch for want ${number}, which there is not`)
    }
    const taken = this.#taken.get(number)
    // It was stopped, and this was on its way.
    if (taken === undefined) return
    const { log } = taken
    if (failure !== '') {
      const text = `the peer does not send it: ${failureMessage} (${failure})`
      const fault = new BusError('data_loss', 'head_not_served', text)
      this.#arrived.push({ taken, replicas: [], isComparing: false, fault, bytes: 0 })
      return
    }
    if (messages.length > 0 && firstHeadId !== taken.next) {
      const text = `message ${firstHeadId} of ${JSON.stringify(log.topic)} where ${taken.next} is due`
      throw new ProtocolError(text)
    }
    if (headId >= Number.MAX_SAFE_INTEGER) throw new ProtocolError('a head above 2^53-2')
    const { replicas, fault } = toReplicas(messages, log, taken.next)
    const { isComparing } = taken
    taken.next += messages.length
    if (messages.length > 0) taken.isComparing = false
    const head = Math.max(headId, taken.next - 1)
    if (head > log.head) {
      log.head = head
      this.#sums = undefined
    }
    this.#arrived.push({ taken, replicas, isComparing, fault, bytes: 0 })
  }

  /** What has to be done about a log, now. */
  #consider(log: KnownLog): void {
    if (this.#byLog.has(log)) return
    const { own, store, rules, memory, clock, slots, recovery } = this.#options
    const { progress } = memory
    const recovers = recovery.isOpen
    const step = planLog(log, { own, store, rules, progress, recovers, now: clock.monotonic() })
    switch (step.kind) {
      case 'not_wanted':
        return
      case 'later':
        this.#wait(log)
        return
      case 'refused':
        this.#failed(log, log.refusal ?? new BusError('internal', 'internal', 'not refused'))
        return
      case 'own_ahead':
        this.#failed(log, ownLogAhead(log.head))
        return
      case 'in_step':
        this.#waiting.delete(log)
        this.#reports.succeeded(log)
        return
      case 'fetch':
        if (slots.claim(log.key, this)) this.#take(log, step.from, step.isComparing)
        else this.#wait(log)
    }
  }

  #take(log: KnownLog, from: number, isComparing: boolean): void {
    this.#waiting.delete(log)
    const number = (this.#lastNumber += 1)
    const taken = { number, log, next: from, isComparing }
    this.#taken.set(number, taken)
    this.#byLog.set(log, taken)
    const { topic, origin } = log
    this.#options.writer.want({ number, topic, origin, fromHeadId: from, limit: 0 })
  }

  #drop(log: KnownLog): void {
    const taken = this.#byLog.get(log)
    this.#options.slots.release(log.key, this)
    if (taken === undefined) return
    this.#byLog.delete(log)
    this.#taken.delete(taken.number)
    this.#options.writer.stop(taken.number)
    taken.repair?.done()
  }

  #failed(log: KnownLog, error: BusError): void {
    this.#drop(log)
    this.#reports.failed(log, error)
    this.#wait(log)
  }

  #wait(log: KnownLog): void {
    this.#waiting.add(log)
    if (this.#isClosed) return
    this.#review ??= this.#options.clock.after(reviewMs, () => {
      this.#review = undefined
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const each of waiting) this.#consider(each)
    })
  }

  async #store(): Promise<void> {
    while (this.#arrived.length > 0 && !this.#isClosed) {
      let place = 0
      let count = 0
      let bytes = 0
      while (place < this.#arrived.length && count < groupMessages) {
        const next = this.#arrived[place] as Arrived
        place += 1
        count += next.replicas.length
        bytes += next.bytes
      }
      const group = this.#arrived.slice(0, place)
      this.#arrived = this.#arrived.slice(place)
      await this.#storeGroup(group)
      this.#giveCredit(bytes)
    }
  }

  #giveCredit(bytes: number): void {
    if (bytes === 0) return
    this.#creditUsed -= bytes
    this.#options.writer.credit(bytes)
  }

  async #storeGroup(group: readonly Arrived[]): Promise<void> {
    const { store, slots, memory } = this.#options
    const compared: Arrived[] = []
    for (const arrived of group) {
      // Between its coming and now another batch of the same log may have failed.
      if (this.#isStopped(arrived)) continue
      const [first] = arrived.replicas
      if (arrived.isComparing && first !== undefined) {
        const isSame = await this.#isSame(first, arrived.taken.log)
        if (!isSame) continue
      }
      compared.push(arrived)
    }
    const keys = [...new Set(compared.map(({ taken }) => taken.log.key))]
    await slots.storing(keys, async () => {
      const fresh: Replica[] = []
      const owners: Taken[] = []
      for (const { taken, replicas, isComparing } of compared) {
        if (this.#isStopped({ taken }) || replicas.length === 0) continue
        // What is damaged is here already, and is replaced.
        const local = taken.repair === undefined ? (store.head(taken.log) ?? 0) : 0
        const known = replicas.findLast(({ headId }) => headId <= local)
        // Another peer was faster; it must have been the same messages.
        const isKnown = known !== undefined && !(isComparing && known === replicas[0])
        if (isKnown && !(await this.#isSame(known, taken.log))) continue
        for (const replica of replicas) {
          if (replica.headId <= local) continue
          fresh.push(replica)
          owners.push(taken)
        }
      }
      if (fresh.length > 0) await this.#replicate(fresh, owners)
    })
    for (const { taken, replicas, isComparing, fault } of compared) {
      const { log } = taken
      if (this.#isStopped({ taken })) continue
      const first = replicas[0]
      // What came from its first message on is this peer's history.
      if (first !== undefined && (isComparing || first.headId === 1)) {
        memory.progress.compared(log.key)
      }
      if (fault !== undefined) {
        this.#failed(log, fault)
        continue
      }
      if (taken.repair !== undefined) {
        if (taken.next > taken.repair.last) taken.repair.done()
        continue
      }
      slots.progressed(log.key, this)
      const local = this.#reports.succeeded(log)
      this.#options.writer.stored(taken.number, Math.min(local, taken.next - 1))
      if (!slots.owns(log.key, this)) this.#yield(taken)
    }
  }

  /** Another peer has taken the log over, since nothing came from this one. */
  #yield(taken: Taken): void {
    this.#drop(taken.log)
    this.#wait(taken.log)
  }

  async #replicate(fresh: readonly Replica[], owners: readonly Taken[]): Promise<void> {
    const { store, counters } = this.#options
    const outcomes = await store.replicate(fresh).catch(storeFailed)
    for (const [i, outcome] of outcomes.entries()) {
      const replica = fresh[i] as Replica
      switch (outcome.kind) {
        case 'inserted':
          counters.messagesPulled += 1
          counters.bytesPulled += replica.payload.length
          break
        case 'present':
        case 'tombstoned':
          break
        case 'fork':
          this.#failedOnce(owners[i] as Taken, forked(replica, outcome.localId))
          break
        case 'rejected':
          this.#failedOnce(owners[i] as Taken, outcome.error)
          break
        case 'gap': {
          const text = `message ${replica.headId} would leave a gap after ${outcome.localHead}`
          const error = new BusError('failed_precondition', 'head_gap', text)
          this.#failedOnce(owners[i] as Taken, error)
          break
        }
      }
    }
  }

  /** Of many messages of a log that cannot be stored the first says why. */
  #failedOnce(taken: Taken, error: BusError): void {
    if (!this.#isStopped({ taken })) this.#failed(taken.log, error)
  }

  #isStopped({ taken }: Pick<Arrived, 'taken'>): boolean {
    return this.#isClosed || this.#byLog.get(taken.log) !== taken
  }

  async #isSame(replica: Replica, log: KnownLog): Promise<boolean> {
    try {
      await compareWithOurs(replica, this.#options.store)
      return true
    } catch (error) {
      if (error instanceof StoreFailure || !(error instanceof BusError)) throw error
      this.#failed(log, error)
      return false
    }
  }
}

function tooManyLogs(): BusError {
  const text = `the peer lists more than ${offeredLogsMost} logs, which is the limit`
  return new BusError('resource_exhausted', 'quota_exceeded', text)
}
