// Wrong logins as fast as they come, over the sockets of a daemon, while somebody who has been there before logs in again
// and again: how long that takes, how many hashings there are at once, and what of it is found in any output.
// MSGBUS_LOGIN_FLOOD says how many wrong logins; the full measure is 10,000 at 1,000 a second.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Access } from '../../src/access/access.ts'
import { PasswordHasher } from '../../src/access/password-hasher.ts'
import { usersSchema } from '../../src/access/access-schema.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'

const wrongLogins = Number(process.env['MSGBUS_LOGIN_FLOOD'] ?? 1_000)
const perSecond = 1_000
const secret = 'planted-secret-4711'

test('a right login is quick in a flood of wrong ones, and no secret is kept', async (t) => {
  const hasher = new PasswordHasher()
  const password = await hasher.hash(secret)
  await hasher.close()
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-flood-'))
  const settings = {
    users: usersSchema.parse([{ name: 'alice', password }]),
    rules: [],
    jwt: [],
    identityLimits: [],
    certificateUsers: 'listed',
  } as const
  const clock = systemClock
  const access = await Access.open({ settings, folder, clock, logger: silentLogger })
  t.after(() => rmSync(folder, { recursive: true }))
  const { authentication } = access
  const caller = { protocol: 'test', listener: 'here', source: '127.0.0.1:1' }
  const login = (user: string, text: string, source = caller.source) =>
    authentication.authenticate({ kind: 'password', user, password: text }, { ...caller, source })
  await login('alice', secret)

  const took: number[] = []
  const wrong: Promise<unknown>[] = []
  const messages = new Set<string>()
  const started = performance.now()
  for (let i = 0; i < wrongLogins; i++) {
    const source = `10.${(i >> 8) & 255}.${i & 255}.1:9`
    const user = i % 3 === 0 ? 'alice' : `user${i}`
    wrong.push(
      login(
        user,
        `${secret}-not`,
        i % 2 === 0 ? caller.source.replace('1:1', '2:1') : source,
      ).catch((error: unknown) => messages.add(String(error))),
    )
    if (i % 20 !== 0) continue
    const from = performance.now()
    await login('alice', secret)
    took.push(performance.now() - from)
    const due = started + (i / wrongLogins) * ((wrongLogins / perSecond) * 1_000)
    const early = due - performance.now()
    if (early > 0) await new Promise<void>((resolve) => void clock.after(early, resolve))
  }
  await Promise.all(wrong)
  took.sort((a, b) => a - b)
  const p99 = took[Math.floor(took.length * 0.99)] ?? Infinity
  t.diagnostic(`${wrongLogins} wrong logins; a right one took ${p99.toFixed(1)} ms (p99)`)
  assert.ok(p99 < 500, `${p99} ms`)
  assert.ok(access.hasher.mostUnderWay <= 2, `${access.hasher.mostUnderWay} hashings at once`)
  assert.ok(messages.size > 0)
  await access.close()
  const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  for (const text of [...messages, ...kept]) assert.ok(!text.includes(secret), text)
})
