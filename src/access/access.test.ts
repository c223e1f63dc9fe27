import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { exportJWK, SignJWT } from 'jose'
import { z } from 'zod'
import type { Caller, Credentials } from '../core/authentication.ts'
import { silentLogger } from '../core/logger.ts'
import { ManualClock } from '../core/manual-clock.ts'
import { BusError } from '../model/errors.ts'
import { anonymous, type Identity } from '../model/identity.ts'
import { Access, type AccessSettings } from './access.ts'
import { identityLimitsSchema, jwtSchema, rulesSchema, usersSchema } from './access-schema.ts'
import { PasswordHasher } from './password-hasher.ts'

const caller: Caller = { protocol: 'test', source: '192.0.2.1:4000', listener: 'here' }
const hasher = new PasswordHasher()
const hashed = hasher.hash('right horse')
after(() => hasher.close())

const settingsSchema = z.strictObject({
  users: usersSchema,
  rules: rulesSchema,
  jwt: jwtSchema,
  identityLimits: identityLimitsSchema,
  certificateUsers: z.enum(['commonName', 'listed']).default('commonName'),
})

function settingsOf(given: z.input<typeof settingsSchema>): AccessSettings {
  return settingsSchema.parse(given)
}

async function open(t: TestContext, given: z.input<typeof settingsSchema> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-access-'))
  const clock = new ManualClock()
  const logger = silentLogger
  const access = await Access.open({ settings: settingsOf(given), folder, clock, logger })
  t.after(async () => {
    await access.close()
    rmSync(folder, { recursive: true })
  })
  const login = (credentials: Credentials, from = caller) =>
    access.authentication.authenticate(credentials, from)
  return { access, clock, folder, login }
}

function password(user: string, text: string): Credentials {
  return { kind: 'password', user, password: text }
}

function certificate(names: string[], fingerprint = '0'.repeat(64), commonName = 'x'): Credentials {
  const subject = `CN=${commonName}`
  return { kind: 'certificate', certificate: { subject, commonName, names, fingerprint } }
}

function fails(reason: string) {
  return (error: unknown) => error instanceof BusError && error.reason === reason
}

function who(identity: Identity, name = '') {
  return { identity, name }
}

describe('who somebody is', () => {
  test('without users everybody is anonymous and may do everything', async (t) => {
    const { access, login } = await open(t)
    assert.equal(access.isOpen, true)
    assert.equal(access.authentication.isOpen, true)
    assert.equal(access.authentication.anonymousAt(caller), anonymous)
    assert.equal(await login(password('x', 'y')), anonymous)
    assert.equal(access.refusal(who(anonymous), 'admin', ''), undefined)
  })

  test('a user comes in by the right password only, and is the same one each time', async (t) => {
    const users = [{ name: 'alice', password: await hashed, groups: ['ops'] }]
    const { access, login } = await open(t, { users })
    assert.equal(access.authentication.anonymousAt(caller), undefined)
    const first = await login(password('alice', 'right horse'))
    assert.deepEqual(first, { user: 'alice', groups: ['ops'], method: 'password' })
    assert.equal(await login(password('alice', 'right horse')), first)
    for (const [user, text] of [
      ['alice', 'wrong'],
      ['alice', ''],
      ['bob', 'right horse'],
      ['', ''],
      ['a'.repeat(5_000), 'x'],
    ] as const) {
      await assert.rejects(login(password(user, text)), fails('bad_credentials'))
    }
  })

  test('tokens hold until their time or until they are revoked, and only their hash is kept', async (t) => {
    const { access, clock, folder, login } = await open(t)
    const expiresAtMs = clock.now() + 60_000
    const given = { user: 'robot', groups: ['bots'], createdAtMs: clock.now(), expiresAtMs }
    const { token, row } = await access.tokens.add(given)
    access.changed()
    assert.equal(access.isOpen, false)
    const identity = await login({ kind: 'token', token })
    assert.equal(identity.user, 'robot')
    assert.deepEqual(access.groupsOf(identity), ['bots'])
    const kept = readFileSync(join(folder, 'tokens.json'), 'utf8')
    assert.ok(!kept.includes(token) && !kept.includes(token.slice(20)))
    assert.equal(statSync(join(folder, 'tokens.json')).mode & 0o777, 0o600)
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
    await assert.rejects(login({ kind: 'token', token: wrong }), fails('bad_credentials'))
    assert.equal(access.isValid(identity), true)
    let told = 0
    access.onChange(() => (told += 1))
    clock.advance(61_000)
    assert.equal(access.isValid(identity), false)
    assert.ok(told > 0, 'nobody was told that a token expired')
    await assert.rejects(login({ kind: 'token', token }), fails('bad_credentials'))
    assert.equal(await access.tokens.remove(({ id }) => id === row.id), 1)
    access.changed()
    assert.equal(access.isOpen, false, 'the last token opened the daemon')
  })

  test('certificates and processes are the users that list them', async (t) => {
    const users = [
      { name: 'gate', certificates: [`sha256:${'AB:'.repeat(31)}AB`] },
      { name: 'site', certificates: ['DNS:site.example'] },
      { name: 'local', processes: ['uid:1000'] },
    ]
    const { access, login } = await open(t, { users })
    assert.equal((await login(certificate([], 'ab'.repeat(32)))).user, 'gate')
    assert.equal((await login(certificate(['DNS:site.example']))).user, 'site')
    const byName = await login(certificate([]))
    assert.equal(byName.user, 'x')
    await assert.rejects(
      login(certificate([], '1'.repeat(64), 'msgbusd')),
      fails('bad_credentials'),
    )
    const process = { pid: 1, uid: 1000, gid: 5 }
    assert.equal((await login({ kind: 'process', process })).user, 'local')
    const other = { kind: 'process', process: { ...process, uid: 1 } } as const
    await assert.rejects(login(other), fails('bad_credentials'))
    await access.reload(settingsOf({ users, certificateUsers: 'listed' }))
    assert.equal(access.isValid(byName), false)
    await assert.rejects(login(certificate([])), fails('bad_credentials'))
  })

  test('tokens of an issuer are believed by its keys, names and time only', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'msgbus-jwt-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const jwks = join(folder, 'keys.json')
    writeFileSync(
      jwks,
      JSON.stringify({ keys: [{ ...(await exportJWK(ours.publicKey)), kid: 'k' }] }),
    )
    const jwt = [{ jwks, issuer: 'https://id.example', audience: 'msgbus', userPrefix: 'id:' }]
    const { access, clock, login } = await open(t, { jwt })
    const issue = (changes: Record<string, unknown> = {}, key = ours.privateKey) =>
      new SignJWT({
        sub: 'zoe',
        groups: ['ops'],
        iss: 'https://id.example',
        aud: 'msgbus',
        exp: Math.floor(clock.now() / 1000) + 60,
        ...changes,
      })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'k' })
        .sign(key)
    const identity = await login({ kind: 'token', token: await issue() })
    assert.deepEqual([identity.user, access.groupsOf(identity)], ['id:zoe', ['ops']])
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await issue()).split('.')[1]}.`
    for (const token of [
      await issue({ iss: 'https://other.example' }),
      await issue({ aud: 'else' }),
      await issue({ exp: Math.floor(clock.now() / 1000) - 60 }),
      await issue({ exp: undefined }),
      await issue({ sub: '' }),
      await issue({}, theirs.privateKey),
      none,
      'x.y.z',
    ]) {
      await assert.rejects(login({ kind: 'token', token }), fails('bad_credentials'))
    }
    clock.advance(120_000)
    assert.equal(access.isValid(identity), false)
  })

  test('who is not there has verifiers as well, always the same', async (t) => {
    const { access } = await open(t, { users: [{ name: 'alice' }] })
    const ask = (user: string) => access.authentication.verifiersOf(user, caller)
    assert.deepEqual(await ask('nobody'), await ask('nobody'))
    assert.notDeepEqual((await ask('nobody')).wampcra, (await ask('other')).wampcra)
    assert.equal(access.authentication.proven('nobody', 'challenge'), undefined)
    assert.equal(access.authentication.proven('alice', 'challenge')?.user, 'alice')
  })
})

describe('attempts', () => {
  test('five wrong ones a minute for a user from an address, then none until time passes', async (t) => {
    const users = [{ name: 'alice', password: await hashed }]
    const { clock, login } = await open(t, { users })
    const tries = Array.from({ length: 20 }, () =>
      login(password('alice', 'wrong')).catch((e: unknown) => e),
    )
    const reasons = (await Promise.all(tries)).map((error) =>
      error instanceof BusError ? error.reason : 'in',
    )
    assert.equal(reasons.filter((reason) => reason === 'bad_credentials').length, 5)
    assert.equal(reasons.filter((reason) => reason === 'too_many_logins').length, 15)
    await assert.rejects(login(password('alice', 'right horse')), fails('too_many_logins'))
    const elsewhere = { ...caller, source: '192.0.2.2:1' }
    assert.equal((await login(password('alice', 'right horse'), elsewhere)).user, 'alice')
    clock.advance(13_000)
    assert.equal((await login(password('alice', 'right horse'))).user, 'alice')
  })

  test('who answers challenges rightly is never held up, who does not is', async (t) => {
    const { access } = await open(t, { users: [{ name: 'alice' }] })
    const { authentication } = access
    for (let i = 0; i < 20; i++) {
      await authentication.verifiersOf('alice', caller)
      assert.equal(authentication.proven('alice', 'challenge', caller)?.user, 'alice')
    }
    for (let i = 0; i < 5; i++) {
      await authentication.verifiersOf('alice', caller)
      authentication.failed('alice', caller)
    }
    await assert.rejects(authentication.verifiersOf('alice', caller), fails('too_many_logins'))
  })

  test('what others try from the same address does not hold up who was here before', async (t) => {
    const users = [{ name: 'alice', password: await hashed }]
    const { access, login } = await open(t, { users })
    await login(password('alice', 'right horse'))
    const flood = Array.from({ length: 300 }, (_, i) =>
      login(password(`user${i}`, 'wrong')).catch(() => undefined),
    )
    assert.equal((await login(password('alice', 'right horse'))).user, 'alice')
    await Promise.all(flood)
    assert.ok(access.hasher.mostUnderWay <= 2, `${access.hasher.mostUnderWay} at once`)
  })
})

describe('what somebody may do', () => {
  const alice: Identity = { user: 'alice', groups: ['ops'], method: 'password' }

  test('the first rule that fits decides, and no rule is a no', async (t) => {
    const { access } = await open(t, {
      rules: [
        { deny: 'publish', to: 'alice', on: 'a/secret' },
        { allow: ['publish', 'subscribe'], to: 'group:ops', on: 'a/#' },
        { allow: 'subscribe', to: 'any', on: 'public/#' },
      ],
    })
    const ask = (identity: Identity, action: 'publish' | 'subscribe' | 'connect', name: string) =>
      access.refusal(who(identity), action, name)
    assert.equal(ask(alice, 'publish', 'a/b'), undefined)
    assert.match(
      ask(alice, 'publish', 'a/secret') ?? '',
      /^rule 1 \(deny publish on a\/secret to alice\)$/,
    )
    assert.equal(ask(alice, 'publish', 'b'), 'no rule allows it')
    assert.equal(ask(anonymous, 'subscribe', 'public/x'), undefined)
    assert.equal(ask(anonymous, 'publish', 'a/b'), 'no rule allows it')
    assert.equal(ask(alice, 'connect', 'name'), undefined)
    assert.equal(ask(anonymous, 'connect', 'name'), undefined)
    assert.equal(access.authentication.anonymousAt(caller), anonymous)
  })

  test('with users and no rules, users may do everything and nobody else anything', async (t) => {
    const { access } = await open(t, { users: [{ name: 'alice' }] })
    assert.equal(access.refusal(who(alice), 'admin', ''), undefined)
    assert.match(access.refusal(who(anonymous), 'publish', 'x') ?? '', /nobody has logged in/)
    assert.notEqual(access.refusal(who(anonymous), 'connect', 'x'), undefined)
  })

  test('a faulty file changes nothing', async (t) => {
    const { access, folder } = await open(t, { users: [{ name: 'alice' }] })
    writeFileSync(join(folder, 'tokens.json'), '{"tokens":[{}]}')
    const next = settingsOf({ users: [{ name: 'bob' }] })
    await assert.rejects(access.reload(next), fails('bad_config'))
    assert.ok(access.users.get('alice') !== undefined && access.users.get('bob') === undefined)
    rmSync(join(folder, 'tokens.json'))
    const { version } = access
    await access.reload(next)
    assert.ok(access.users.get('alice') === undefined && access.users.get('bob') !== undefined)
    assert.notEqual(access.version, version)
  })
})
