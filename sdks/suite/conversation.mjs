// Plays one conversation of vectors/conversations.json: offers the services it names, answers each
// call as its script says, and notes what a client did that it should not have. What is not scripted
// (Fetch, GetHead, ListHeads, Health) is answered from the logs, as a daemon would.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Metadata } from '@grpc/grpc-js'

import { BreakableServer } from './breakable-server.mjs'
import { repository, services } from './contracts.mjs'
import { fail, toFailure } from './failure.mjs'
import { FakeLogs, fakeNode, headsOf } from './fake-logs.mjs'
import { publishing } from './publish-script.mjs'
import { queueing } from './queue-script.mjs'

const epoch = 'e1'

const read = (name) => JSON.parse(readFileSync(join(repository, 'vectors', name), 'utf8'))

export async function startConversation(name) {
  const script = read('conversations.json').find((each) => each.name === name)
  if (script === undefined) throw new Error(`there is no conversation ${name}`)
  const conversation = new Conversation(script)
  await conversation.start()
  return conversation
}

export class Conversation {
  faults = []
  logs
  #script
  #server = new BreakableServer()
  /** How many attempts of each scripted call were made. */
  #attempts = new Map()
  /** Of each log, the head behind the last one that the client was given. */
  #v1Next = new Map()
  #checks = []

  constructor(script) {
    this.#script = script
    this.logs = new FakeLogs(script.server.stored ?? [])
  }

  get address() {
    return this.#server.address
  }

  async start() {
    const { offers, publish, publish_stream, consume, settled, published } = this.#script.server
    const writing = publishing(this, { publish, publish_stream, published })
    const queues = queueing(this, { consume, settled })
    this.#checks.push(writing.check, queues.check)
    this.#server.add(services.v1, {
      ...this.#reading(),
      ...writing.v1,
      Subscribe: (call) => this.#subscribeV1(call),
    })
    if (offers.includes('v2')) {
      this.#server.add(services.bus, {
        ...writing.bus,
        Subscribe: (call) => this.#subscribeV2(call),
      })
      this.#server.add(services.admin, {
        GetStatus: (_, done) => done(null, { node: fakeNode('fake'), epoch, ready: true }),
      })
      this.#server.add(services.queue, queues.queue)
      this.#server.add(services.client, { Call: (call, done) => this.#call(call, done) })
    }
    await this.#server.start()
  }

  close() {
    this.#server.close()
  }

  /** What the client did wrong; empty: nothing. */
  verdict() {
    for (const name of ['subscribe_v1', 'subscribe_v2', 'publish', 'publish_stream', 'consume']) {
      const wanted = this.#script.server[name]?.length ?? 0
      const made = this.#attempts.get(name) ?? 0
      if (made < wanted) this.fault(`${name}: ${made} calls, ${wanted} are scripted`)
    }
    for (const check of this.#checks) check()
    return this.faults
  }

  fault(text) {
    this.faults.push(text)
  }

  cut() {
    this.#server.cut()
  }

  /** The script of the next call of a kind; undefined, and a fault, when there is none. */
  next(name) {
    const attempt = this.#attempts.get(name) ?? 0
    this.#attempts.set(name, attempt + 1)
    const found = this.#script.server[name]?.[attempt]
    if (found === undefined) this.fault(`${name}: more calls than are scripted`)
    return found
  }

  #reading() {
    const { logs } = this
    return {
      Health: (_, done) => done(null, { status: 'SERVING', node: fakeNode('fake') }),
      Ready: (_, done) => done(null, { ready: true, status: 'READY', node: fakeNode('fake') }),
      GetHead: ({ request }, done) => {
        const failure = failureOfTopic(request.topic)
        if (failure !== undefined) return done(failure)
        const head_id = logs.head(request.topic, request.origin)
        done(null, { head_id, found: head_id > 0 })
      },
      ListHeads: (_, done) => done(null, { heads: logs.heads() }),
      Fetch: (call) => {
        const { topic, origin, from_head_id, limit } = call.request
        const most = limit === 0 ? 100 : Math.min(limit, 10_000)
        const found = logs.from(topic, origin, Math.max(1, from_head_id)).slice(0, most)
        for (const message of found) call.write({ message })
        this.#given(topic, origin, found.at(-1)?.head_id ?? 0)
        call.end()
      },
    }
  }

  /** Keeps what the client has of a log, so that a subscription may begin right behind it. */
  #given(topic, origin, head) {
    const key = this.logs.key(topic, origin)
    if (head > 0) this.#v1Next.set(key, Math.max(head + 1, this.#v1Next.get(key) ?? 0))
  }

  #subscribeV1(call) {
    const attempt = this.next('subscribe_v1')
    if (attempt === undefined) return fail(call, { code: 'PERMISSION_DENIED', message: 'enough' })
    const { topic, origin, from_head_id, replay_limit } = call.request
    const from = Math.max(1, from_head_id)
    const next = this.#v1Next.get(this.logs.key(topic, origin))
    const wanted = attempt.from_head_id
    if (wanted !== undefined && from !== wanted)
      this.fault(`subscribed from ${from}, not ${wanted}`)
    if (wanted === undefined && next !== undefined) {
      // What was on its way when a connection was cut may or may not have arrived.
      const isRight = attempt.after_cut ? from <= next : from === next
      if (!isRight) this.fault(`subscribed from ${from}, although it has all before ${next}`)
    }
    if (attempt.device !== undefined && origin?.device_id !== attempt.device) {
      this.fault(`subscribed to ${origin?.device_id ?? 'no origin'}, not ${attempt.device}`)
    }
    const send = (message) => {
      this.#given(topic, origin, message.head_id)
      call.write({ message })
    }
    this.#play(call, attempt.steps, {
      replay: () => {
        const most = replay_limit === 0 ? 100 : Math.min(replay_limit, 10_000)
        for (const message of this.logs.from(topic, origin, from).slice(0, most)) send(message)
      },
      store: (heads) => this.logs.store(topic, origin, headsOf(heads)),
      send: (heads) => {
        for (const head of headsOf(heads)) send(this.logs.store(topic, origin, [head])[0])
      },
    })
  }

  #subscribeV2(call) {
    const attempt = this.next('subscribe_v2')
    if (attempt === undefined) return fail(call, { code: 'PERMISSION_DENIED', message: 'enough' })
    const { filter, start, origin } = call.request
    const { filter: wantedFilter, start: wantedStart, device } = attempt
    if (wantedFilter !== undefined && filter !== wantedFilter) this.fault(`filter ${filter}`)
    if (device !== undefined && (origin?.device_id ?? '') !== device) {
      this.fault(`subscribed to ${origin?.device_id ?? 'no origin'}, not ${device}`)
    }
    const given = startOf(start)
    if (wantedStart !== undefined && !wantedStart.split('|').includes(given)) {
      this.fault(`subscribed at ${given}, not at ${wantedStart}`)
    }
    this.#play(call, attempt.steps, {
      deliver: ({ messages = [], sequence, epoch: other = epoch }) => {
        const position = sequence === undefined ? null : { epoch: other, sequence }
        call.write({ messages: this.logs.batch(messages), position, caught_up: true, damaged: [] })
      },
      store: ({ topic, device: of, heads }) => {
        this.logs.store(topic, fakeNode(of), headsOf(heads))
      },
      rewrite: ({ topic, device: of, heads }) => {
        this.logs.rewrite(topic, fakeNode(of), headsOf(heads))
      },
    })
  }

  /** Headers go out at once, as with a daemon, so that a client knows that its stream stands. */
  #play(call, steps, own) {
    call.on('error', () => undefined)
    if (!steps.some((step, i) => i === 0 && 'fail' in step)) call.sendMetadata(new Metadata())
    for (const step of steps) {
      const [name, value] = Object.entries(step)[0]
      if (name === 'fail') return fail(call, value)
      if (name === 'end') return call.end()
      // Once what was written has left.
      if (name === 'cut') return void setImmediate(() => this.cut())
      own[name](value)
    }
  }

  #call(call, done) {
    const { procedure, payload, headers } = call.request
    if (procedure === 'echo') return done(null, { result: { payload, headers } })
    if (procedure === 'fail') {
      const failure = { name: 'com.example.full', message: 'no room', payload, headers }
      return done(null, { failure })
    }
    done(
      toFailure({ code: 'UNIMPLEMENTED', reason: 'no_such_procedure', message: 'nobody has it' }),
    )
  }
}

/** A start as one word: `earliest`, `after e1 7`, `head 5`. */
function startOf(start) {
  if (start === null || start === undefined) return 'now'
  if (start.at === 'after') return `after ${start.after.epoch} ${start.after.sequence}`
  if (start.at === 'head_id') return `head ${start.head_id}`
  return start.at
}

/** GetHead on `status/7` or `status/7/reserved_topic` fails just so. */
function failureOfTopic(topic) {
  const [, number, reason] = /^status\/(\d+)(?:\/(\w+))?$/.exec(topic) ?? []
  if (number === undefined) return undefined
  return toFailure({ number: Number(number), reason, message: `status ${number}` })
}
