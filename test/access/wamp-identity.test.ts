// Who somebody is in WAMP without a word about it: by certificate, by the process behind a Unix socket, or by the HTTP request
// of a WebSocket.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as dial, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { connect as dialTls } from 'node:tls'
import { WebSocket } from 'ws'
import type { AccessSettings } from '../../src/access/access.ts'
import { RawClient } from '../conformance/wamp/raw-client.ts'
import { noCertificates, TestAuthority } from '../e2e/certificates.ts'
import { makeUsers, passwords, startSecured } from './secured-daemon.ts'

const roles = { caller: {} }
let users: AccessSettings['users']
const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
after(() => rmSync(folder, { recursive: true }))
before(async () => {
  users = await makeUsers()
})

/** What HELLO is answered with: `[authid, authmethod]`, or the reason of ABORT. */
async function joined(t: TestContext, socket: Socket, authmethods?: string[], authid?: string) {
  t.after(() => socket.destroy())
  const client = await RawClient.over(socket, 'json', 15)
  client.send([1, 'realm1', { roles, authmethods, authid }])
  const [type, about, details] = await client.next()
  if (type === 3) return details
  const told = details as { readonly [key: string]: unknown }
  assert.equal(type, 2, JSON.stringify([type, about, details]))
  return [told['authid'], told['authmethod']]
}

test('the process behind a Unix socket', async (t) => {
  const daemon = await startSecured(t, { users, transport: 'unix', protocols: ['http'] })
  const path = daemon.rawSocket.slice('unix:'.length)
  const open = async () => {
    const socket = dial({ path })
    await once(socket, 'connect')
    return socket
  }
  for (const methods of [undefined, [], ['anonymous'], ['peercred'], ['x', 'peercred']]) {
    assert.deepEqual(await joined(t, await open(), methods), ['alice', 'peercred'])
  }
  const none = 'wamp.error.no_matching_auth_method'
  assert.equal(await joined(t, await open(), ['tls']), none)
  assert.deepEqual(new Set(daemon.usersBy('wamp')), new Set(['alice']))
})

test('a process that does not count is nobody', async (t) => {
  const settings = { identifyBy: [] }
  const options = { users, settings, transport: 'unix', protocols: ['http'] } as const
  const daemon = await startSecured(t, options)
  const socket = dial({ path: daemon.rawSocket.slice('unix:'.length) })
  await once(socket, 'connect')
  assert.equal(await joined(t, socket), 'wamp.error.authentication_required')
})

test('a certificate', { skip: noCertificates }, async (t) => {
  const authority = new TestAuthority(folder)
  const ca = readFileSync(authority.cert)
  const load = (name: string) => {
    const { cert, key } = authority.issue(name)
    return { cert: readFileSync(cert), key: readFileSync(key) }
  }
  const tls = { ...load('server'), clientCa: ca }
  const daemon = await startSecured(t, { users, tls, protocols: ['http'] })
  const port = Number(daemon.rawSocket.split(':').at(-1))
  const open = async (own: object) => {
    const socket = dialTls({ host: '127.0.0.1', port, ca, ...own })
    await once(socket, 'secureConnect')
    return socket
  }
  const alice = load('alice')
  for (const methods of [undefined, ['tls'], ['x', 'tls']]) {
    assert.deepEqual(await joined(t, await open(alice), methods), ['alice', 'tls'])
  }
  // A name that it asks for does not make it another.
  assert.deepEqual(await joined(t, await open(alice), ['tls'], 'bob'), ['alice', 'tls'])
})

test('the HTTP request of a WebSocket', async (t) => {
  const daemon = await startSecured(t, { users, protocols: ['http'] })
  const open = async (user: string, password: string) => {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    const url = `ws://127.0.0.1:${daemon.port('http')}/wamp`
    const socket = new WebSocket(url, 'wamp.2.json', { headers: { authorization } })
    t.after(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
  const socket = await open('alice', passwords.alice)
  socket.send(JSON.stringify([1, 'realm1', { roles }]))
  const [data] = (await once(socket, 'message')) as [Buffer]
  const [type, , details] = JSON.parse(data.toString()) as [number, number, { authid: string }]
  assert.deepEqual([type, details.authid], [2, 'alice'])
  await assert.rejects(open('alice', 'wrong'), /401/)
})
