/**
 * The dealer against random sessions: whatever they send in whatever order, every call gets one end, nobody hears of
 * what does not concern it, ids are in order, and nothing stays when everybody has left.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import { type LiveTestBus, openLiveBus } from '../../core/live-suite.ts'
import { silentLogger } from '../../core/logger.ts'
import { ProtocolError } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { ByteSink } from '../../wire/wamp/byte-sink.ts'
import { MessageDecoder } from '../../wire/wamp/decode-message.ts'
import { encodeMessage } from '../../wire/wamp/encode-message.ts'
import { json } from '../../wire/wamp/json.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type { RouterMessage } from '../../wire/wamp/messages.ts'
import { Realm } from './realm.ts'
import { type SessionPeer, WampSession } from './session.ts'

const runs = Number(process.env['MSGBUS_WAMP_CALL_RUNS'] ?? 150)
const procedures = ['a.b', 'a.c', 'x', 'y']

type List = unknown[]

/** One session without a connection: what it is sent is checked as it comes. */
class Guest implements SessionPeer {
  readonly serializer = json
  readonly transport = { type: 'test', protocol: 'test', peer: 'test' }
  isFull = false
  readonly queuedBytes = 0
  readonly session: WampSession
  /** CALLs that have not ended, and whether parts of an answer were asked for. */
  readonly open = new Map<number, boolean>()
  /** INVOCATIONs that it has not answered. */
  readonly invoked: number[] = []
  readonly registrations: number[] = []
  readonly canBeInterrupted: boolean
  lastRequest = 0
  lastInvocation = 0
  isOver = false
  readonly #decoder = new MessageDecoder(json)
  readonly #sink = new ByteSink()

  constructor(realm: Realm, all: LiveTestBus, id: number, features: readonly string[]) {
    const announced = `{${features.map((feature) => `"${feature}":true`).join(',')}}`
    const role = `{"features":${announced}}`
    const hello = this.#decode(`[1,"r",{"roles":{"caller":${role},"callee":${role}}}]`)
    assert.ok(hello.type === messageTypes.hello)
    this.canBeInterrupted = features.includes('call_canceling')
    this.session = new WampSession({
      id,
      realm,
      principal: {
        identity: anonymous,
        authid: `guest ${id}`,
        authrole: 'anonymous',
        authmethod: 'anonymous',
        authprovider: 'static',
      },
      hello,
      joinedAtMs: 0,
      peer: this,
      connect: (inbox) => all.bus.connect(anonymous, { inbox, protocol: 'wamp' }),
    })
    realm.joined(this.session)
  }

  /** A message as its connection hands it on. @throws ProtocolError */
  receive(list: List): void {
    const message = this.#decode(JSON.stringify(list))
    const { dealer } = this.session.realm
    const { type } = message
    if (type === messageTypes.call) dealer.call(this.session, message)
    else if (type === messageTypes.cancel) dealer.cancel(this.session, message)
    else if (type === messageTypes.register) dealer.register(this.session, message)
    else if (type === messageTypes.unregister) dealer.unregister(this.session, message)
    else if (type === messageTypes.yield) dealer.yield(this.session, message)
    else if (type === messageTypes.error) dealer.error(this.session, message)
    else assert.fail(`type ${type}`)
  }

  send(message: RouterMessage): boolean {
    assert.equal(this.isOver, false, 'nothing is sent to whoever has left')
    this.#sink.clear()
    encodeMessage(this.#sink, json, message)
    this.#look(JSON.parse(Buffer.from(this.#sink.toBytes()).toString()) as List)
    return true
  }

  leave(): void {
    if (this.isOver) return
    this.isOver = true
    this.session.isOver = true
    this.session.realm.left(this.session)
  }

  sendEncoded(): boolean {
    assert.fail('there are no events')
  }

  room = () => Promise.resolve()
  goodbye = () => this.leave()
  abort = () => this.leave()
  pauseReading(): void {}
  resumeReading(): void {}

  #decode(text: string) {
    const bytes = Buffer.from(text)
    return this.#decoder.decode(bytes, 0, bytes.length)
  }

  #look(message: List): void {
    const [type, first, second] = message
    switch (type) {
      case messageTypes.result: {
        const takesProgress = this.open.get(first as number)
        assert.notEqual(takesProgress, undefined, `a RESULT of no call: ${first as number}`)
        const isProgress = (second as { progress?: boolean }).progress === true
        if (isProgress) assert.equal(takesProgress, true, 'progress that nobody asked for')
        else this.open.delete(first as number)
        break
      }
      case messageTypes.error:
        if (first !== messageTypes.call) break
        assert.equal(this.open.delete(second as number), true, 'an ERROR of no call')
        break
      case messageTypes.invocation:
        if (first === this.lastInvocation + 1) {
          this.lastInvocation = first
          this.invoked.push(first)
        } else assert.ok(this.invoked.includes(first as number), 'ids of INVOCATION count up')
        break
      case messageTypes.interrupt:
        assert.ok(this.canBeInterrupted, 'INTERRUPT only to those who announced it')
        assert.ok(this.invoked.includes(first as number), 'INTERRUPT of what was answered')
        break
      case messageTypes.registered:
        this.registrations.push(second as number)
    }
  }
}

const features = [
  'progressive_call_results',
  'progressive_call_invocations',
  'call_canceling',
  'call_timeout',
  'call_reroute',
  'registration_revocation',
]

const actions = [
  'join',
  'register',
  'register',
  'unregister',
  'call',
  'call',
  'call',
  'call',
  'continue',
  'cancel',
  'yield',
  'yield',
  'progress',
  'error',
  'unavailable',
  'full',
  'pass time',
  'leave',
] as const

interface Step {
  readonly do: (typeof actions)[number]
  readonly who: number
  readonly which: number
  readonly flags: readonly boolean[]
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(...actions),
  who: fc.nat(3),
  which: fc.nat(9),
  flags: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
})

/** What it announced is up to chance, too. */
function enter(realm: Realm, all: LiveTestBus, id: number, flags: readonly boolean[]): Guest {
  return new Guest(
    realm,
    all,
    id,
    features.filter((_, i) => flags[i] === true),
  )
}

function act(guest: Guest, { do: what, which, flags }: Step): void {
  const [one = false, two = false, three = false] = flags
  const procedure = procedures[which % procedures.length] ?? 'x'
  const invocation = guest.invoked[which % Math.max(1, guest.invoked.length)] ?? 999
  const request = [...guest.open.keys()][which % Math.max(1, guest.open.size)] ?? 998
  switch (what) {
    case 'register': {
      const options = {
        invoke: one ? 'roundrobin' : 'single',
        match: two ? 'prefix' : 'exact',
        concurrency: which,
        force_reregister: three,
        forward_timeout: two,
        disclose_caller: three,
      }
      guest.receive([64, ++guest.lastRequest, options, procedure])
      break
    }
    case 'unregister':
      guest.receive([66, ++guest.lastRequest, guest.registrations[which] ?? 1])
      break
    case 'call': {
      const id = ++guest.lastRequest
      const isProgressive = three && guest.session.has('caller', 'progressive_call_invocations')
      const options = {
        receive_progress: one,
        timeout: two ? which * 100 : 0,
        progress: isProgressive,
        disclose_me: two,
      }
      guest.open.set(id, one)
      guest.receive([48, id, options, procedure, [which], { k: which }])
      break
    }
    case 'continue': {
      const call = guest.session.realm.dealer.callsOf(guest.session)?.made.get(request)
      if (call?.isProgressive === true) {
        guest.receive([48, request, { progress: one }, call.procedure, ['more']])
      }
      break
    }
    case 'cancel': {
      const mode = ['kill', 'skip', 'killnowait', 'unheard of'][which % 4]
      guest.receive([49, request, one ? {} : { mode }])
      break
    }
    case 'progress':
      guest.receive([70, invocation, { progress: true }, [which]])
      break
    case 'yield':
    case 'error':
    case 'unavailable': {
      const at = guest.invoked.indexOf(invocation)
      if (at !== -1) guest.invoked.splice(at, 1)
      const uri = what === 'error' ? 'com.example.error' : 'wamp.error.unavailable'
      if (what === 'yield') guest.receive([70, invocation, {}, [which]])
      else guest.receive([8, 68, invocation, {}, uri])
      break
    }
    case 'full':
      guest.isFull = one
      break
    case 'join':
    case 'pass time':
    case 'leave':
  }
}

test(`${runs} random lives of sessions that call each other`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
      const all = await openLiveBus()
      const realm = new Realm({
        name: 'r',
        uriCheck: 'loose',
        disclose: 'ask',
        callQueues: [],
        perSession: { subscriptions: 1_000, registrations: 1_000, calls: 1_000 },
        callSpace: undefined,
        bus: all.bus,
        clock: all.clock,
        logger: silentLogger,
      })
      let lastId = 0
      const guests = [1, 2, 3, 4].map(() => enter(realm, all, ++lastId, [true, true, true]))
      for (const each of steps) {
        const guest = guests[each.who]
        assert.ok(guest !== undefined)
        if (each.do === 'join' || each.do === 'leave') {
          guest.leave()
          guests[each.who] = enter(realm, all, ++lastId, each.flags)
        } else if (each.do === 'pass time') all.clock.advance(each.which * 150)
        else {
          try {
            act(guest, each)
          } catch (error) {
            // A violation, of a feature that it did not announce: it is sent away.
            if (!(error instanceof ProtocolError)) throw error
            guest.leave()
            guests[each.who] = enter(realm, all, ++lastId, each.flags)
          }
        }
        const open = guests.reduce((sum, { open: calls }) => sum + calls.size, 0)
        assert.equal(all.bus.live.procedures.callsInFlight, open)
        let serving = 0
        for (const { session } of guests) {
          const served = realm.dealer.callsOf(session)?.served ?? new Map()
          serving += served.size
        }
        assert.equal(serving, open, 'what is served is what is under way')
      }
      // Callees that still owe an answer are gone; whoever called hears of it.
      for (const [i, guest] of guests.entries()) {
        const calls = realm.dealer.callsOf(guest.session)
        assert.ok(calls === undefined || calls.made.size === guest.open.size)
        guest.leave()
        for (const other of guests.slice(i + 1)) {
          const theirs = realm.dealer.callsOf(other.session)
          assert.equal(theirs?.made.size ?? 0, other.open.size)
        }
      }
      assert.equal(all.bus.live.procedures.callsInFlight, 0)
      assert.equal(all.bus.live.procedures.size, 0)
      assert.equal(realm.sessions.size, 0)
    }),
    { numRuns: runs },
  )
})
