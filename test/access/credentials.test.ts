// Proves that each protocol reads its credentials: nothing, wrong ones, right ones, and whose client it becomes. What
// passes between daemon and clients is seen by clients of others, or byte by byte.

import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect as dial, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { before, describe, test, type TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { connectAsync, type IClientOptions } from 'mqtt'
import { WebSocket } from 'ws'
import type { AccessSettings } from '../../src/access/access.ts'
import { connectLazy as connectBrowser } from '../../src/client/browser.ts'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { connectLazy } from '../../src/client/index.ts'
import { connect as connectTmb } from '../../src/client/tmb/index.ts'
import type { LoginOptions } from '../../src/client/login.ts'
import { canIdentifyProcesses } from '../../src/net/process-credentials.ts'
import { RawClient } from '../conformance/mqtt/raw-client.ts'
import { makeUsers, passwords, type SecuredDaemon, startSecured } from './secured-daemon.ts'

let users: AccessSettings['users']
before(async () => {
  users = await makeUsers()
})

const alice = { user: 'alice', password: passwords.alice }
const bob = { user: 'bob', password: passwords.bob }
type Login = { readonly user: string; readonly password: string }
const wrong: Login = { user: 'alice', password: passwords.bob }
const basic = ({ user, password }: Login) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

async function tokenFor(daemon: SecuredDaemon, user: string): Promise<string> {
  const { token } = await daemon.access.tokens.add({ user, groups: [], createdAtMs: 0 })
  daemon.access.changed()
  return token
}

const nothing = () => undefined
const asBytes = (bytes: Buffer) => bytes

/** How a call of ours ends: `ok`, or code/reason. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'ok'
  } catch (error) {
    const { code, reason } = error as { code: string; reason: string }
    return `${code}/${reason}`
  }
}

describe('gRPC and the tunnel of pages', () => {
  const ways = {
    gRPC: (daemon: SecuredDaemon, login?: LoginOptions) =>
      connectLazy(daemon.address('grpc'), login),
    tunnel: (daemon: SecuredDaemon, login?: LoginOptions) =>
      connectBrowser(`ws://${daemon.address('http')}`, { ...login, webSocket: WebSocket }),
  }
  for (const [way, connect] of Object.entries(ways)) {
    test(way, async (t) => {
      const daemon = await startSecured(t, { users, protocols: ['grpc', 'http'] })
      const ask = async (login?: LoginOptions): Promise<string> => {
        const client = connect(daemon, login)
        const result = await outcome(client.publish('t', 'x'))
        client.close()
        return result
      }
      assert.equal(await ask(), 'unauthenticated/credentials_missing')
      assert.equal(await ask(wrong), 'unauthenticated/bad_credentials')
      assert.equal(await ask({ token: 'mbt_nobody' }), 'unauthenticated/bad_credentials')
      assert.equal(await ask(alice), 'ok')
      assert.equal(await ask(bob), 'ok')
      assert.equal(await ask({ token: await tokenFor(daemon, 'alice') }), 'ok')
    })
  }

  test('calls on one connection may say different things', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['grpc'] })
    const client = new Client(daemon.address('grpc'), credentials.createInsecure())
    t.after(() => client.close())
    const call = (authorization: string | undefined) =>
      new Promise<number>((resolve) => {
        const metadata = new Metadata()
        if (authorization !== undefined) metadata.set('authorization', authorization)
        const path = '/msgbus.v1.MsgbusService/ListHeads'
        const none = Buffer.alloc(0)
        client.makeUnaryRequest(path, asBytes, asBytes, none, metadata, (error) =>
          resolve(error?.code ?? status.OK),
        )
      })
    const codes = await Promise.all([basic(alice), undefined, basic(wrong), basic(bob)].map(call))
    const { OK, UNAUTHENTICATED } = status
    assert.deepEqual(codes, [OK, UNAUTHENTICATED, UNAUTHENTICATED, OK])
    assert.deepEqual(daemon.usersBy('grpc').sort(), ['alice', 'bob'])
    const health = await new Promise<number>((resolve) => {
      const path = '/grpc.health.v1.Health/Check'
      client.makeUnaryRequest(path, asBytes, asBytes, Buffer.alloc(0), (error) =>
        resolve(error?.code ?? OK),
      )
    })
    assert.equal(health, OK, 'probes know nobody')
    assert.equal(await call('Digest x'), UNAUTHENTICATED)
  })

  test('whoever is not known any more is told so, and a stream ends', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['grpc'] })
    const token = await tokenFor(daemon, 'alice')
    const client = connectLazy(daemon.address('grpc'), { token })
    t.after(() => client.close())
    await client.publish('t', 'x')
    const presence = daemon.usersBy('grpc')
    assert.deepEqual(presence, ['alice'])
    const [row] = daemon.access.tokens.values()
    await daemon.access.tokens.remove(({ id }) => id === row?.id)
    daemon.access.changed()
    assert.equal(await outcome(client.publish('t', 'x')), 'unauthenticated/bad_credentials')
    assert.deepEqual(daemon.usersBy('grpc'), [])
  })
})

describe('HTTP', () => {
  test('headers, and what stays open', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['http'] })
    const base = `http://${daemon.address('http')}`
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(base + path, { headers })
    const request = httpRequest(`${base}/v1/heads`).end()
    const [refused] = (await once(request, 'response')) as [IncomingMessage]
    assert.equal(refused.statusCode, 401)
    assert.match(refused.headers['www-authenticate'] ?? '', /Bearer .*Basic realm="msgbus"/)
    refused.resume()
    // As browsers do for pages, which ask for themselves.
    const asked = await get('/v1/heads', { 'sec-fetch-mode': 'cors' })
    assert.equal(asked.headers.get('www-authenticate'), 'Bearer realm="msgbus"')
    assert.equal((await get('/v1/heads', { authorization: basic(wrong) })).status, 401)
    assert.equal((await get('/v1/heads', { authorization: 'Bearer' })).status, 401)
    assert.equal((await get('/v1/heads', { authorization: basic(bob) })).status, 200)
    const token = await tokenFor(daemon, 'alice')
    const asAlice = { authorization: `Bearer ${token}` }
    assert.equal((await get('/v1/heads', asAlice)).status, 200)
    assert.equal(
      (await get('/v1/heads', { authorization: basic({ user: '', password: token }) })).status,
      200,
    )
    const session = (await (await get('/v1/session', asAlice)).json()) as { user: string }
    assert.equal(session.user, 'alice')
    for (const path of ['/healthz', '/readyz', '/v1', '/v1/openapi.json']) {
      assert.equal((await get(path)).status, 200, path)
    }
    assert.equal((await get('/metrics')).status, 401)
    assert.equal((await get('/metrics', asAlice)).status, 200)
  })

  test('a refusal by a rule is 403 and names it', async (t) => {
    const rules = [{ allow: 'publish', to: 'alice', on: 'a/#' }]
    const daemon = await startSecured(t, { users, rules, protocols: ['http'] })
    const publish = (topic: string, headers: Record<string, string>) =>
      fetch(`http://${daemon.address('http')}/v1/publish?topic=${topic}`, {
        method: 'POST',
        body: 'x',
        headers,
      })
    assert.equal((await publish('a/b', { authorization: basic(alice) })).status, 200)
    const refused = await publish('b', { authorization: basic(alice) })
    assert.equal(refused.status, 403)
    const { error } = (await refused.json()) as { error: { message: string } }
    assert.match(error.message, /^alice may not publish "b": /)
  })

  test('a session of the console', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['http', 'grpc'] })
    const base = `http://${daemon.address('http')}`
    const login = (body: object, headers: Record<string, string> = {}) =>
      fetch(`${base}/v1/session`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      })
    assert.equal((await login(wrong)).status, 401)
    assert.equal((await login(alice, { 'content-type': 'text/plain' })).status, 415)
    assert.equal((await login(alice, { origin: 'http://elsewhere.example' })).status, 403)
    const answer = await login(alice)
    const { csrfToken } = (await answer.json()) as { csrfToken: string }
    const [cookie = ''] = answer.headers.getSetCookie()
    assert.match(cookie, /^msgbus-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
    const own = { cookie: cookie.split(';')[0] ?? '' }
    assert.equal((await fetch(`${base}/v1/heads`, { headers: own })).status, 200)
    const publish = (headers: Record<string, string>) =>
      fetch(`${base}/v1/publish?topic=t`, { method: 'POST', body: 'x', headers })
    assert.equal((await publish(own)).status, 403)
    assert.equal((await publish({ ...own, 'msgbus-csrf': `${csrfToken}x` })).status, 403)
    assert.equal((await publish({ ...own, 'msgbus-csrf': csrfToken })).status, 200)

    const sameOrigin = { ...own, origin: base }
    const calling = connectBrowser(`ws://${daemon.address('http')}`, {
      webSocket: class extends WebSocket {
        constructor(url: string, names: string[]) {
          super(url, names, { headers: sameOrigin })
        }
      },
    })
    t.after(() => calling.close())
    assert.equal(await outcome(calling.publish('t', 'x')), 'ok')

    // A token begins one as well, which ends with it.
    const byToken = await login({ token: await tokenFor(daemon, 'guest') })
    const guest = { cookie: byToken.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
    assert.equal((await fetch(`${base}/v1/heads`, { headers: guest })).status, 200)
    await daemon.access.tokens.remove(({ user }) => user === 'guest')
    daemon.access.changed()
    assert.equal((await fetch(`${base}/v1/heads`, { headers: guest })).status, 401)

    const out = await fetch(`${base}/v1/session`, {
      method: 'DELETE',
      headers: { ...own, 'msgbus-csrf': csrfToken },
    })
    assert.match(out.headers.getSetCookie()[0] ?? '', /; Max-Age=0$/)
    assert.equal((await fetch(`${base}/v1/heads`, { headers: own })).status, 401)
  })
})

const connectMqtt = async (t: TestContext, url: string, options: IClientOptions) => {
  const client = await connectAsync(url, { reconnectPeriod: 0, ...options }, false)
  t.after(() => client.endAsync(true))
  return client
}
const refusal = async (url: string, options: IClientOptions): Promise<number> => {
  try {
    const client = await connectAsync(url, { reconnectPeriod: 0, ...options }, false)
    await client.endAsync(true)
    return 0
  } catch (error) {
    return (error as { code: number }).code
  }
}

describe('MQTT', () => {
  const versions = [4, 5] as const
  for (const protocolVersion of versions) {
    test(`user and password, version ${protocolVersion}`, async (t) => {
      const daemon = await startSecured(t, { users, protocols: ['mqtt', 'http'] })
      const [missing, bad] = protocolVersion === 5 ? [0x87, 0x86] : [5, 4]
      for (const url of [
        `mqtt://${daemon.address('mqtt')}`,
        `ws://${daemon.address('http')}/mqtt`,
      ]) {
        assert.equal(await refusal(url, { protocolVersion }), missing)
        const as = ({ user: username, password }: Login) => ({ username, password })
        assert.equal(await refusal(url, { protocolVersion, ...as(wrong) }), bad)
        assert.equal(await refusal(url, { protocolVersion, username: 'alice' }), bad)
        await connectMqtt(t, url, { protocolVersion, clientId: 'one', ...as(bob) })
        assert.deepEqual(daemon.usersBy('mqtt'), ['bob'])
        // A client id belongs to its user.
        const taken = protocolVersion === 5 ? 0x85 : 2
        const sameId = { protocolVersion, clientId: 'one', ...as(alice) }
        assert.equal(await refusal(url, sameId), taken)
        assert.deepEqual(daemon.usersBy('mqtt'), ['bob'])
        await connectMqtt(t, url, { protocolVersion, clientId: 'one', ...as(bob) })
      }
    })
  }

  test('SCRAM-SHA-256, and proving it anew', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['mqtt'] })
    const open = async (password: string) => {
      const client = await RawClient.open(daemon.port('mqtt'), 5)
      t.after(() => client.socket.destroy())
      const exchange = new ScramClient('alice', password)
      const method = sized('SCRAM-SHA-256')
      const properties = (data: string) => {
        const all = Buffer.concat([Buffer.from([0x15]), method, Buffer.from([0x16]), sized(data)])
        return Buffer.concat([Buffer.from([all.length]), all])
      }
      const auth = (code: number, data: string) =>
        packet(0xf0, Buffer.concat([Buffer.from([code]), properties(data)]))
      const head = Buffer.concat([sized('MQTT'), Buffer.from([5, 2, 0, 0])])
      const begin = Buffer.concat([head, properties(exchange.begin()), sized('scram')])
      return { client, exchange, auth, connect: packet(0x10, begin) }
    }
    const { client, exchange, auth, connect } = await open(alice.password)
    client.socket.write(connect)
    const challenge = await client.next()
    assert.equal(challenge[0], 0xf0)
    assert.equal(challenge[2], 0x18)
    client.socket.write(auth(0x18, exchange.answer(dataOf(challenge))))
    const connack = await client.next()
    assert.deepEqual([connack[0], connack[3]], [0x20, 0])
    assert.ok(exchange.isServer(dataOf(connack)))
    assert.deepEqual(daemon.usersBy('mqtt'), ['alice'])

    client.socket.write(auth(0x19, exchange.begin()))
    const again = await client.next()
    assert.equal(again[2], 0x18)
    client.socket.write(auth(0x18, exchange.answer(dataOf(again))))
    const done = await client.next()
    assert.deepEqual([done[0], done[2]], [0xf0, 0])
    assert.ok(exchange.isServer(dataOf(done)))

    const wrongOne = await open('wrong')
    wrongOne.client.socket.write(wrongOne.connect)
    const answer = wrongOne.exchange.answer(dataOf(await wrongOne.client.next()))
    wrongOne.client.socket.write(wrongOne.auth(0x18, answer))
    const refused = await wrongOne.client.next()
    assert.deepEqual([refused[0], refused[3]], [0x20, 0x86])
    // A packet in between is a breach of the protocol.
    const early = await open(alice.password)
    early.client.socket.write(early.connect)
    await early.client.next()
    early.client.socket.write(Buffer.from('c000', 'hex'))
    assert.equal((await early.client.next())[3], 0x82)
    // Who is not connected yet when the daemon stops is told so in words that CONNACK has.
    const late = await open(alice.password)
    late.client.socket.write(late.connect)
    await late.client.next()
    void daemon.stop()
    const stopped = await late.client.next()
    assert.deepEqual([stopped[0], stopped[3]], [0x20, 0x88])
  })

  test('%c is the client id; wills and shared groups act as their owner', async (t) => {
    const rules = [
      { allow: 'connect', to: 'users' },
      { allow: ['publish', 'subscribe'], to: 'alice', on: ['devices/%c/#', 'open/#'] },
      { allow: 'subscribe', to: 'bob', on: ['#'] },
    ]
    const daemon = await startSecured(t, { users, rules, protocols: ['mqtt'] })
    const url = `mqtt://${daemon.address('mqtt')}`
    const options = { protocolVersion: 5, username: 'alice', password: alice.password } as const
    const forbidden = {
      topic: 'devices/other/state',
      payload: Buffer.from('gone'),
      qos: 1,
    } as const
    assert.equal(await refusal(url, { ...options, clientId: 'd1', will: forbidden }), 0x87)
    const will = { ...forbidden, topic: 'devices/d1/state' }
    const device = await connectMqtt(t, url, { ...options, clientId: 'd1', will })
    const watcher = await connectMqtt(t, url, {
      protocolVersion: 5,
      username: 'bob',
      password: bob.password,
    })
    await watcher.subscribeAsync('devices/#', { qos: 1 })
    const sent = new Promise<[string, Buffer]>((resolve) => {
      watcher.once('message', (name, bytes) => resolve([name, bytes]))
    })
    device.stream.destroy()
    const [topic, payload] = await sent
    assert.deepEqual([topic, String(payload)], ['devices/d1/state', 'gone'])

    const member = await connectMqtt(t, url, { ...options, clientId: 'd2' })
    const [granted] = await member.subscribeAsync('$share/g/#', { qos: 1 })
    assert.equal(granted?.qos, 1)
    const other = await connectMqtt(t, url, {
      protocolVersion: 5,
      username: 'bob',
      password: bob.password,
    })
    await other.subscribeAsync('$share/g/#', { qos: 1 })
    const got = { member: [] as string[], other: [] as string[] }
    let wake: () => void = nothing
    const take = (list: string[]) => (name: string) => {
      list.push(name)
      wake()
    }
    member.on('message', take(got.member))
    other.on('message', take(got.other))
    for (let i = 0; i < 4; i++) {
      await member.publishAsync('open/x', '1', { qos: 1 })
      await member.publishAsync('devices/d2/x', '1', { qos: 1 })
      // Not for d2: only the other member of the group may have it.
      await publishInside(daemon, 'devices/d9/x')
    }
    while (got.member.length + got.other.length < 12) {
      await new Promise<void>((resolve) => (wake = resolve))
    }
    assert.equal(got.other.filter((name) => name === 'devices/d9/x').length, 4)
    assert.ok(!got.member.includes('devices/d9/x'))
    assert.ok(got.member.length > 0)
  })
})

/** A text or bytes with their length in front. */
function sized(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

function packet(first: number, body: Buffer): Buffer {
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7]
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

/** The authentication data of a packet, which is short enough to be found by its method. */
function dataOf(bytes: Buffer): string {
  const mark = Buffer.concat([sized('SCRAM-SHA-256'), Buffer.from([0x16])])
  const at = bytes.indexOf(mark) + mark.length
  return bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)).toString()
}

/** The side of the client, written from RFC 5802 alone. */
class ScramClient {
  readonly #user: string
  readonly #password: string
  #nonce = ''
  #expected = ''

  constructor(user: string, password: string) {
    this.#user = user
    this.#password = password
  }

  begin(): string {
    this.#nonce = randomBytes(12).toString('base64')
    return `n,,n=${this.#user},r=${this.#nonce}`
  }

  answer(challenge: string): string {
    const [nonce = '', salt = '', rounds = ''] = challenge.split(',').map((part) => part.slice(2))
    assert.ok(nonce.startsWith(this.#nonce) && nonce.length > this.#nonce.length)
    const key = pbkdf2Sync(
      this.#password,
      Buffer.from(salt, 'base64'),
      Number(rounds),
      32,
      'sha256',
    )
    const clientKey = mac(key, 'Client Key')
    const all = `n=${this.#user},r=${this.#nonce},${challenge},c=biws,r=${nonce}`
    const signature = mac(createHash('sha256').update(clientKey).digest(), all)
    const proof = clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))
    this.#expected = `v=${mac(mac(key, 'Server Key'), all).toString('base64')}`
    return `c=biws,r=${nonce},p=${Buffer.from(proof).toString('base64')}`
  }

  isServer(last: string): boolean {
    return last === this.#expected
  }
}

function mac(key: Uint8Array, signed: string): Buffer {
  return createHmac('sha256', key).update(signed).digest()
}

/** Published by the daemon's own program. */
async function publishInside(daemon: SecuredDaemon, topic: string): Promise<void> {
  const client = daemon.bus.connect(
    { user: 'embedded', groups: [], method: 'in-process' },
    { protocol: 'test' },
  )
  await client.publish([{ topic, payload: Buffer.from('1'), headers: new Map(), history: true }])
  client.close()
}

/** Lines of one connection. */
async function lines(t: TestContext, daemon: SecuredDaemon) {
  const socket: Socket = dial({ host: '127.0.0.1', port: daemon.port('tmb') })
  t.after(() => socket.destroy())
  const reader = createInterface({ input: socket })[Symbol.asyncIterator]()
  await once(socket, 'connect')
  return async (line: string): Promise<string> => {
    socket.write(`${line}\n`)
    const { value, done } = (await reader.next()) as { value: string; done: boolean }
    return done ? '(end)' : value
  }
}

describe('TMB', () => {
  test('79: nothing before auth; a right token; three wrong ones', async (t) => {
    const daemon = await startSecured(t, { users, protocols: ['tmb'] })
    const ask = await lines(t, daemon)
    assert.match(await ask(':/a x'), /^error not-authenticated message /)
    assert.match(await ask('subscribe 1 is /a'), /^error not-authenticated subscribe /)
    assert.match(await ask('ping 1'), /^ok ping 1$/)
    assert.match(await ask('version'), /^ok version /)
    assert.match(await ask('auth plain bob'), /^error missing-argument auth /)
    assert.match(await ask(`auth token ${await tokenFor(daemon, 'alice')}`), /^ok auth alice$/)
    assert.match(await ask('subscribe 1 is /a'), /^ok subscribe 1 added$/)
    assert.match(await ask(':/a x'), /^:\/a x$/)
    // Becoming somebody else keeps the subscriptions.
    assert.match(await ask(`auth plain bob ${bob.password}`), /^ok auth bob$/)
    assert.deepEqual(daemon.usersBy('tmb'), ['bob'])
    assert.match(await ask(':/a y'), /^:\/a y$/)

    const guess = await lines(t, daemon)
    assert.match(await guess('auth plain alice wrong'), /^error auth-failed auth /)
    assert.match(await guess('auth token wrong'), /^error auth-failed auth /)
    assert.match(await guess('auth plain nobody wrong'), /^error auth-failed auth /)
    assert.equal(await guess('ping'), '(end)')
  })

  test('80: a message that may not be sent', async (t) => {
    const rules = [{ allow: ['publish', 'subscribe'], to: 'alice', on: ['pub/#', '/pub/#'] }]
    const daemon = await startSecured(t, { users, rules, protocols: ['tmb'] })
    const ask = await lines(t, daemon)
    assert.equal(await ask(`auth plain alice ${alice.password}`), 'ok auth alice')
    assert.match(await ask('subscribe 1 begins-with /'), /^ok /)
    assert.equal(await ask(':/pub/a x'), ':/pub/a x')
    assert.match(await ask(':/priv x'), /^error not-permitted message /)
  })
})

test(
  'processes at Unix sockets are users',
  { skip: !canIdentifyProcesses() && 'koffi is missing' },
  async (t) => {
    const daemon = await startSecured(t, { users, transport: 'unix' })
    const client = connectLazy(daemon.address('grpc'))
    t.after(() => client.close())
    await client.publish('t', 'x')
    const busrt = await connectBusrt({ address: daemon.address('busrt'), name: 'worker' })
    t.after(() => busrt.close())
    const tmb = await connectTmb({ address: daemon.address('tmb') })
    t.after(() => tmb.close())
    await tmb.publish('/a', 'x')
    const socket = dial(daemon.address('mqtt').slice('unix:'.length))
    t.after(() => socket.destroy())
    const mqtt = new RawClient(socket, 4)
    await mqtt.connect({})
    const request = httpRequest({
      socketPath: daemon.address('http').slice('unix:'.length),
      path: '/v1/session',
      headers: { host: 'localhost' },
    }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const [body] = (await once(response, 'data')) as [Buffer]
    assert.match(body.toString(), /"user":"alice".*"method":"process"/)
    for (const protocol of ['grpc', 'busrt', 'tmb', 'mqtt']) {
      assert.deepEqual(daemon.usersBy(protocol), ['alice'], protocol)
    }
  },
)

test('BUS/RT without anything to show is refused with 0x79', async (t) => {
  const daemon = await startSecured(t, { users, protocols: ['busrt', 'http'] })
  const refused = connectBusrt({ address: daemon.address('busrt'), name: 'a', reconnect: false })
  await assert.rejects(refused, { code: 'permission_denied' })
  const token = await tokenFor(daemon, 'bob')
  const socket = new WebSocket(`ws://${daemon.address('http')}/busrt`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.after(() => socket.terminate())
  const bytes: number[] = []
  let wake: () => void = nothing
  socket.on('message', (data: Buffer) => {
    bytes.push(...data)
    wake()
  })
  const come = async (count: number) => {
    while (bytes.length < count) await new Promise<void>((resolve) => (wake = resolve))
    return bytes.splice(0, count)
  }
  const [magic = 0, ...version] = await come(3)
  socket.send(Buffer.from([magic, ...version]))
  assert.deepEqual(await come(1), [1])
  socket.send(Buffer.from([1, 0, 0x61]))
  assert.deepEqual(await come(1), [1])
  assert.deepEqual(daemon.usersBy('busrt'), ['bob'])
  const bad = new WebSocket(`ws://${daemon.address('http')}/busrt`, {
    headers: { authorization: 'Bearer wrong' },
  })
  const [error] = (await once(bad, 'error')) as [Error]
  assert.match(error.message, /401/)
})
