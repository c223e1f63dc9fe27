/** Authentication and authorization of spec/wamp 15: cases 14, 15, 104 to 109, with users and rules as the daemon has them. */

import assert from 'node:assert/strict'
import {
  createHash,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  pbkdf2Sync,
  sign,
} from 'node:crypto'
import { after, test, type TestContext } from 'node:test'
import { z } from 'zod'
import { Access } from '../../../src/access/access.ts'
import {
  identityLimitsSchema,
  jwtSchema,
  rulesSchema,
  usersSchema,
} from '../../../src/access/access-schema.ts'
import { makeChallengeSecret } from '../../../src/access/challenge-verifiers.ts'
import { PasswordHasher } from '../../../src/access/password-hasher.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'
import { call, callError, type Dict, register, registerFails } from './callee.ts'
import type { Json, RawClient } from './raw-client.ts'
import { Router } from './router.ts'

const password = 'right horse'
const hasher = new PasswordHasher()
const hashed = hasher.hash(password)
const challengeSecret = makeChallengeSecret(password)
const ownKeys = generateKeyPairSync('ed25519')
const foreignKeys = generateKeyPairSync('ed25519')
after(() => hasher.close())

const denied = 'wamp.error.authentication_denied'
const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} }

const settingsSchema = z.strictObject({
  users: usersSchema,
  rules: rulesSchema,
  jwt: jwtSchema,
  identityLimits: identityLimitsSchema,
  certificateUsers: z.enum(['commonName', 'listed']).default('commonName'),
})

interface Guarded {
  readonly router: Router
  readonly access: Access
  /** By which attempts are held up. */
  readonly clock: ManualClock
}

async function guarded(
  t: TestContext,
  rules: z.input<typeof rulesSchema> = [{ allow: ['all'], to: 'users' }],
): Promise<Guarded> {
  const publicKeys = [publicHex(ownKeys.publicKey)]
  const users = [
    {
      name: 'peter',
      password: await hashed,
      groups: ['ops', 'dev'],
      challengeSecret: await challengeSecret,
      publicKeys,
    },
    { name: 'paul', password: await hashed },
  ]
  const clock = new ManualClock()
  const access = await Access.open({
    settings: settingsSchema.parse({ users, rules }),
    folder: temporaryFolder(t),
    clock,
    logger: silentLogger,
  })
  cleanUp(t, () => access.close())
  const router = await Router.start(t, { access, authentication: access.authentication })
  return { router, access, clock }
}

function publicHex(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex')
}

/** HELLO, and the CHALLENGE. */
async function challenged(
  router: Router,
  authmethods: string[],
  details: Dict,
): Promise<Challenged> {
  const client = await router.open()
  client.send([1, 'realm1', { roles, authmethods, ...details }])
  const message = await client.next()
  assert.equal(message[0], 4, JSON.stringify(message))
  return { client, method: message[1], extra: message[2] as Dict }
}

interface Challenged {
  readonly client: RawClient
  readonly method: Json
  readonly extra: Dict
}

/** HELLO, and the reason of ABORT. */
async function refused(router: Router, authmethods: string[] | undefined, details: Dict = {}) {
  const client = await router.open()
  const offered = authmethods === undefined ? {} : { authmethods }
  client.send([1, 'realm1', { roles, ...offered, ...details }])
  const message = await client.next()
  assert.equal(message[0], 3, JSON.stringify(message))
  await client.closes()
  return message[2]
}

/** AUTHENTICATE, and the details of WELCOME. */
async function welcomed(client: RawClient, signature: string, extra: Dict = {}): Promise<Dict> {
  client.send([5, signature, extra])
  const message = await client.next()
  assert.equal(message[0], 2, JSON.stringify(message))
  client.session = Number(message[1])
  return message[2] as Dict
}

function stringOf(value: Json | undefined): string {
  assert.ok(typeof value === 'string')
  return value
}

function identityIn({ authid, authrole, authmethod, authprovider }: Dict): Json[] {
  return [authid, authrole, authmethod, authprovider]
}

const wampCraAnswer = ({ extra }: Challenged, secret: string) => {
  const { challenge, salt, iterations, keylen } = extra
  const key = pbkdf2Sync(secret, stringOf(salt), Number(iterations), Number(keylen), 'sha256')
  return createHmac('sha256', key.toString('base64')).update(stringOf(challenge)).digest('base64')
}

const challengeOf = ({ extra }: Challenged) => Buffer.from(stringOf(extra['challenge']), 'hex')

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()

test('case 104: a ticket', { timeout: 30_000 }, async (t) => {
  const { router, access } = await guarded(t)
  const ticket = (authid: string) => challenged(router, ['ticket'], { authid })
  const { client, extra } = await ticket('peter')
  assert.deepEqual(extra, {})
  const details = await welcomed(client, password)
  assert.deepEqual(identityIn(details), ['peter', 'ops', 'ticket', 'static'])
  for (const [authid, given] of [
    ['peter', 'wrong'],
    ['nobody', password],
  ] as const) {
    const attempt = await ticket(authid)
    attempt.client.send([5, given, {}])
    await attempt.client.aborts(denied)
  }
  const { token } = await access.tokens.add({ user: 'robot', groups: ['bots'], createdAtMs: 0 })
  access.changed()
  assert.equal((await welcomed((await ticket('robot')).client, token))['authrole'], 'bots')
  const foreign = await ticket('peter')
  foreign.client.send([5, token, {}])
  await foreign.client.aborts(denied)
})

test('cases 105, 108: WAMP-CRA', { timeout: 30_000 }, async (t) => {
  const { router } = await guarded(t)
  const right = await challenged(router, ['wampcra'], { authid: 'peter', authrole: 'dev' })
  const challenge = JSON.parse(stringOf(right.extra['challenge'])) as Dict
  assert.deepEqual([challenge['authid'], challenge['authmethod']], ['peter', 'wampcra'])
  const details = await welcomed(right.client, wampCraAnswer(right, password))
  assert.deepEqual(identityIn(details), ['peter', 'dev', 'wampcra', 'static'])
  assert.equal(right.client.session, challenge['session'])
  right.client.send([5, wampCraAnswer(right, password), {}])
  await right.client.aborts()
  for (const authid of ['peter', 'nobody', 'paul']) {
    const wrong = await challenged(router, ['wampcra'], { authid })
    wrong.client.send([5, wampCraAnswer(wrong, authid === 'peter' ? 'wrong' : password), {}])
    await wrong.client.aborts(denied)
  }
  // Salt and work of somebody who is not there are always the same.
  const [one, other] = [
    await challenged(router, ['wampcra'], { authid: 'nobody' }),
    await challenged(router, ['wampcra'], { authid: 'nobody' }),
  ]
  assert.equal(one.extra['salt'], other.extra['salt'])
  const late = await challenged(router, ['wampcra'], { authid: 'peter' })
  await router.pass(11_000)
  await late.client.aborts('wamp.error.authentication_failed')
})

test('case 106: cryptosign', { timeout: 30_000 }, async (t) => {
  const { router, clock } = await guarded(t)
  const begin = (keys: typeof ownKeys, channelBinding?: string) => {
    const bound = channelBinding === undefined ? {} : { channel_binding: channelBinding }
    const authextra = { pubkey: publicHex(keys.publicKey), ...bound }
    return challenged(router, ['cryptosign'], { authid: 'peter', authextra })
  }
  const signed = (octets: Buffer, keys: typeof ownKeys) =>
    sign(null, octets, keys.privateKey).toString('hex') + octets.toString('hex')
  // There is no channel to bind to without TLS.
  const right = await begin(ownKeys, 'tls-exporter')
  assert.equal(right.extra['channel_binding'], null)
  const details = await welcomed(right.client, signed(challengeOf(right), ownKeys))
  assert.deepEqual(identityIn(details), ['peter', 'ops', 'cryptosign', 'static'])
  const upper = await begin(ownKeys)
  await welcomed(upper.client, signed(challengeOf(upper), ownKeys).toUpperCase())
  const wrong: ((attempt: Challenged) => string)[] = [
    (attempt) => signed(challengeOf(attempt), foreignKeys),
    () => signed(Buffer.alloc(32), ownKeys),
    (attempt) => signed(challengeOf(attempt), ownKeys).slice(0, 190),
    () => '',
  ]
  for (const signature of wrong) {
    clock.advance(600_000)
    const attempt = await begin(ownKeys)
    attempt.client.send([5, signature(attempt), {}])
    await attempt.client.aborts(denied)
  }
  clock.advance(600_000)
  const unknown = await begin(foreignKeys)
  unknown.client.send([5, signed(challengeOf(unknown), foreignKeys), {}])
  await unknown.client.aborts(denied)
})

test('SCRAM, as the text has it and as some clients compute it', { timeout: 30_000 }, async (t) => {
  const { router } = await guarded(t)
  for (const [method, binding, key] of [
    ['wamp-scram', 'biws', 'verifier'],
    ['scram', '', 'scram_server_signature'],
  ] as const) {
    const nonce = 'rOprNGfwEbeRWgbNEkqO'
    for (const secret of [password, 'wrong']) {
      const details = { authid: 'peter', authextra: { nonce } }
      const { client, extra } = await challenged(router, [method], details)
      const { nonce: both, salt, iterations, kdf } = extra
      assert.ok(stringOf(both).startsWith(nonce) && stringOf(both).length > nonce.length + 16)
      assert.equal(kdf, 'pbkdf2')
      const salted = pbkdf2Sync(
        secret,
        Buffer.from(stringOf(salt), 'base64'),
        Number(iterations),
        32,
        'sha256',
      )
      const server = `r=${stringOf(both)},s=${stringOf(salt)},i=${Number(iterations)}`
      const message = `n=peter,r=${nonce},${server},c=${binding},r=${stringOf(both)}`
      const clientKey = hmac(salted, 'Client Key')
      const storedKey = createHash('sha256').update(clientKey).digest()
      const signature = hmac(storedKey, message)
      const proof = Buffer.from(clientKey.map((octet, i) => octet ^ (signature[i] ?? 0)))
      if (secret !== password) {
        client.send([5, proof.toString('base64'), { nonce: stringOf(both) }])
        await client.aborts(denied)
        continue
      }
      const welcome = await welcomed(client, proof.toString('base64'), { nonce: stringOf(both) })
      const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64')
      assert.deepEqual(welcome['authextra'], { [key]: verifier })
    }
  }
})

test('case 107: which method is taken', { timeout: 30_000 }, async (t) => {
  const { router } = await guarded(t)
  const details = { authid: 'peter' }
  assert.equal((await challenged(router, ['x', 'wampcra', 'ticket'], details)).method, 'wampcra')
  assert.equal((await challenged(router, ['ticket', 'wampcra'], details)).method, 'ticket')
  assert.equal((await challenged(router, ['anonymous', 'ticket'], details)).method, 'ticket')
  assert.equal(await refused(router, ['x', 'y']), 'wamp.error.no_matching_auth_method')
  assert.equal(await refused(router, ['anonymous']), 'wamp.error.authentication_required')
  assert.equal(await refused(router, []), 'wamp.error.authentication_required')
  assert.equal(await refused(router, undefined), 'wamp.error.authentication_required')
})

test('cases 14, 15: without users everybody is anonymous', { timeout: 30_000 }, async (t) => {
  const router = await Router.start(t)
  for (const authmethods of [undefined, [], ['anonymous'], ['ticket', 'anonymous']]) {
    const details = authmethods === undefined ? {} : { authmethods }
    const { welcome } = await router.client({ details })
    const [authid, ...rest] = identityIn(welcome)
    assert.deepEqual(rest, ['anonymous', 'anonymous', 'static'])
    assert.ok(stringOf(authid).length >= 16)
  }
  assert.equal(await refused(router, ['ticket']), 'wamp.error.no_matching_auth_method')
})

test(
  'case 109: what rules do not allow is not authorized, and says by which',
  { timeout: 30_000 },
  async (t) => {
    const { router } = await guarded(t, [
      { deny: ['call'], to: 'users', on: ['com.secret.*', 'wamp.session.kill*'] },
      { deny: ['register'], to: 'users', on: ['com.secret.*'] },
      { deny: ['admin'], to: 'users' },
      { allow: ['all'], to: 'users' },
    ])
    const join = async () => {
      const { client } = await challenged(router, ['ticket'], { authid: 'paul' })
      await welcomed(client, password)
      return client
    }
    const [client, other] = [await join(), await join()]
    const notAuthorized = 'wamp.error.not_authorized'
    await register(client, 'com.open.x')
    assert.equal(await registerFails(client, 'com.secret.x'), notAuthorized)
    // Nor by a pattern that is wider; next to what is denied it is.
    const broad = [
      ['com.', 'prefix'],
      ['', 'prefix'],
      ['com..x', 'wildcard'],
      ['..', 'wildcard'],
    ] as const
    for (const [procedure, match] of broad) {
      assert.equal(await registerFails(client, procedure, { match }), notAuthorized, procedure)
    }
    await register(client, 'com.open.', { match: 'prefix' })
    await register(client, 'com.open..y', { match: 'wildcard' })
    const request = call(other, 'com.secret.x')
    const message = await other.next()
    assert.deepEqual([message[2], message[4]], [request, notAuthorized])
    assert.match(JSON.stringify(message[5]), /rule/)
    assert.equal(await callError(other, call(other, 'wamp.session.kill', {}, [1])), notAuthorized)
    // Not denied by name: it is an administrator's all the same.
    const remove = call(other, 'wamp.registration.remove_callee', {}, [1, client.session])
    assert.equal(await callError(other, remove), notAuthorized)
    await client.quiet()
  },
)

test(
  'force_reregister: the same user takes over, another does not',
  { timeout: 30_000 },
  async (t) => {
    const { router } = await guarded(t, [
      { deny: ['admin'], to: 'users' },
      { allow: ['all'], to: 'users' },
    ])
    const join = async (authid: string) => {
      const { client } = await challenged(router, ['ticket'], { authid })
      await welcomed(client, password)
      return client
    }
    await register(await join('peter'), 'p')
    const force = { force_reregister: true }
    const exists = 'wamp.error.procedure_already_exists'
    assert.equal(await registerFails(await join('paul'), 'p', force), exists)
    await register(await join('peter'), 'p', force)
  },
)
