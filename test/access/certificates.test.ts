// Proves TLS of every listener alike: which client certificates are let in and whose they are, which certificate of the
// server is shown for which name, and that both change while connections stand. Certificates are made once.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { connect as dial } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { connectAsync } from 'mqtt'
import type { AccessSettings } from '../../src/access/access.ts'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { connectLazy } from '../../src/client/index.ts'
import { connect as connectTmb } from '../../src/client/tmb/index.ts'
import { toClientCertificate } from '../../src/net/client-certificate.ts'
import type { TlsMaterial } from '../../src/net/server-tls.ts'
import { type CertificateFiles, noCertificates, TestAuthority } from '../e2e/certificates.ts'
import {
  makeUsers,
  type Protocol,
  protocols,
  type SecuredDaemon,
  startSecured,
} from './secured-daemon.ts'
import { X509Certificate } from 'node:crypto'

interface Pem {
  readonly cert: Buffer
  readonly key: Buffer
}

const hour = 3_600_000
const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
after(() => rmSync(folder, { recursive: true }))
let users: AccessSettings['users']
let authority: Buffer
let strangers: Buffer
const pem: Record<string, Pem> = {}
const skip = noCertificates
const at = (hours: number) => new Date(Date.now() + hours * hour)

function load(files: CertificateFiles): Pem {
  return { cert: readFileSync(files.cert), key: readFileSync(files.key) }
}

before(async () => {
  if (skip !== false) return
  users = await makeUsers()
  const own = new TestAuthority(folder)
  const other = new TestAuthority(folder, 'stranger')
  authority = readFileSync(own.cert)
  strangers = readFileSync(other.cert)
  pem['server'] = load(own.issue('server', { use: 'serverAuth' }))
  pem['renewed'] = load(own.issue('renewed', { use: 'serverAuth' }))
  pem['named'] = load(own.issue('named', { names: 'DNS:bus.example' }))
  pem['alice'] = load(own.issue('alice', { use: 'clientAuth' }))
  pem['expired'] = load(own.issue('expired', { subject: '/CN=alice', validFrom: at(-96) }))
  pem['early'] = load(own.issue('early', { subject: '/CN=alice', validFrom: at(1) }))
  pem['serving'] = load(own.issue('serving', { subject: '/CN=alice', use: 'serverAuth' }))
  pem['forged'] = load(other.issue('forged', { subject: '/CN=alice' }))
  // Not a user, and no rule lets it do anything.
  pem['nobody'] = load(own.issue('nobody', { subject: '/O=Example/OU=x' }))
  pem['awkward'] = load(
    own.issue('awkward', { subject: '/O=A, B/CN=x; y=z', names: 'URI:urn:a,DNS:a.example' }),
  )
})

function pair(name: string): Pem {
  const found = pem[name]
  assert.ok(found, name)
  return found
}

function material(change: Partial<TlsMaterial> = {}): TlsMaterial {
  return { ...pair('server'), clientCa: authority, ...change }
}

/**
 * A handshake that is over on both sides: with TLS 1.3 a client learns only afterwards that its certificate was
 * refused. `refused`, or the name in the certificate of the server.
 */
async function handshake(
  daemon: SecuredDaemon,
  protocol: Protocol,
  options: ConnectionOptions = {},
): Promise<string> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: daemon.port(protocol),
    ca: authority,
    // What each listener answers at once, so that it is seen to have let somebody in.
    ALPNProtocols: protocol === 'grpc' ? ['h2'] : ['http/1.1'],
    ...options,
  })
  try {
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    await served(socket, protocol)
    return String(CN)
  } catch {
    return 'refused'
  } finally {
    socket.destroy()
  }
}

/** Resolves when the daemon has answered anything; rejects when it closes. */
async function served(socket: TLSSocket, protocol: Protocol): Promise<void> {
  const openers: Record<Protocol, string | Buffer> = {
    grpc: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'),
    http: 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n',
    tmb: 'ping\n',
    // CONNECT, 3.1.1, clean.
    mqtt: Buffer.from('100d00044d5154540402003c000161', 'hex'),
    busrt: '',
  }
  const answered = once(socket, 'data')
  const closed = once(socket, 'close').then(() => {
    throw new Error('closed')
  })
  closed.catch(() => undefined)
  socket.write(openers[protocol])
  await Promise.race([answered, closed])
}

/** Asks by a client of the protocol, and tells as whom. */
const askAs: Record<
  Protocol,
  (t: TestContext, daemon: SecuredDaemon, own: Pem, ca: Buffer) => Promise<void>
> = {
  grpc: async (t, daemon, own, ca) => {
    const client = connectLazy(daemon.address('grpc'), { tls: { ...own, ca } })
    t.after(() => client.close())
    await client.publish('t', 'x')
  },
  http: async (t, daemon, own, ca) => {
    const socket = connectTls({ host: '127.0.0.1', port: daemon.port('http'), ...own, ca })
    t.after(() => socket.destroy())
    socket.write('GET /v1/heads HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1.1 200 /)
  },
  tmb: async (t, daemon, own, ca) => {
    const address = `tls+${daemon.address('tmb')}`
    const client = await connectTmb({ address, tls: { ...own, ca } })
    t.after(() => client.close())
  },
  mqtt: async (t, daemon, own, ca) => {
    const url = `mqtts://${daemon.address('mqtt')}`
    const client = await connectAsync(url, { ...own, ca, reconnectPeriod: 0 }, false)
    t.after(() => client.endAsync(true))
  },
  busrt: async (t, daemon, own, ca) => {
    const address = `tls+${daemon.address('busrt')}`
    const client = await connectBusrt({ address, name: 'c', tls: { ...own, ca } })
    t.after(() => client.close())
  },
}

describe('client certificates on every listener', { skip }, () => {
  const faults = ['expired', 'early', 'serving', 'forged']

  test('required: good ones come in as who they are, others do not', async (t) => {
    const daemon = await startSecured(t, { users, tls: material() })
    for (const protocol of protocols) {
      const own = pair('alice')
      assert.equal(await handshake(daemon, protocol, own), 'server', protocol)
      assert.equal(await handshake(daemon, protocol), 'refused', `${protocol}: none`)
      for (const fault of faults) {
        const shown = await handshake(daemon, protocol, pair(fault))
        assert.equal(shown, 'refused', `${protocol}: ${fault}`)
      }
      await askAs[protocol](t, daemon, own, authority)
      assert.ok(daemon.usersBy(protocol).includes('alice'), protocol)
    }
  })

  test('optional: none is fine, a bad one is not', async (t) => {
    const tls = material({ clientCertificates: 'optional' })
    const daemon = await startSecured(t, { users, tls })
    for (const protocol of protocols) {
      assert.equal(await handshake(daemon, protocol), 'server', `${protocol}: none`)
      assert.equal(await handshake(daemon, protocol, pair('alice')), 'server', protocol)
      for (const fault of faults) {
        const shown = await handshake(daemon, protocol, pair(fault))
        assert.equal(shown, 'refused', `${protocol}: ${fault}`)
      }
    }
  })

  test('a certificate that no user has is nobody; one listener may not count them', async (t) => {
    const nobody = await startSecured(t, { users, tls: material(), protocols: ['tmb'] })
    const address = `tls+${nobody.address('tmb')}`
    const tls = { ...pair('nobody'), ca: authority }
    const unknown = await connectTmb({ address, tls })
    t.after(() => unknown.close())
    assert.deepEqual(nobody.usersBy('tmb'), [])
    const settings = { identifyBy: [] }
    const blind = await startSecured(t, { users, tls: material(), settings, protocols: ['grpc'] })
    const client = connectLazy(blind.address('grpc'), { tls: { ...pair('alice'), ca: authority } })
    t.after(() => client.close())
    await assert.rejects(client.publish('t', 'x'), { reason: 'credentials_missing' })
  })
})

describe('the certificate of the server on every listener', { skip }, () => {
  test('clients refuse one of another name or authority', async (t) => {
    const daemon = await startSecured(t, { users, tls: material({ clientCa: undefined }) })
    for (const protocol of protocols) {
      assert.equal(await handshake(daemon, protocol), 'server')
      const misnamed = { servername: 'elsewhere.example' }
      assert.equal(await handshake(daemon, protocol, misnamed), 'refused', protocol)
      assert.equal(await handshake(daemon, protocol, { ca: strangers }), 'refused', protocol)
      const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' } as const
      assert.equal(await handshake(daemon, protocol, old), 'refused', protocol)
    }
  })

  test('the name that is asked for chooses it (SNI), also with client certificates', async (t) => {
    const tls = material({ others: [pair('named')] })
    const daemon = await startSecured(t, { users, tls })
    for (const protocol of protocols) {
      const own = pair('alice')
      const asked = { ...own, servername: 'bus.example' }
      assert.equal(await handshake(daemon, protocol, asked), 'named', protocol)
      const known = { ...own, servername: 'localhost' }
      assert.equal(await handshake(daemon, protocol, known), 'server', protocol)
      const forged = { ...pair('forged'), servername: 'bus.example' }
      assert.equal(await handshake(daemon, protocol, forged), 'refused', protocol)
    }
  })

  test('changed while running: new handshakes see it, connections stay', async (t) => {
    const daemon = await startSecured(t, { users, tls: material() })
    const tls = { ...pair('alice'), ca: authority }
    const client = connectLazy(daemon.address('grpc'), { tls })
    t.after(() => client.close())
    await client.publish('t', 'x')
    const first = daemon.bus.clients().find(({ protocol }) => protocol === 'grpc')
    daemon.reloadTls({ ...pair('renewed'), clientCa: authority })
    for (const protocol of protocols) {
      assert.equal(await handshake(daemon, protocol, pair('alice')), 'renewed', protocol)
    }
    await client.publish('t', 'x')
    const now = daemon.bus.clients().find(({ protocol }) => protocol === 'grpc')
    assert.equal(now?.id, first?.id)
    // An authority that is trusted no more is none at the next handshake.
    daemon.reloadTls({ ...pair('server'), clientCa: strangers })
    for (const protocol of protocols) {
      assert.equal(await handshake(daemon, protocol, pair('alice')), 'refused', protocol)
      assert.equal(await handshake(daemon, protocol, pair('forged')), 'server', protocol)
    }
    assert.throws(() => daemon.reloadTls({ ...material(), key: pair('renewed').key }))
    assert.equal(await handshake(daemon, 'http', pair('forged')), 'server')
    await client.publish('t', 'x')
  })
})

test('subjects and names are written as users are mapped by them', { skip }, () => {
  const { subject, commonName, names, fingerprint } = toClientCertificate(
    new X509Certificate(pair('awkward').cert),
  )
  assert.equal(subject, 'CN=x\\; y=z,O=A\\, B')
  assert.equal(commonName, 'x; y=z')
  assert.deepEqual(names, ['URI:urn:a', 'DNS:a.example'])
  assert.match(fingerprint, /^[0-9a-f]{64}$/)
})

test('connection limits: per listener and per address', async (t) => {
  const settings = { maxConnectionsPerAddress: 2, maxConnections: 3 }
  const daemon = await startSecured(t, { settings, protocols: ['tmb', 'http', 'grpc'] })
  for (const protocol of ['tmb', 'http', 'grpc'] as const) {
    const port = daemon.port(protocol)
    const open = async () => {
      const socket = dial({ host: '127.0.0.1', port })
      t.after(() => socket.destroy())
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }
    const [first] = [await open(), await open()]
    const third = await open()
    third.resume()
    await once(third, 'close')
    const gone = once(first, 'close')
    first.destroy()
    await gone
    // The daemon hears of it a little later; until then others are closed.
    for (;;) {
      const next = await open()
      const alive = await new Promise<boolean>((resolve) => {
        next.once('close', () => resolve(false))
        if (protocol === 'tmb') next.write('ping\n')
        else if (protocol === 'http') next.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
        else next.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1')
        next.once('data', () => resolve(true))
      })
      if (alive) break
    }
  }
})

test('connection limits of TLS listeners close before the handshake', { skip }, async (t) => {
  const settings = { maxConnections: 1 }
  const tls = material({ clientCa: undefined })
  const daemon = await startSecured(t, { tls, settings })
  for (const protocol of protocols) {
    const first = connectTls({ host: '127.0.0.1', port: daemon.port(protocol), ca: authority })
    t.after(() => first.destroy())
    await once(first, 'secureConnect')
    assert.equal(await handshake(daemon, protocol), 'refused', protocol)
    assert.equal(first.destroyed, false, protocol)
  }
})
