/**
 * Calls from every protocol that has them to procedures that clients of every protocol offer: the caller gets back
 * what it sent, as it sent it, and errors keep their meaning (spec/wamp 13.7).
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode, encode } from '@msgpack/msgpack'
import {
  type BusrtClient,
  connect as connectBusrt,
  RpcError,
} from '../../src/client/busrt/index.ts'
import { BusError, CallError, connect, type MsgbusClient } from '../../src/client/index.ts'
import { answer, call, fail, invocation, register } from '../conformance/wamp/callee.ts'
import { type Json, RawClient } from '../conformance/wamp/raw-client.ts'
import { cleanUp } from './clean-up.ts'
import { type DaemonProcess, startDaemon } from './daemon-process.ts'

const value = { t: 21, list: [1.5, null, 'grün'] }
const application = 'com.example.full'

/** How a call failed, in words that all protocols share. */
type Failure = 'application' | 'bad argument' | 'nobody' | 'not allowed' | 'too late' | 'gone'

interface Caller {
  /** Calls with the value; what came back. @throws Failed */
  call(procedure: string, timeoutMs?: number): Promise<unknown>
}

class Failed extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure)
    this.failure = failure
  }
}

interface Scene {
  readonly daemon: DaemonProcess
  readonly grpc: MsgbusClient
  readonly busrt: BusrtClient
  readonly wamp: RawClient
  readonly http: string
}

function addressOf(daemon: DaemonProcess, protocol: string): string {
  const found = daemon.info.listeners.find((listener) => listener.protocol === protocol)
  assert.ok(found !== undefined, protocol)
  return found.address
}

const failuresOfCode: Partial<Record<string, Failure>> = {
  invalid_argument: 'bad argument',
  unimplemented: 'nobody',
  permission_denied: 'not allowed',
  deadline_exceeded: 'too late',
  unavailable: 'gone',
}

function grpcCaller({ grpc }: Scene): Caller {
  return {
    async call(procedure, timeoutMs) {
      try {
        const headers = new Map([['content-type', 'application/json']])
        const options = timeoutMs === undefined ? { headers } : { headers, timeoutMs }
        const { payload } = await grpc.call(procedure, JSON.stringify(value), options)
        return JSON.parse(Buffer.from(payload).toString()) as unknown
      } catch (error) {
        if (error instanceof CallError) {
          assert.equal(error.errorName, application)
          throw new Failed('application')
        }
        assert.ok(error instanceof BusError)
        throw new Failed(failuresOfCode[error.code] ?? assert.fail(error.code))
      }
    },
  }
}

function httpCaller({ http }: Scene): Caller {
  return {
    async call(procedure, timeoutMs) {
      const query = new URLSearchParams({ procedure })
      if (timeoutMs !== undefined) query.set('timeoutMs', String(timeoutMs))
      const response = await fetch(`http://${http}/v1/call?${query.toString()}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      })
      const body = (await response.json()) as { error?: { code: string; name?: string } }
      if (response.ok) return body
      if (body.error?.name !== undefined) {
        assert.equal(body.error.name, application)
        throw new Failed('application')
      }
      throw new Failed(failuresOfCode[body.error?.code ?? ''] ?? assert.fail(JSON.stringify(body)))
    },
  }
}

const failuresOfRpc: Readonly<Record<number, Failure>> = {
  [-32_602]: 'bad argument',
  [-32_601]: 'nobody',
  [-32_121]: 'not allowed',
  [-32_120]: 'too late',
  [-32_118]: 'gone',
}

function busrtCaller({ busrt }: Scene): Caller {
  return {
    async call(procedure) {
      try {
        return decode(await busrt.rpc.call('.msgbus', procedure, encode(value)))
      } catch (error) {
        assert.ok(error instanceof RpcError, String(error))
        if (error.rpcCode === -32_000) {
          assert.match(error.message, /com\.example\.full: no room/)
          throw new Failed('application')
        }
        throw new Failed(failuresOfRpc[error.rpcCode] ?? assert.fail(String(error.rpcCode)))
      }
    },
  }
}

const failuresOfUri: Readonly<Record<string, Failure>> = {
  [application]: 'application',
  'wamp.error.invalid_argument': 'bad argument',
  'wamp.error.no_such_procedure': 'nobody',
  'wamp.error.not_authorized': 'not allowed',
  'wamp.error.timeout': 'too late',
  'wamp.error.canceled': 'gone',
  'wamp.error.unavailable': 'gone',
}

function wampCaller(client: RawClient): Caller {
  return {
    async call(procedure, timeout) {
      const options = timeout === undefined ? {} : { timeout }
      const request = call(client, procedure, options, [], value)
      const message = await client.next()
      if (message[0] === 50) {
        assert.deepEqual(message.slice(0, 4), [50, request, {}, []])
        return message[4]
      }
      assert.deepEqual(message.slice(0, 3), [8, 48, request])
      const uri = message[4] as string
      throw new Failed(failuresOfUri[uri] ?? assert.fail(uri))
    },
  }
}

async function open(t: Parameters<typeof startDaemon>[0]): Promise<Scene> {
  const ports = ['--http', '127.0.0.1:0', '--wamp', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...ports] })
  const grpc = await connect(daemon.address)
  cleanUp(t, () => grpc.close())
  const address = join(daemon.data, 'busrt.sock')
  const busrt = await connectBusrt({ address, name: 'plc.1', reconnect: false })
  cleanUp(t, () => busrt.close())
  const wamp = await joined(t, daemon)
  return { daemon, grpc, busrt, wamp, http: addressOf(daemon, 'http') }
}

async function joined(
  t: Parameters<typeof startDaemon>[0],
  daemon: DaemonProcess,
  serializer: 'json' | 'msgpack' | 'cbor' = 'json',
): Promise<RawClient> {
  const port = Number(addressOf(daemon, 'wamp').split(':').at(-1))
  const client = await RawClient.open(port, serializer, 15)
  cleanUp(t, () => client.destroy())
  await client.join()
  return client
}

/** Answers every INVOCATION as `how` says. */
function serve(client: RawClient, how: (id: number, payload: Json[]) => void): void {
  const next = async () => {
    for (;;) {
      const { id, args, kwargs } = await invocation(client)
      how(id, [args, kwargs])
    }
  }
  // Ends with the connection.
  next().catch(() => undefined)
}

test('a call from each protocol to each other, and back', { timeout: 60_000 }, async (t) => {
  const scene = await open(t)
  const { daemon, grpc, busrt } = scene
  await grpc.register('echo.grpc', ({ payload, headers }) => ({ payload, headers }))
  busrt.rpc.handle('echo', ({ params }) => params)
  const procedures = ['echo.grpc', 'busrt.plc%2E1.echo']
  for (const serializer of ['json', 'msgpack', 'cbor'] as const) {
    const callee = await joined(t, daemon, serializer)
    await register(callee, `echo.wamp.${serializer}`)
    procedures.push(`echo.wamp.${serializer}`)
    serve(callee, (id, payload) => answer(callee, id, ...payload))
  }
  const callers: Record<string, Caller> = {
    grpc: grpcCaller(scene),
    http: httpCaller(scene),
    busrt: busrtCaller(scene),
    'wamp json': wampCaller(scene.wamp),
    'wamp cbor': wampCaller(await joined(t, daemon, 'cbor')),
    'wamp msgpack': wampCaller(await joined(t, daemon, 'msgpack')),
  }
  for (const [name, caller] of Object.entries(callers)) {
    for (const procedure of procedures) {
      assert.deepEqual(await caller.call(procedure), value, `${name} -> ${procedure}`)
    }
  }
})

test(
  'errors keep their meaning from each protocol to each other',
  { timeout: 60_000 },
  async (t) => {
    const scene = await open(t)
    const { daemon, grpc, busrt } = scene
    const procedures: [procedure: string, expected: Failure][] = [['nobody.here', 'nobody']]
    const refusals: [expected: Failure, uri: string, code: number][] = [
      ['application', application, -32_000],
      ['bad argument', 'wamp.error.invalid_argument', -32_602],
      ['nobody', 'wamp.error.no_such_procedure', -32_601],
      ['not allowed', 'wamp.error.not_authorized', -32_121],
      ['gone', 'wamp.error.unavailable', -32_118],
    ]
    const callee = await joined(t, daemon)
    const byRegistration = new Map<number, string>()
    for (const [i, [expected, uri, code]] of refusals.entries()) {
      const text = uri === application ? `${application}: no room` : 'no room'
      busrt.rpc.handle(`fail${i}`, () => {
        throw new RpcError(code, text)
      })
      procedures.push([`busrt.plc%2E1.fail${i}`, expected])
      byRegistration.set(await register(callee, `fail.wamp.${i}`), uri)
      procedures.push([`fail.wamp.${i}`, expected])
    }
    const failing = async () => {
      for (;;) {
        const { id, registration } = await invocation(callee)
        fail(callee, id, byRegistration.get(registration) ?? '', ['no room'])
      }
    }
    failing().catch(() => undefined)
    await grpc.register('fail.grpc.0', () => {
      throw new CallError(application, { message: 'no room' })
    })
    procedures.push(['fail.grpc.0', 'application'])
    const callers: Record<string, Caller> = {
      grpc: grpcCaller(scene),
      http: httpCaller(scene),
      busrt: busrtCaller(scene),
      wamp: wampCaller(scene.wamp),
    }
    for (const [name, caller] of Object.entries(callers)) {
      for (const [procedure, expected] of procedures) {
        await assert.rejects(
          () => caller.call(procedure),
          (error) => {
            assert.ok(error instanceof Failed, `${name} -> ${procedure}: ${String(error)}`)
            assert.equal(error.failure, expected, `${name} -> ${procedure}`)
            return true
          },
        )
      }
    }
  },
)

test('a callee that goes fails its calls, whoever made them', { timeout: 60_000 }, async (t) => {
  const scene = await open(t)
  const { daemon } = scene
  const callee = await joined(t, daemon)
  await register(callee, 'goes')
  const callers = [grpcCaller(scene), httpCaller(scene), busrtCaller(scene), wampCaller(scene.wamp)]
  const calls = callers.map((caller) =>
    assert.rejects(
      () => caller.call('goes'),
      (error) => error instanceof Failed && error.failure === 'gone',
    ),
  )
  for (const _ of callers) await invocation(callee)
  callee.destroy()
  await Promise.all(calls)
})

test('time that is over is over for every caller that says so', { timeout: 60_000 }, async (t) => {
  const scene = await open(t)
  const callee = await joined(t, scene.daemon)
  await register(callee, 'never')
  const callers = [grpcCaller(scene), httpCaller(scene), wampCaller(scene.wamp)]
  for (const caller of callers) {
    await assert.rejects(
      () => caller.call('never', 150),
      (error) => error instanceof Failed && error.failure === 'too late',
    )
  }
})
