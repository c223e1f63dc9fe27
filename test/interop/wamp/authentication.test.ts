// Proves that Autobahn|JS and wampy log in, by every method they know, to a daemon with users; and what a TLS channel adds.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join as joinPath } from 'node:path'
import { after, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Wampy } from 'wampy'
import { sign as signCryptosign } from 'wampy/cryptosign.js'
import { sign as signWampCra } from 'wampy/wampcra.js'
import { WebSocket } from 'ws'
import { makeChallengeSecret } from '../../../src/access/challenge-verifiers.ts'
import { PasswordHasher } from '../../../src/access/password-hasher.ts'
import { RawClient } from '../../conformance/wamp/raw-client.ts'
import { noCertificates, TestAuthority } from '../../e2e/certificates.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'

const password = 'right horse'
const hasher = new PasswordHasher()
after(() => hasher.close())
const keys = generateKeyPairSync('ed25519')
const seed = Buffer.from(keys.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
const publicKey = publicHex(keys.publicKey)

function publicHex(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex')
}

/** A daemon with one user; its WebSocket and its RawSocket. */
async function guarded(t: Scope, ...args: string[]) {
  const config = joinPath(temporaryFolder(t), 'msgbus.yaml')
  const user = {
    name: 'peter',
    groups: ['ops'],
    password: await hasher.hash(password, { memoryKib: 64, passes: 1, lanes: 1 }),
    challengeSecret: await makeChallengeSecret(password),
    publicKeys: [publicKey],
  }
  const rules = [{ allow: 'all', to: 'users' }]
  writeFileSync(config, JSON.stringify({ users: [user], rules }))
  const listen = ['--http', '127.0.0.1:0', ...args]
  const daemon = await startDaemon(t, {
    args: ['--config', config, '--storage', 'memory', ...listen],
  })
  const of = (name: string) =>
    daemon.info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  return { url: `ws://${of('http')}/wamp`, rawPort: Number(of('wamp').split(':').at(-1)) }
}

interface Joined {
  readonly authid: unknown
  readonly authrole: unknown
  readonly authmethod: unknown
}

interface AutobahnConnection {
  onopen: (session: { close(): void }, details: Joined) => void
  onclose: (reason: string, details: { reason?: string }) => boolean
  open(): void
  close(): void
}

interface Autobahn {
  Connection: new (options: object) => AutobahnConnection
  auth_cra: {
    sign(key: string, challenge: string): string
    derive_key(secret: string, salt: string, iterations: number, keylen: number): string
  }
}

// It wants the class that browsers have.
Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? WebSocket })
const autobahn = createRequire(import.meta.url)('autobahn') as Autobahn

interface Extra {
  readonly challenge: string
  readonly salt: string
  readonly iterations: number
  readonly keylen: number
}

/** WELCOME's details. Rejects with the reason of ABORT. */
async function joinAutobahn(t: Scope, url: string, method: string, secret: string) {
  const onchallenge = (_session: object, asked: string, extra: Extra) => {
    assert.equal(asked, method)
    if (method === 'ticket') return secret
    if (method === 'cryptosign') {
      const signature = sign(null, Buffer.from(extra.challenge, 'hex'), keys.privateKey)
      return signature.toString('hex') + extra.challenge
    }
    const { salt, iterations, keylen, challenge } = extra
    const key = autobahn.auth_cra.derive_key(secret, salt, iterations, keylen)
    return autobahn.auth_cra.sign(key, challenge)
  }
  const authextra = method === 'cryptosign' ? { pubkey: publicKey } : {}
  const connection = new autobahn.Connection({
    url,
    realm: 'realm1',
    max_retries: 0,
    authid: 'peter',
    authmethods: [method],
    authextra,
    onchallenge,
  })
  cleanUp(t, () => {
    try {
      connection.close()
    } catch {
      // It says so when it is closed already.
    }
  })
  return new Promise<Joined>((resolve, reject) => {
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it has no other way
    connection.onopen = (_session, details) => resolve(details)
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- as above
    connection.onclose = (_reason, { reason = '' }) => {
      reject(new Error(reason))
      return true
    }
    connection.open()
  })
}

async function joinWampy(t: Scope, url: string, method: string, secret: string): Promise<Joined> {
  const wampy = new Wampy(url, {
    realm: 'realm1',
    ws: WebSocket,
    maxRetries: 0,
    authid: 'peter',
    authmethods: [method],
    authextra: method === 'cryptosign' ? { pubkey: publicKey } : {},
    authMode: 'auto',
    authPlugins: {
      ticket: () => secret,
      wampcra: signWampCra(secret),
      cryptosign: signCryptosign(seed.toString('hex')),
    },
  } as unknown as ConstructorParameters<typeof Wampy>[1])
  cleanUp(t, () => wampy.disconnect().catch(() => undefined))
  return (await wampy.connect()) as unknown as Joined
}

test('the clients log in', { timeout: 60_000 }, async (t) => {
  const { url } = await guarded(t)
  for (const method of ['ticket', 'wampcra', 'cryptosign']) {
    for (const [name, join] of [
      ['autobahn', joinAutobahn],
      ['wampy', joinWampy],
    ] as const) {
      const { authid, authrole, authmethod } = await join(t, url, method, password)
      assert.deepEqual([authid, authrole, authmethod], ['peter', 'ops', method], name)
    }
  }
  for (const method of ['ticket', 'wampcra']) {
    // Attempts that follow at once may be held up.
    const denied = /authentication_(denied|failed)/
    await assert.rejects(joinAutobahn(t, url, method, 'wrong'), denied)
    await assert.rejects(joinWampy(t, url, method, 'wrong'))
  }
})

const secure = { timeout: 60_000, skip: noCertificates }

test('cryptosign bound to the channel, of TLS 1.3 and of TLS 1.2', secure, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const { cert, key } = authority.issue('server')
  const tls = ['--wamp', 'tls+127.0.0.1:0', '--tls-cert', cert, '--tls-key', key]
  const { rawPort } = await guarded(t, ...tls)
  const join = async (maxVersion: 'TLSv1.3' | 'TLSv1.2', kind: string, isForged: boolean) => {
    const options = { host: '127.0.0.1', port: rawPort, maxVersion, rejectUnauthorized: false }
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const opened = connectTls(options, () => resolve(opened))
      opened.once('error', reject)
    })
    cleanUp(t, () => socket.destroy())
    const client = await RawClient.over(socket, 'json', 15)
    const roles = { caller: {} }
    const authextra = { pubkey: publicKey, channel_binding: kind }
    const details = { roles, authid: 'peter', authmethods: ['cryptosign'], authextra }
    client.send([1, 'realm1', details])
    const [, , extra] = await client.next()
    const { challenge, channel_binding: bound } = extra as {
      challenge: string
      channel_binding: string | null
    }
    const id = isForged ? Buffer.alloc(32, 1) : channelId(socket, bound)
    const octets = Buffer.from(challenge, 'hex').map((octet, i) => octet ^ (id?.[i] ?? 0))
    const message = Buffer.from(octets)
    const signature = sign(null, message, keys.privateKey).toString('hex')
    client.send([5, signature + message.toString('hex'), {}])
    const answer = await client.next()
    return { bound, type: answer[0] }
  }
  assert.deepEqual(await join('TLSv1.3', 'tls-exporter', false), { bound: 'tls-exporter', type: 2 })
  assert.deepEqual(await join('TLSv1.2', 'tls-unique', false), { bound: 'tls-unique', type: 2 })
  assert.deepEqual(await join('TLSv1.3', 'tls-exporter', true), { bound: 'tls-exporter', type: 3 })
  // What this version of TLS has not is not bound.
  assert.deepEqual(await join('TLSv1.3', 'tls-unique', false), { bound: null, type: 2 })
  assert.deepEqual(await join('TLSv1.2', 'tls-exporter', false), { bound: null, type: 2 })
})

/** As the client sees it. */
function channelId(socket: TLSSocket, kind: string | null): Uint8Array | undefined {
  if (kind === 'tls-exporter') {
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  }
  const first = kind === 'tls-unique' ? socket.getFinished() : undefined
  return first && createHash('sha256').update(first).digest()
}
