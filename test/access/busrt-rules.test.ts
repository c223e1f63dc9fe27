// Cases 83 to 87 of spec/busrt 11: what the rules of the bus make of the lists that brokers of BUS/RT have per name.
// Clients are known by the certificate that they show. Hosts are no matter of rules here: who shows nothing is refused
// wherever it comes from (credentials.test.ts); and a subscription to more than may be read delivers what may.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import type { AccessSettings } from '../../src/access/access.ts'
import { type BusrtClient, connect } from '../../src/client/busrt/index.ts'
import type { ClientTlsOptions } from '../../src/client/grpc-transport.ts'
import type { ServerTls } from '../../src/protocols/adapter.ts'
import { noCertificates, TestAuthority } from '../e2e/certificates.ts'
import { makeUsers, startSecured } from './secured-daemon.ts'

const skip = noCertificates
const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
after(() => rmSync(folder, { recursive: true }))
let users: AccessSettings['users']
let tls: ServerTls
let shown: ClientTlsOptions

before(async () => {
  if (skip !== false) return
  users = await makeUsers()
  const authority = new TestAuthority(folder)
  const [server, alice] = [authority.issue('server'), authority.issue('alice')]
  const ca = readFileSync(authority.cert)
  tls = { cert: readFileSync(server.cert), key: readFileSync(server.key), clientCa: ca }
  shown = { ca, cert: readFileSync(alice.cert), key: readFileSync(alice.key) }
})

const rules = [
  { allow: 'connect', to: 'alice', on: 'unit.*' },
  { deny: 'connect', to: 'any' },
  { allow: 'publish', to: 'alice', on: 'news/#' },
  { allow: 'subscribe', to: 'alice', on: 'news/#' },
  { allow: 'send', to: 'alice', on: 'unit.*' },
  { allow: 'broadcast', to: 'alice', on: 'grp.*' },
]
const denied = { code: 'permission_denied' }

async function scene(t: TestContext) {
  const daemon = await startSecured(t, { users, rules, tls, protocols: ['busrt'] })
  const open = async (name: string): Promise<BusrtClient> => {
    const address = `tls+${daemon.address('busrt')}`
    const client = await connect({ address, name, tls: shown, reconnect: false })
    t.after(() => client.close())
    return client
  }
  return { daemon, open }
}

test('case 83: a name that is not listed', { skip }, async (t) => {
  const { open } = await scene(t)
  await assert.rejects(open('other'), denied)
  await open('unit.a')
})

test('case 84: targets, masks and topics outside of the rules', { skip }, async (t) => {
  const { open } = await scene(t)
  const client = await open('unit.a')
  await open('unit.b')
  await assert.rejects(client.publish('other', 'x'), denied)
  await assert.rejects(client.broadcast('other.*', 'x'), denied)
  await assert.rejects(client.send('.broker', 'x'), denied)
  // Without a wish for an answer there is none, and the connection stays.
  await client.publish('other', 'x', { qos: 'none' })
  await client.publish('news/a', 'x')
  await client.send('unit.b', 'x')
})

test('case 85: subscriptions within the rules, and beyond them', { skip }, async (t) => {
  const { daemon, open } = await scene(t)
  const client = await open('unit.a')
  await client.subscribe('news/a')
  await assert.rejects(client.subscribe('other/+'), denied)
  // Partly allowed: what comes is what may.
  await client.subscribe('#')
  const inside = daemon.bus.connect(
    { user: 'program', groups: [], method: 'in-process' },
    { protocol: 'test' },
  )
  t.after(() => inside.close())
  for (const topic of ['other/a', 'news/b']) {
    await inside.publish([{ topic, payload: Buffer.from('x'), headers: new Map() }])
  }
  for await (const { topic } of client) {
    assert.equal(topic, 'news/b')
    break
  }
})

test('case 86: masks against the rules', { skip }, async (t) => {
  const { open } = await scene(t)
  const client = await open('unit.a')
  for (const mask of ['grp.*', 'grp.?', 'grp.a']) await client.broadcast(mask, 'x')
  for (const mask of ['*', 'grp', '?.a']) await assert.rejects(client.broadcast(mask, 'x'), denied)
})

test('case 87: a secondary has the rights of its primary', { skip }, async (t) => {
  const { open } = await scene(t)
  await open('unit.a')
  const secondary = await open('unit.a%%x')
  await secondary.publish('news/a', 'x')
  await assert.rejects(secondary.publish('other', 'x'), denied)
})
