// Proves TLS of the real daemon: certificates, client certificates, what a bad file costs, and that
// new certificates are taken without a restart (spec/msgbus-v1 6.3, cases 106 and 107).

import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { credentials, status } from '@grpc/grpc-js'
import { cleanUp } from './clean-up.ts'
import { type CertificateFiles, noCertificates, TestAuthority } from './certificates.ts'
import { runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

const skip = noCertificates

function serve(server: CertificateFiles, clientCa?: string): string[] {
  const tls = ['--storage', 'memory', '--tls-cert', server.cert, '--tls-key', server.key]
  return clientCa === undefined ? tls : [...tls, '--tls-client-ca', clientCa]
}

/** Opens a TLS connection as clients of HTTP/2 do; the handshake with us is over when it resolves. */
function handshake(t: TestContext, address: string, ca: string): Promise<TLSSocket> {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const options = { host, port: Number(port), ca: readFileSync(ca), ALPNProtocols: ['h2'] }
    const socket = connectTls(options, () => resolve(socket))
    socket.once('error', reject)
    cleanUp(t, () => socket.destroy())
  })
}

async function commonName(t: TestContext, address: string, ca: string): Promise<string> {
  const socket = await handshake(t, address, ca)
  return String(socket.getPeerCertificate().subject.CN)
}

test(
  '107: with client certificates required, a client with one works over h2',
  { skip },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const daemon = await startDaemon(t, { args: serve(authority.issue('server'), authority.cert) })
    assert.match(daemon.stdout(), /^grpc listens on 127\.0\.0\.1:\d+ with TLS$/m)

    const mine = authority.issue('client')
    const [ca, key, cert] = [authority.cert, mine.key, mine.cert].map((file) => readFileSync(file))
    const known = connectV1(t, daemon.address, credentials.createSsl(ca, key, cert))
    assert.equal((await known.call<{ status: string }>('Health')).status, 'SERVING')

    const nobody = connectV1(t, daemon.address, credentials.createSsl(ca ?? null))
    await assert.rejects(nobody.call('Health'), { code: status.UNAVAILABLE })

    const other = new TestAuthority(temporaryFolder(t), 'other')
    const forged = other.issue('client')
    const [forgedKey, forgedCert] = [forged.key, forged.cert].map((file) => readFileSync(file))
    const stranger = connectV1(t, daemon.address, credentials.createSsl(ca, forgedKey, forgedCert))
    await assert.rejects(stranger.call('Health'), { code: status.UNAVAILABLE })
    // The daemon goes on serving those it knows.
    assert.equal((await known.call<{ status: string }>('Health')).status, 'SERVING')
  },
)

test(
  '107: without client certificates, ALPN chooses h2 and TLS is 1.2 at least',
  { skip },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const daemon = await startDaemon(t, { args: serve(authority.issue('server')) })
    const socket = await handshake(t, daemon.address, authority.cert)
    assert.equal(socket.alpnProtocol, 'h2')
    assert.match(socket.getProtocol() ?? '', /^TLSv1\.[23]$/)
    const [host, port] = daemon.address.split(':')
    const old = connectTls({ host, port: Number(port), maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })
    cleanUp(t, () => old.destroy())
    await assert.rejects(
      new Promise((resolve, reject) => old.once('secureConnect', resolve).once('error', reject)),
    )
  },
)

test('SIGHUP takes new certificates and leaves connections alone', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const authority = new TestAuthority(folder)
  const current = authority.issue('first')
  const daemon = await startDaemon(t, { args: serve(current) })
  const open = connectV1(t, daemon.address, credentials.createSsl(readFileSync(authority.cert)))
  await open.call('Health')
  assert.equal(await commonName(t, daemon.address, authority.cert), 'first')

  const next = authority.issue('second')
  copyFileSync(next.cert, current.cert)
  copyFileSync(next.key, current.key)
  daemon.kill('SIGHUP')
  await daemon.printed(/"event":"tls_reloaded"/)
  assert.equal(await commonName(t, daemon.address, authority.cert), 'second')
  await open.call('Health')
})

test('a changed file is noticed by itself; a faulty one changes nothing', { skip }, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const current = authority.issue('first')
  const daemon = await startDaemon(t, { args: serve(current) })
  writeFileSync(current.cert, 'not a certificate')
  await daemon.printed(/"event":"tls_reload_failed"/)
  assert.equal(await commonName(t, daemon.address, authority.cert), 'first')

  const next = authority.issue('third')
  copyFileSync(next.key, current.key)
  copyFileSync(next.cert, current.cert)
  await daemon.printed(/"event":"tls_reloaded"/)
  assert.equal(await commonName(t, daemon.address, authority.cert), 'third')
})

test('bad TLS files are start errors that name the file', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const authority = new TestAuthority(folder)
  const [one, two] = [authority.issue('one'), authority.issue('two')]
  const garbage = join(folder, 'garbage.pem')
  writeFileSync(garbage, 'garbage')
  const missing = join(folder, 'missing.pem')
  const cases: [args: string[], message: RegExp][] = [
    [
      serve({ cert: missing, key: one.key }),
      /TLS certificate cannot be read: ENOENT.*missing\.pem/,
    ],
    [serve({ cert: garbage, key: one.key }), /garbage\.pem is not a PEM certificate/],
    [serve({ cert: one.cert, key: garbage }), /garbage\.pem is not an unencrypted PEM private key/],
    [
      serve({ cert: one.cert, key: two.key }),
      /two\.key is not the key of the certificate in .*one\.crt/,
    ],
    [serve(one, garbage), /garbage\.pem is not a PEM certificate/],
  ]
  for (const [args, message] of cases) {
    const exit = await runMsgbusd(t, ['--listen', '127.0.0.1:0', '--data', folder, ...args])
    assert.equal(exit.code, 1, String(message))
    assert.match(exit.stderr, message)
    assert.equal(exit.stderr.trim().split('\n').length, 1, 'one clear message')
  }
})
