// Asks real adapters, over sockets, what somebody may do, and a model that shares no code with the daemon what the answer
// has to be: protocol by way of showing who one is by action by shape of rule by kind of connection.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { connectAsync, type IClientOptions, MqttClient } from 'mqtt'
import { WebSocket } from 'ws'
import { usersSchema } from '../../src/access/access-schema.ts'
import type { AccessSettings } from '../../src/access/access.ts'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { connectLazy } from '../../src/client/index.ts'
import { connect as connectTmb } from '../../src/client/tmb/index.ts'
import { canIdentifyProcesses } from '../../src/net/process-credentials.ts'
import { TestAuthority } from '../e2e/certificates.ts'
import { mayDo, type ModelUser, resources, rules } from './model.ts'
import { makeUsers, passwords, type SecuredDaemon, startSecured } from './secured-daemon.ts'

/** What somebody shows. */
interface Way {
  readonly name: string
  readonly user: string | undefined
  readonly groups: readonly string[]
  readonly password?: string
  readonly token?: string
  readonly hasCertificate?: boolean
}

/** Does something; resolves with whether it was allowed. */
type Probe = (resource: string) => Promise<boolean>

interface Connected {
  /** Name on the bus. */
  readonly client: string
  readonly actions: Readonly<Record<string, Probe>>
}

type Connection = 'tcp' | 'tls' | 'unix'
interface Place {
  readonly daemon: SecuredDaemon
  readonly kind: Connection
}

let users: AccessSettings['users']
let folder: string
let authority: TestAuthority
let own: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer }
let cases = 0
before(async () => {
  const made = await makeUsers()
  // Who runs this is nobody, so that a Unix socket proves nothing by itself but where a test says so.
  users = usersSchema.parse(made.map((user) => ({ ...user, processes: [] })))
  folder = mkdtempSync(join(tmpdir(), 'msgbus-oracle-'))
  authority = new TestAuthority(folder)
  const { cert, key } = authority.issue('robot')
  own = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(authority.cert) }
})
after(() => {
  rmSync(folder, { recursive: true })
  assert.ok(cases >= 2_500, `only ${cases} cases`)
  process.stdout.write(`# ${cases} cases\n`)
})

const ways: readonly Way[] = [
  { name: 'nothing', user: undefined, groups: [] },
  { name: 'password of alice', user: 'alice', groups: ['makers'], password: passwords.alice },
  { name: 'password of bob', user: 'bob', groups: [], password: passwords.bob },
]

/** `own/+` is a name to those who write to it, and a pattern to those who subscribe. */
const names = resources.filter((resource) => resource !== 'own/+')

/** Allowed unless a rule refuses; whatever else is wrong with it is not asked here. */
async function isAllowed(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    return (error as { reason?: unknown }).reason !== 'access_denied'
  }
}

function tlsFor({ kind }: Place, { hasCertificate = false }: Way) {
  if (kind !== 'tls') return undefined
  const { ca, cert, key } = own
  return hasCertificate ? { ca, cert, key } : { ca }
}

function overGrpc(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const { user, password, token } = way
  const login = password === undefined ? { token } : { user, password }
  const client = connectLazy(place.daemon.address('grpc'), { ...login, tls: tlsFor(place, way) })
  t.after(() => client.close())
  const range = { from: 1, to: 1 }
  const actions: Record<string, Probe> = {
    publish: (topic) => isAllowed(client.publish(topic, 'x')),
    fetch: (topic) => isAllowed(client.fetchAll(topic, { limit: 1 })),
    delete: (topic) => isAllowed(client.deleteRange(topic, range)),
    enqueue: (queue) => isAllowed(client.enqueueFifo(queue, 't', 'x')),
    consume: (queue) => isAllowed(client.peekFifo(queue)),
    send: (name) => isAllowed(client.send(name, 'x')),
    call: (procedure) => isAllowed(client.call(procedure, 'x')),
    broadcast: (mask) => isAllowed(client.broadcast(mask, 'x')),
    register: async (procedure) => {
      try {
        const registration = await client.register(procedure, async () => 'x')
        await registration.close()
        return true
      } catch (error) {
        return (error as { reason?: unknown }).reason !== 'access_denied'
      }
    },
  }
  return Promise.resolve({ client: '', actions })
}

function overHttp(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const { kind, daemon } = place
  const { user, password, token } = way
  const agent =
    kind === 'tls' ? new TlsAgent({ keepAlive: true }) : new PlainAgent({ keepAlive: true })
  t.after(() => agent.destroy())
  const headers: Record<string, string> = { host: 'localhost' }
  if (password !== undefined) {
    headers['authorization'] =
      `Basic ${Buffer.from(`${user ?? ''}:${password}`).toString('base64')}`
  } else if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  const to =
    kind === 'unix'
      ? { socketPath: daemon.address('http').slice('unix:'.length) }
      : { host: '127.0.0.1', port: daemon.port('http') }
  const ask = (method: string, path: string, query: Record<string, string>) =>
    new Promise<boolean>((resolve, reject) => {
      const url = `${path}?${new URLSearchParams(query).toString()}`
      const options = { ...to, ...tlsFor(place, way), method, headers, agent, path: url }
      const send = kind === 'tls' ? tlsRequest : plainRequest
      const request = send(options, (response) => {
        response.resume()
        response.once('end', () => {
          const { statusCode = 0 } = response
          if (statusCode === 401 || statusCode >= 500) reject(new Error(`${url}: ${statusCode}`))
          else resolve(statusCode !== 403)
        })
      })
      request.once('error', reject)
      request.end(method === 'POST' ? 'x' : undefined)
    })
  const range = { from: '1', to: '1' }
  const actions: Record<string, Probe> = {
    publish: (topic) => ask('POST', '/v1/publish', { topic }),
    fetch: (topic) => ask('GET', '/v1/fetch', { topic }),
    delete: (topic) => ask('DELETE', '/v1/messages', { topic, ...range }),
    enqueue: (queue) => ask('POST', '/v1/queues/enqueue', { queue }),
    consume: (queue) => ask('GET', '/v1/queues/front', { queue }),
    send: (client) => ask('POST', '/v1/send', { client }),
    call: (procedure) => ask('POST', '/v1/call', { procedure }),
    broadcast: (mask) => ask('POST', '/v1/broadcast', { mask }),
  }
  return Promise.resolve({ client: '', actions })
}

/** By the reason code of the answer. */
async function isGranted(work: Promise<unknown>): Promise<boolean> {
  try {
    const granted = await work
    return !Array.isArray(granted) || granted.every(({ qos }: { qos: number }) => qos < 0x80)
  } catch (error) {
    // mqtt.js tells a refused subscription without its number.
    const { code, message } = error as { code?: number; message: string }
    if (code === 0x87 || /not authorized|Subscribe error/i.test(message)) return false
    throw error
  }
}

async function overMqtt(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const { kind, daemon } = place
  const { user, password, token } = way
  const options: IClientOptions = {
    ...tlsFor(place, way),
    clientId: 'c1',
    protocolVersion: 5,
    reconnectPeriod: 0,
  }
  if (kind !== 'unix') {
    options.protocol = kind === 'tls' ? 'mqtts' : 'mqtt'
    options.host = '127.0.0.1'
    options.port = daemon.port('mqtt')
  }
  if (password !== undefined || token !== undefined) {
    options.username = token === undefined ? (user ?? '') : ''
    options.password = password ?? token ?? ''
  }
  const client =
    kind === 'unix'
      ? await connectUnix(daemon.address('mqtt'), options)
      : await connectAsync(options)
  t.after(() => client.endAsync(true))
  const actions: Record<string, Probe> = {
    publish: (topic) => isGranted(client.publishAsync(topic, 'x', { qos: 1 })),
    subscribe: (filter) => isGranted(client.subscribeAsync(filter, { qos: 0 })),
  }
  return { client: 'c1', actions }
}

async function connectUnix(address: string, options: IClientOptions): Promise<MqttClient> {
  const client = new MqttClient(() => dial(address.slice('unix:'.length)), options)
  await new Promise((resolve) => client.once('connect', resolve))
  return client
}

async function overBusrt(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const address = place.daemon.address('busrt')
  const client = await connectBusrt({
    address: place.kind === 'tls' ? `tls+${address}` : address,
    name: 'c2',
    tls: tlsFor(place, way),
    reconnect: false,
  })
  t.after(() => client.close())
  const actions: Record<string, Probe> = {
    publish: (topic) => isAllowed(client.publish(topic, 'x')),
    subscribe: (filter) => isAllowed(client.subscribe(filter)),
    send: (name) => isAllowed(client.send(name, 'x')),
    broadcast: (mask) => isAllowed(client.broadcast(mask, 'x')),
  }
  return { client: 'c2', actions }
}

async function overTmb(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const address = place.daemon.address('tmb')
  const { user = '', password, token } = way
  const auth =
    password !== undefined ? { user, password } : token !== undefined ? { token } : undefined
  let isRefused = false
  const client = await connectTmb({
    address: place.kind === 'tls' ? `tls+${address}` : address,
    tls: tlsFor(place, way),
    auth,
    reconnect: false,
    on: { messageRefused: () => (isRefused = true) },
  })
  t.after(() => client.close())
  const actions: Record<string, Probe> = {
    publish: async (topic) => {
      isRefused = false
      await client.publish(topic, 'x')
      // Answers come in order: what was refused has been told before.
      await client.ping()
      return !isRefused
    },
    subscribe: (topic) => isAllowed(client.subscribe('is', topic)),
  }
  return { client: '', actions }
}

const uri = (resource: string) => resource.replaceAll('/', '.')

async function overWamp(t: TestContext, place: Place, way: Way): Promise<Connected> {
  const { kind, daemon } = place
  const { user = 'robot', password, token } = way
  const url =
    kind === 'unix'
      ? `ws+unix:${daemon.address('http').slice('unix:'.length)}:/wamp`
      : `${kind === 'tls' ? 'wss' : 'ws'}://127.0.0.1:${daemon.port('http')}/wamp`
  const socket = new WebSocket(url, 'wamp.2.json', {
    ...tlsFor(place, way),
    headers: { host: 'localhost' },
  })
  t.after(() => socket.terminate())
  const waiting: ((message: unknown[]) => void)[] = []
  socket.on('message', (data: Buffer) => {
    waiting.shift()?.(JSON.parse(data.toString()) as unknown[])
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const ask = (message: unknown[]) =>
    new Promise<unknown[]>((resolve) => {
      waiting.push(resolve)
      socket.send(JSON.stringify(message))
    })
  const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} }
  const secret = password ?? token
  const login = secret === undefined ? {} : { authid: user, authmethods: ['ticket'] }
  let answer = await ask([1, 'realm1', { roles, ...login }])
  if (answer[0] === 4) answer = await ask([5, secret, {}])
  assert.equal(answer[0], 2, JSON.stringify(answer))
  let request = 0
  const isTaken = async (code: number, ...rest: unknown[]): Promise<boolean> => {
    request += 1
    const [kindOf, , , , error] = await ask([code, request, ...rest])
    return kindOf !== 8 || error !== 'wamp.error.not_authorized'
  }
  const actions: Record<string, Probe> = {
    publish: (topic) => isTaken(16, { acknowledge: true }, uri(topic), ['x']),
    subscribe: (topic) => isTaken(32, {}, uri(topic)),
    // Procedures keep the text they have, and rules speak of that.
    register: (procedure) => isTaken(64, {}, procedure),
  }
  return { client: '', actions }
}

const protocolsHere = {
  grpc: overGrpc,
  http: overHttp,
  mqtt: overMqtt,
  busrt: overBusrt,
  tmb: overTmb,
  wamp: overWamp,
}

/** BUS/RT shows who it is by its connection alone. */
function canShow(protocol: string, kind: Connection, way: Way): boolean {
  if (way.hasCertificate === true) return kind === 'tls'
  if (way.password !== undefined || way.token !== undefined) {
    // Secrets in clear are not taken by lines.
    return protocol !== 'busrt'
  }
  return true
}

async function compare(
  protocol: keyof typeof protocolsHere,
  way: Way,
  { client, actions }: Connected,
): Promise<string[]> {
  const who: ModelUser = { user: way.user, groups: way.groups, client }
  const disagreements: string[] = []
  for (const [action, probe] of Object.entries(actions)) {
    for (const resource of names) {
      cases += 1
      const expected = mayDo(who, action, resource)
      const found = await probe(resource)
      if (found !== expected) {
        const said = found ? 'allowed' : 'refused'
        disagreements.push(`${protocol}, ${way.name}: ${action} ${resource} was ${said}`)
      }
    }
  }
  return disagreements
}

describe('who may do what', () => {
  for (const kind of ['tcp', 'tls', 'unix'] as const) {
    test(`over ${kind}`, async (t) => {
      const { ca, cert, key } = own
      const optional = { clientCertificates: 'optional' } as const
      const tls = kind === 'tls' ? { cert, key, clientCa: ca, ...optional } : undefined
      const process = kind === 'unix' && canIdentifyProcesses() ? [`uid:${getuid()}`] : []
      const withRobot = usersSchema.parse([...users, { name: 'robot', processes: process }])
      const daemon = await startSecured(t, {
        users: withRobot,
        rules,
        tls,
        transport: kind === 'unix' ? 'unix' : 'tcp',
      })
      const place = { daemon, kind }
      const { token } = await daemon.access.tokens.add({
        user: 'robot',
        groups: [],
        createdAtMs: 0,
      })
      daemon.access.changed()
      const robot = { user: 'robot', groups: [] }
      // What the kernel says of a process stands for nothing shown.
      const plain: Way = process.length > 0 ? { name: 'process', ...robot } : (ways[0] as Way)
      const all: Way[] = [
        plain,
        ...ways.slice(1),
        { name: 'token', ...robot, token },
        { name: 'certificate', ...robot, hasCertificate: true },
      ]
      const disagreements: string[] = []
      for (const protocol of Object.keys(protocolsHere) as (keyof typeof protocolsHere)[]) {
        for (const way of all) {
          if (!canShow(protocol, kind, way)) continue
          await t.test(`${protocol}, ${way.name}`, async (one) => {
            const connected = await protocolsHere[protocol](one, place, way)
            disagreements.push(...(await compare(protocol, way, connected)))
          })
        }
      }
      assert.deepEqual(disagreements, [])
    })
  }
})

function getuid(): number {
  return process.getuid?.() ?? -1
}
