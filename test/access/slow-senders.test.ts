// Proves what connections cost that send a byte at a time and never say who they are: little memory each, an end in
// time, and others served as before (design/reliability A3). The daemon is a process of its own. Everyday a few
// connections; MSGBUS_SLOW_SENDERS=5000 for the full number.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { PasswordHasher } from '../../src/access/password-hasher.ts'
import { connect } from '../../src/client/index.ts'
import { startDaemon, temporaryFolder } from '../e2e/daemon-process.ts'

const total = Number(process.env['MSGBUS_SLOW_SENDERS'] ?? 100)
const isFull = total >= 1_000

/** What each protocol begins with, byte by byte. */
const openings: Readonly<Record<string, Buffer>> = {
  grpc: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  http: Buffer.from('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ', 'latin1'),
  tmb: Buffer.from(':/a hello hello hello hello hello', 'latin1'),
  mqtt: Buffer.from('10ff0700044d515454', 'hex'),
  busrt: Buffer.from('eb01000500', 'hex'),
}

function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0) * 1_024
}

class SlowSender {
  readonly socket: Socket
  readonly #bytes: Buffer
  #sent = 0

  constructor(port: number, bytes: Buffer) {
    this.#bytes = bytes
    this.socket = dial({ host: '127.0.0.1', port })
    this.socket.on('error', () => undefined)
    this.socket.resume()
  }

  send(): void {
    if (this.socket.destroyed || !this.socket.writable) return
    // After its opening it goes on with anything.
    const at = this.#sent++
    this.socket.write(
      this.#bytes.subarray(at, at + 1).length > 0 ? this.#bytes.subarray(at, at + 1) : 'x',
    )
  }
}

test(
  `${total} connections that send a byte a second`,
  {
    skip: process.platform === 'linux' ? false : 'memory is read from /proc',
    timeout: 180_000,
  },
  async (t: TestContext) => {
    const hasher = new PasswordHasher()
    const password = await hasher.hash('right horse', { memoryKib: 64, passes: 1, lanes: 1 })
    await hasher.close()
    const config = join(temporaryFolder(t), 'bus.yaml')
    const rules = [{ allow: 'all', to: 'users' }]
    writeFileSync(config, JSON.stringify({ users: [{ name: 'alice', password }], rules }))
    const listen = ['http', 'tmb', 'mqtt', 'busrt'].flatMap((name) => [`--${name}`, '127.0.0.1:0'])
    const daemon = await startDaemon(t, {
      args: ['--config', config, '--storage', 'memory', ...listen],
    })
    const ports = daemon.info.listeners.map(({ protocol, address }) => {
      return { protocol, port: Number(address.split(':').at(-1)) }
    })
    const client = await connect(daemon.address, { user: 'alice', password: 'right horse' })
    t.after(() => client.close())
    /** The 99th percentile of some publications, in milliseconds. */
    const p99 = async (): Promise<number> => {
      const times: number[] = []
      for (let i = 0; i < 1_000; i++) {
        const began = performance.now()
        await client.publish('t', 'x')
        times.push(performance.now() - began)
      }
      return times.sort((a, b) => a - b)[989] ?? 0
    }
    await p99()
    const [alone, quietBytes] = [await p99(), residentBytes(daemon.pid)]

    const began = performance.now()
    const senders: SlowSender[] = []
    for (let i = 0; i < total; i++) {
      const { protocol, port } = ports[i % ports.length] ?? assert.fail('there is no listener')
      const sender = new SlowSender(port, openings[protocol] ?? assert.fail(protocol))
      t.after(() => sender.socket.destroy())
      senders.push(sender)
      if (i % 100 === 99 && sender.socket.connecting) await once(sender.socket, 'connect')
    }
    const ended = senders.map(async ({ socket }) => {
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
    })
    const over = new AbortController()
    const sending = (async () => {
      while (!over.signal.aborted) {
        for (const sender of senders) sender.send()
        await pause(1_000)
      }
    })()
    const beside = await p99()
    const each = (residentBytes(daemon.pid) - quietBytes) / total
    await Promise.all(ended)
    over.abort()
    const tookMs = performance.now() - began
    await sending
    t.diagnostic(
      `p99 ${alone.toFixed(2)} ms alone, ${beside.toFixed(2)} ms beside; ${(each / 1_024).toFixed(1)} KiB each; all closed after ${(tookMs / 1_000).toFixed(1)} s`,
    )
    // Limits of handshakes are 5 to 10 s, HTTP looks every 5 s; with 10 s on top.
    if (isFull) assert.ok(tookMs < 25_000, `${tookMs} ms until the last was closed`)
    // Of a few connections on a machine that does other things nothing else can be said than that all are closed.
    if (isFull) assert.ok(each <= 16_384, `${each} bytes each`)
    if (isFull) assert.ok(beside < Math.max(2 * alone, 2), `p99 ${beside} ms, alone ${alone} ms`)
  },
)
