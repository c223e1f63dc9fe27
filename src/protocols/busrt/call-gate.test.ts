/** Calls between BUS/RT and everybody else. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { type LiveTestBus, openLiveBus, type TestClient, textOf } from '../../core/live-suite.ts'
import { CallError } from '../../model/call-error.ts'
import { BusError, type BusErrorCode, type ErrorReason } from '../../model/errors.ts'
import { noHeaders } from '../../model/message.ts'
import {
  decodeRpc,
  encodeErrorReply,
  encodeNotification,
  encodeReply,
  encodeRequest,
  type RpcFrame,
} from '../../wire/busrt/rpc.ts'
import { BrokerClient } from './broker-client.ts'
import { CallGate } from './call-gate.ts'

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A BUS/RT client as the bus sees it: whatever is sent to it is of the RPC layer. */
class RpcPeer {
  readonly client: TestClient
  readonly requests: { id: number; method: string; params: string; sender: string }[] = []
  readonly replies: string[] = []
  onRequest: (id: number) => void = () => undefined

  constructor(all: LiveTestBus, name: string, room = Infinity) {
    this.client = all.join(name, { room })
    const { inbox } = this.client
    const message = inbox.message.bind(inbox)
    inbox.message = (sender, bytes, start, end, realtime) => {
      message(sender, bytes, start, end, realtime)
      const frame = decodeRpc(bytes, start, end)
      if (frame !== undefined) this.#take(frame, bytes, end, sender.name)
    }
  }

  send(target: string, payload: Uint8Array): void {
    const bytes = Buffer.concat([Buffer.from(target), payload])
    const nameEnd = Buffer.byteLength(target)
    this.client.live.send(bytes, 0, nameEnd, nameEnd, bytes.length, false)
    // Borrowed for the call.
    bytes.fill(0xdd)
  }

  #take(frame: RpcFrame, bytes: Uint8Array, end: number, sender: string): void {
    const rest = textOf(bytes, frame.start, end)
    if (frame.kind === 'request') {
      const method = textOf(bytes, frame.methodStart, frame.methodEnd)
      this.requests.push({ id: frame.id, method, params: rest, sender })
      this.onRequest(frame.id)
    } else if (frame.kind === 'reply') this.replies.push(`${frame.id}: ${rest}`)
    else if (frame.kind === 'errorReply') this.replies.push(`${frame.id} ${frame.code}: ${rest}`)
  }
}

async function openGate() {
  const all = await openLiveBus()
  const gate = new CallGate({ bus: all.bus })
  return { ...all, gate }
}

async function call(client: TestClient, procedure: string, options = {}): Promise<string> {
  const payload = Buffer.from('params')
  const result = await client.handle.calls.call({
    procedure,
    payload,
    headers: noHeaders,
    ...options,
  })
  return textOf(result.payload)
}

describe('to clients of BUS/RT', () => {
  test('a call is a request from .msgbus, its reply the answer', async () => {
    const all = await openGate()
    const callee = new RpcPeer(all, 'a.b')
    callee.onRequest = (id) => callee.send('.msgbus', encodeReply(id, Buffer.from('answer')))
    assert.equal(await call(all.join('c'), 'busrt.a%2Eb.do%23it'), 'answer')
    assert.deepEqual(callee.requests, [
      { id: 1, method: 'do#it', params: 'params', sender: '.msgbus' },
    ])
  })

  test('late replies, in any order, go where they belong', async () => {
    const all = await openGate()
    const callee = new RpcPeer(all, 'x')
    const caller = all.join('c')
    const calls = ['1', '2', '3'].map((method) => call(caller, `busrt.x.${method}`))
    for (const { id, method } of callee.requests.toReversed()) {
      callee.send('.msgbus', encodeReply(id, Buffer.from(`to ${method}`)))
    }
    assert.deepEqual(await Promise.all(calls), ['to 1', 'to 2', 'to 3'])
  })

  test('only whom it was sent to can answer', async () => {
    const all = await openGate()
    const [callee, other] = [new RpcPeer(all, 'x'), new RpcPeer(all, 'y')]
    const result = call(all.join('c'), 'busrt.x.m')
    for (let id = 0; id < 10; id++) other.send('.msgbus', encodeReply(id, Buffer.from('forged')))
    callee.send('.msgbus', encodeReply(1, Buffer.from('true')))
    callee.send('.msgbus', encodeReply(1, Buffer.from('again')))
    assert.equal(await result, 'true')
  })

  test('error codes are errors of the bus', async () => {
    const all = await openGate()
    const callee = new RpcPeer(all, 'x')
    const caller = all.join('c')
    const cases: [code: number, wanted: BusErrorCode][] = [
      [-32_601, 'unimplemented'],
      [-32_113, 'unimplemented'],
      [-32_602, 'invalid_argument'],
      [-32_121, 'permission_denied'],
      [-32_120, 'deadline_exceeded'],
      [-32_119, 'cancelled'],
      [-32_118, 'unavailable'],
      [-32_114, 'resource_exhausted'],
      [-32_603, 'internal'],
    ]
    for (const [code, wanted] of cases) {
      callee.onRequest = (id) => callee.send('.msgbus', encodeErrorReply(id, code, 'why'))
      await assert.rejects(call(caller, 'busrt.x.m'), (error) => {
        return error instanceof BusError && error.code === wanted && error.message === 'why'
      })
    }
    callee.onRequest = (id) => callee.send('.msgbus', encodeErrorReply(id, 7, 'own'))
    await assert.rejects(call(caller, 'busrt.x.m'), (error) => {
      return error instanceof CallError && error.errorName === '7' && error.message === 'own'
    })
  })

  test('nobody of that name, and what is no such name, are no procedures', async () => {
    const all = await openGate()
    const caller = all.join('c')
    const broker = new BrokerClient({ bus: all.bus, clock: all.clock, version: '0' })
    const names = ['x.m', 'x', 'x.m.n', '.m', 'c.']
    // The daemon's own clients serve clients, in their name and with their rights, not the gate.
    names.push('%2Ebroker.test', '%2Emsgbus.busrt%2Ec%2Em')
    for (const name of names) {
      await assert.rejects(call(caller, `busrt.${name}`), hasReason('no_such_procedure'), name)
    }
    assert.equal(broker.live.receivedFrames, 0)
  })

  test('ends with the callee, also with one that is replaced or a secondary', async () => {
    for (const way of ['close', 'replace', 'primary']) {
      const all = await openGate()
      const primary = all.join('x')
      const name = way === 'primary' ? 'x%%1' : 'y'
      const callee = new RpcPeer(all, name)
      const result = call(all.join('c'), `busrt.${name}.m`)
      if (way === 'close') callee.client.close()
      else if (way === 'replace') all.join('y', { replace: true })
      else primary.close()
      await assert.rejects(result, hasReason('callee_gone'), way)
    }
  })

  test('a call that is over is answered in vain', async () => {
    const all = await openGate()
    const callee = new RpcPeer(all, 'x')
    const caller = all.join('c')
    const timedOut = assert.rejects(
      call(caller, 'busrt.x.m', { timeoutMs: 1 }),
      hasReason('timed_out'),
    )
    all.clock.advance(1_000)
    await timedOut
    const giveUp = new AbortController()
    const cancelled = assert.rejects(
      call(caller, 'busrt.x.m', { signal: giveUp.signal }),
      hasReason('cancelled'),
    )
    giveUp.abort()
    await cancelled
    const last = call(caller, 'busrt.x.m')
    for (const { id } of callee.requests) {
      callee.send('.msgbus', encodeReply(id, Buffer.from(String(id))))
    }
    assert.equal(await last, '3')
  })

  test('one that does not read gets no more calls', async () => {
    const all = await openGate()
    const callee = new RpcPeer(all, 'x', 1)
    const caller = all.join('c')
    const first = call(caller, 'busrt.x.m')
    await assert.rejects(call(caller, 'busrt.x.m'), hasReason('quota_exceeded'))
    assert.equal(callee.requests.length, 1)
    callee.client.drain()
    callee.send('.msgbus', encodeReply(1, Buffer.from('done')))
    assert.equal(await first, 'done')
  })
})

describe('from clients of BUS/RT', () => {
  test('a request to .msgbus calls the procedure that its method names', async () => {
    const all = await openGate()
    const callee = all.join('service')
    callee.handle.calls.register('com.example.echo', async ({ payload, caller }) => {
      await turn()
      const text = `${textOf(payload)} from ${caller}`
      return { payload: Buffer.from(text), headers: noHeaders }
    })
    const caller = new RpcPeer(all, 'a')
    caller.send('.msgbus', encodeRequest(7, 'com.example.echo', Buffer.from('hello')))
    caller.send('.msgbus', encodeRequest(0, 'com.example.echo', Buffer.from('no reply')))
    caller.send('.msgbus', encodeNotification(Buffer.from('nothing')))
    caller.send('.msgbus', Buffer.from([0xff, 1, 2]))
    caller.send('.msgbus', Buffer.alloc(0))
    await turn()
    await turn()
    assert.deepEqual(caller.replies, ['7: hello from a'])
  })

  test('errors of the bus are error codes', async () => {
    const all = await openGate()
    const callee = all.join('service')
    const caller = new RpcPeer(all, 'a')
    const errors: [procedure: string, error: Error, code: number, text: string][] = [
      ['denied', new BusError('permission_denied', 'access_denied', 'no'), -32_121, 'no'],
      ['late', new BusError('deadline_exceeded', 'timed_out', 'slow'), -32_120, 'slow'],
      ['own', new CallError('-5', { message: 'mine' }), -5, 'mine'],
      [
        'uri',
        new CallError('com.example.full', { message: 'full' }),
        -32_000,
        'com.example.full: full',
      ],
      ['defect', new TypeError('secret'), -32_603, 'internal error'],
    ]
    for (const [procedure, error] of errors) {
      callee.handle.calls.register(procedure, () => Promise.reject(error))
    }
    for (const [i, [procedure]] of errors.entries()) {
      caller.send('.msgbus', encodeRequest(i + 1, procedure, Buffer.alloc(0)))
    }
    caller.send('.msgbus', encodeRequest(9, 'nobody', Buffer.alloc(0)))
    await turn()
    const wanted = errors.map(([, , code, text], i) => `${i + 1} ${code}: ${text}`)
    const [last] = caller.replies.filter((text) => text.startsWith('9 '))
    assert.deepEqual(
      caller.replies.filter((text) => !text.startsWith('9 ')),
      wanted,
    )
    assert.match(last ?? '', /^9 -32601: /)
  })

  test('a client of BUS/RT reaches another by its procedure, too', async () => {
    const all = await openGate()
    const [a, b] = [new RpcPeer(all, 'a'), new RpcPeer(all, 'b')]
    b.onRequest = (id) => b.send('.msgbus', encodeReply(id, Buffer.from('here')))
    a.send('.msgbus', encodeRequest(1, 'busrt.b.m', Buffer.alloc(0)))
    await turn()
    assert.deepEqual(a.replies, ['1: here'])
  })

  test('an answer whose asker is gone is dropped', async () => {
    const all = await openGate()
    const callee = all.join('service')
    const answers: (() => void)[] = []
    callee.handle.calls.register('p', async () => {
      await new Promise<void>((resolve) => answers.push(resolve))
      return { payload: Buffer.from('late'), headers: noHeaders }
    })
    const caller = new RpcPeer(all, 'a')
    caller.send('.msgbus', encodeRequest(1, 'p', Buffer.alloc(0)))
    caller.client.close()
    const next = new RpcPeer(all, 'a')
    answers[0]?.()
    await turn()
    assert.deepEqual(next.replies, [])
  })
})

test('closing ends what it served', async () => {
  const all = await openGate()
  const callee = new RpcPeer(all, 'x')
  all.gate.close()
  await assert.rejects(call(all.join('c'), 'busrt.x.m'), hasReason('no_such_procedure'))
  assert.equal(callee.requests.length, 0)
  assert.equal(all.bus.client('.msgbus'), undefined)
})
