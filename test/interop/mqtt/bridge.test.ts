// Proves that a bridge works with Mosquitto, in each version, and that nothing that was acknowledged is lost when either
// side is killed in the middle.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as dial, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { puback, publish, readPublish } from '../../conformance/mqtt/bytes.ts'
import { RawClient } from '../../conformance/mqtt/raw-client.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import { output } from '../toolchain.ts'

const isThere = output('sh', ['-c', 'command -v mosquitto']) !== undefined
const skip = isThere ? false : 'mosquitto is not installed'

/** Nobody listens there. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const nobody = () => undefined

class Mosquitto {
  readonly port: number
  readonly #t: TestContext
  readonly #config: string
  #kill: () => Promise<void> = async () => undefined

  constructor(t: TestContext, port: number) {
    this.#t = t
    this.port = port
    const folder = temporaryFolder(t)
    this.#config = join(folder, 'mosquitto.conf')
    writeFileSync(
      this.#config,
      `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`,
    )
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const child = spawn('mosquitto', ['-c', this.#config], { stdio: 'ignore' })
    const ended = once(child, 'close')
    this.#kill = async () => {
      child.kill('SIGKILL')
      await ended
    }
    cleanUp(this.#t, () => this.kill())
    while (!(await accepts(this.port))) if (child.exitCode !== null) throw new Error('it ended')
  }

  async kill(): Promise<void> {
    const kill = this.#kill
    this.#kill = async () => undefined
    await kill()
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = dial(port, '127.0.0.1')
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
  })
  socket.destroy()
  return isOpen
}

/** Collects what comes until the connection ends, and answers it. */
function collect(client: RawClient, into: string[], changed: () => void): Promise<void> {
  const run = async () => {
    for (;;) {
      const packet = await client.next()
      if (packet.readUInt8(0) >>> 4 !== 3) continue
      const { qos, id, payload } = readPublish(client.version, packet)
      if (qos === 1) client.send(puback(id))
      into.push(payload)
      changed()
    }
  }
  return run().catch(() => undefined)
}

for (const version of ['5', '3.1.1']) {
  test(
    `with Mosquitto, ${version}: both sides are killed`,
    { skip, timeout: 120_000 },
    async (t) => {
      const mosquitto = new Mosquitto(t, await freePort())
      await mosquitto.start()
      const data = temporaryFolder(t)
      const bridge = `mqtt://127.0.0.1:${mosquitto.port}?both=b/%23&version=${version}&backOffMinMs=20&backOffMaxMs=100`
      const args = ['--mqtt', '127.0.0.1:0', '--durability', 'disk', '--bridge', bridge]
      const start = async () => {
        const daemon = await startDaemon(t, { data, args })
        const bound = daemon.info.listeners.find(({ protocol }) => protocol === 'mqtt')
        return { ...daemon, port: Number(bound?.address.split(':')[1]) }
      }
      let daemon = await start()
      const received: string[] = []
      let wake: () => void = nobody
      const listen = async () => {
        const client = await RawClient.open(mosquitto.port, 4)
        await client.connect({ id: 'listener' })
        await client.subscribe(['b/#', { qos: 1 }])
        void collect(client, received, () => wake())
        return client
      }
      const published: string[] = []
      let listener = await listen()
      for (let round = 0; round < 3; round++) {
        const publisher = await RawClient.open(daemon.port, 4)
        await publisher.connect()
        // While the other one is away, for a part of them.
        if (round > 0) {
          await mosquitto.kill()
          listener.destroy()
        }
        for (let i = 0; i < 20; i++) {
          publisher.send(
            publish(4, `b/${round}/${i}`, `${round}.${i}`, { qos: 1, id: i + 1, retain: true }),
          )
          await publisher.gets(puback(i + 1))
          published.push(`${round}.${i}`)
        }
        if (round === 2) {
          daemon.kill('SIGKILL')
          await daemon.exited
          daemon = await start()
        }
        if (round > 0) {
          await mosquitto.start()
          listener = await listen()
        }
        publisher.destroy()
        // Retained, so that it does not matter whether the bridge or the listener was back first.
        while (!published.every((text) => received.includes(text))) {
          await new Promise<void>((resolve) => (wake = resolve))
        }
      }
      // And back.
      const here = await RawClient.open(daemon.port, 4)
      await here.connect()
      await here.subscribe(['b/back', { qos: 1 }])
      listener.send(publish(4, 'b/back', 'back', { qos: 1, id: 1 }))
      const got = await here.message()
      assert.equal(`${got.topic} ${got.payload} ${got.retain} ${got.qos}`, 'b/back back false 1')
      here.destroy()
      listener.destroy()
    },
  )
}
