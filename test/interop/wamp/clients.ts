/** WAMP clients of others, in one shape for the tests: Autobahn|JS and wampy, and Autobahn|Python as a program. */

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Wampy } from 'wampy'
import { CborSerializer } from 'wampy/CborSerializer.js'
import { JsonSerializer } from 'wampy/JsonSerializer.js'
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js'
import { WebSocket } from 'ws'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { deferred } from '../../e2e/participant.ts'
import { cached, output, type Toolchain, tryRun } from '../toolchain.ts'
import type { SerializerName } from '../../conformance/wamp/raw-client.ts'

export interface Event {
  readonly args: unknown[]
  readonly kwargs: Record<string, unknown>
  readonly details: Record<string, unknown>
}

type Options = Record<string, unknown>

export interface Client {
  readonly name: string
  subscribe(topic: string, onEvent: (event: Event) => void, options?: Options): Promise<void>
  unsubscribe(topic: string): Promise<void>
  /** Resolves when it is acknowledged. */
  publish(topic: string, args: unknown[], kwargs: Options, options?: Options): Promise<void>
  register(procedure: string, serve: (args: unknown[], kwargs: Options) => unknown): Promise<void>
  /** The first positional result. Rejects with an error whose `uri` is that of WAMP. */
  call(procedure: string, args: unknown[], kwargs?: Options): Promise<unknown>
  close(): Promise<void>
}

export class CallFailure extends Error {
  readonly uri: string

  constructor(uri: string) {
    super(uri)
    this.uri = uri
  }
}

// Autobahn|JS

interface AutobahnSession {
  subscribe(
    topic: string,
    handler: (args: unknown[], kwargs: Options, details: Options) => void,
    options?: Options,
  ): Promise<object>
  unsubscribe(subscription: object): Promise<unknown>
  publish(topic: string, args: unknown[], kwargs: Options, options: Options): Promise<unknown>
  register(
    procedure: string,
    handler: (args: unknown[], kwargs: Options) => unknown,
  ): Promise<object>
  call(procedure: string, args: unknown[], kwargs?: Options): Promise<unknown>
}

interface AutobahnConnection {
  onopen: (session: AutobahnSession) => void
  onclose: (reason: string) => boolean
  open(): void
  close(): void
}

interface Autobahn {
  Connection: new (options: object) => AutobahnConnection
  serializer: Readonly<
    Record<'JSONSerializer' | 'MsgpackSerializer' | 'CBORSerializer', new () => object>
  >
}

// It wants the class that browsers have.
Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? WebSocket })
const autobahn = createRequire(import.meta.url)('autobahn') as Autobahn

const autobahnSerializers = {
  json: 'JSONSerializer',
  msgpack: 'MsgpackSerializer',
  cbor: 'CBORSerializer',
} as const

export async function openAutobahn(
  t: Scope,
  at: { readonly url: string } | { readonly port: number },
  serializer: SerializerName = 'json',
): Promise<Client> {
  const way =
    'url' in at
      ? { url: at.url, serializers: [new autobahn.serializer[autobahnSerializers[serializer]]()] }
      : { transports: [{ type: 'rawsocket', host: '127.0.0.1', port: at.port }] }
  const connection = new autobahn.Connection({ ...way, realm: 'realm1', max_retries: 0 })
  const { promise: whenClosed, resolve: closed } = deferred()
  const session = await new Promise<AutobahnSession>((resolve, reject) => {
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it has no other way
    connection.onopen = resolve
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- as above
    connection.onclose = (reason) => {
      closed()
      reject(new Error(`closed: ${reason}`))
      return true
    }
    connection.open()
  })
  const subscriptions = new Map<string, object>()
  let isClosed = false
  const close = async () => {
    if (isClosed) return
    isClosed = true
    connection.close()
    await whenClosed
  }
  cleanUp(t, close)
  return {
    name: 'autobahn',
    subscribe: async (topic, onEvent, options = {}) => {
      const handler = (args: unknown[], kwargs: Options, details: Options) =>
        onEvent({ args, kwargs, details })
      subscriptions.set(topic, await session.subscribe(topic, handler, options))
    },
    unsubscribe: async (topic) => {
      const subscription = subscriptions.get(topic)
      if (subscription !== undefined) await session.unsubscribe(subscription)
    },
    publish: async (topic, args, kwargs, options = {}) => {
      await session.publish(topic, args, kwargs, { acknowledge: true, ...options })
    },
    register: async (procedure, serve) => {
      await session.register(procedure, (args, kwargs) => serve(args ?? [], kwargs ?? {}))
    },
    call: async (procedure, args, kwargs) => {
      try {
        return await session.call(procedure, args, kwargs)
      } catch (error) {
        throw new CallFailure(String((error as { error?: unknown }).error))
      }
    },
    close,
  }
}

// wampy

// The class of `ws` does all that wampy asks of the one of browsers, and its types do not say so.
const webSocketClass = WebSocket as unknown as NonNullable<
  NonNullable<ConstructorParameters<typeof Wampy>[1]>['ws']
>

const wampySerializers = {
  json: JsonSerializer,
  msgpack: MsgpackSerializer,
  cbor: CborSerializer,
} as const

export async function openWampy(
  t: Scope,
  url: string,
  serializer: SerializerName = 'json',
): Promise<Client> {
  const wampy = new Wampy(url, {
    realm: 'realm1',
    ws: webSocketClass,
    serializer: new wampySerializers[serializer](),
    maxRetries: 0,
    uriValidation: 'loose',
  })
  await wampy.connect()
  const keys = new Map<string, string>()
  let isClosed = false
  const close = async () => {
    if (isClosed) return
    isClosed = true
    await wampy.disconnect()
  }
  cleanUp(t, close)
  return {
    name: 'wampy',
    // Without options none are given: it does not find again what had empty ones.
    subscribe: async (topic, onEvent, options) => {
      const { subscriptionKey } = await wampy.subscribe(
        topic,
        ({ argsList = [], argsDict = {}, details }) =>
          onEvent({ args: argsList, kwargs: argsDict, details }),
        options,
      )
      keys.set(topic, subscriptionKey)
    },
    unsubscribe: async (topic) => {
      await wampy.unsubscribe(keys.get(topic) ?? topic)
    },
    publish: async (topic, argsList, argsDict, options = {}) => {
      await wampy.publish(topic, { argsList, argsDict }, options)
    },
    register: async (procedure, serve) => {
      await wampy.register(procedure, async ({ argsList = [], argsDict = {} }) => {
        return { argsList: [await serve(argsList, argsDict)] }
      })
    },
    call: async (procedure, argsList, argsDict) => {
      try {
        const { argsList: [first] = [] } = await wampy.call(procedure, { argsList, argsDict })
        return first
      } catch (error) {
        throw new CallFailure(String((error as { errorUri?: unknown }).errorUri))
      }
    },
    close,
  }
}

/** Autobahn|Python in an environment of its own. */
export function autobahnPython(): Toolchain {
  const version = output('python3', ['--version'])
  if (version === undefined) return { missing: 'python3 is not installed' }
  if (output('python3', ['-c', 'import ensurepip, venv']) === undefined) {
    return { missing: 'python3 has no venv (on Debian: apt-get install python3-venv)' }
  }
  return cached('wamp/python', version, (folder) => {
    const made = tryRun('python3', ['-m', 'venv', 'venv'], folder)
    if (made !== undefined) throw new Error(made)
    const python = join(folder, 'venv/bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']
    const fetched = tryRun(python, install, folder)
    if (fetched !== undefined) return { missing: `Autobahn cannot be fetched: ${fetched}` }
    return { command: python, args: [join(folder, 'client.py')] }
  })
}
