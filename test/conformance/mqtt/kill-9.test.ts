/**
 * Case 53 of spec/mqtt 17: a real daemon with durability `disk` that is killed in the middle. What was acknowledged is
 * there afterwards, and with QoS 2 nothing is there twice, whatever was under way.
 */

import assert from 'node:assert/strict'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { Random } from '../../fuzz/random.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import {
  connect,
  property,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  readPublish,
  type Version,
} from './bytes.ts'
import { RawClient } from './raw-client.ts'
import { isFullSize } from '../../full-size.ts'

class Daemon {
  readonly #t: TestContext
  readonly #data: string
  #kill: () => Promise<unknown> = async () => undefined
  port = 0

  constructor(t: TestContext) {
    this.#t = t
    this.#data = temporaryFolder(t)
  }

  async start(): Promise<void> {
    const args = ['--mqtt', '127.0.0.1:0', '--durability', 'disk']
    const daemon = await startDaemon(this.#t, { data: this.#data, args })
    const bound = daemon.info.listeners.find(({ protocol }) => protocol === 'mqtt')
    this.port = Number(bound?.address.split(':')[1])
    this.#kill = () => {
      daemon.kill('SIGKILL')
      return daemon.exited
    }
  }

  async kill(): Promise<void> {
    await this.#kill()
  }
}

/** A client that keeps its session, as programs do: it answers what comes, and sends again what was not answered. */
class Program {
  readonly #id: string
  readonly #version: Version
  /** Messages by identifier that were not done, and whether PUBREC has come. */
  readonly #sending = new Map<
    number,
    { readonly payload: string; readonly qos: number; isReceived: boolean }
  >()
  /** Of QoS 2, by identifier: received and not released. */
  readonly #received = new Set<number>()
  #client: RawClient | undefined
  #nextId = 1
  /** What it published and what was acknowledged for good. */
  readonly published: string[] = []
  readonly acknowledged = new Set<string>()
  /** What it was given: of QoS 2 each handshake once. */
  readonly delivered: string[] = []
  #changed: () => void = () => undefined

  constructor(id: string, version: Version) {
    this.#id = id
    this.#version = version
  }

  async connect(port: number): Promise<RawClient> {
    const client = await RawClient.open(port, this.#version)
    this.#client = client
    const properties = this.#version === 5 ? [property.sessionExpiry(10_000)] : []
    client.send(connect({ version: this.#version, id: this.#id, clean: false, properties }))
    assert.equal((await client.connack()).code, 0)
    return client
  }

  /** Sends again what is not done. */
  sendAgain(): void {
    for (const [id, { payload, qos, isReceived }] of this.#sending) {
      this.#client?.send(
        isReceived ? pubrel(id) : publish(this.#version, 't', payload, { qos, id, dup: true }),
      )
    }
  }

  publish(payload: string, qos = 2): void {
    do this.#nextId = (this.#nextId % 65_535) + 1
    while (this.#sending.has(this.#nextId))
    const id = this.#nextId
    this.#sending.set(id, { payload, qos, isReceived: false })
    this.published.push(payload)
    this.#client?.send(publish(this.#version, 't', payload, { qos, id }))
  }

  /** Its connection is cut. */
  cut(): void {
    this.#client?.destroy()
  }

  /** Handles what comes until the connection ends. */
  async run(): Promise<void> {
    const client = this.#client
    for (;;) {
      let packet: Buffer
      try {
        packet = (await client?.next()) ?? Buffer.alloc(0)
      } catch {
        return
      }
      this.#handle(client, packet)
      this.#changed()
    }
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => (this.#changed = resolve))
  }

  get open(): number {
    return this.#sending.size
  }

  #handle(client: RawClient | undefined, packet: Buffer): void {
    const type = packet.readUInt8(0) >>> 4
    if (type === 3) {
      const { qos, id, payload } = readPublish(this.#version, packet)
      if (qos === 1) client?.send(puback(id))
      if (qos === 2) client?.send(pubrec(id))
      if (qos === 2 && this.#received.has(id)) return
      if (qos === 2) this.#received.add(id)
      this.delivered.push(payload)
      return
    }
    if (type < 4 || type > 7) return
    const id = packet.readUInt16BE(2)
    const sending = this.#sending.get(id)
    if (type === 5) {
      if (sending !== undefined) sending.isReceived = true
      client?.send(pubrel(id))
    } else if (type === 4) {
      if (sending?.qos === 1) {
        this.acknowledged.add(sending.payload)
        this.#sending.delete(id)
      }
    } else if (type === 6) {
      this.#received.delete(id)
      client?.send(pubcomp(id))
    } else {
      if (sending !== undefined) this.acknowledged.add(sending.payload)
      this.#sending.delete(id)
    }
  }
}

/** `MSGBUS_KILLS=100` runs what the issue asks for. */
const kills = Number(process.env['MSGBUS_KILLS'] ?? 2)

for (const version of [4, 5] as const) {
  test(
    `case 53 (${version}): killed under QoS 2 in both directions`,
    { timeout: 60_000 },
    async (t) => {
      const daemon = new Daemon(t)
      const publisher = new Program('publisher', version)
      const subscriber = new Program('subscriber', version)
      await daemon.start()
      const first = await subscriber.connect(daemon.port)
      await first.subscribe(['t', { qos: 2 }])
      first.destroy()
      const rounds = isFullSize ? 6 : 3
      for (let round = 0; round < rounds; round++) {
        await publisher.connect(daemon.port)
        // In some rounds it is away.
        if (round % 3 !== 1) await subscriber.connect(daemon.port)
        const running = [publisher.run(), subscriber.run()]
        publisher.sendAgain()
        const before = publisher.acknowledged.size
        for (let i = 0; i < 40; i++) publisher.publish(`${round}.${i}`)
        await publisher.until(() => publisher.acknowledged.size >= before + 5 + round * 4)
        await daemon.kill()
        await Promise.all(running)
        await daemon.start()
      }
      await publisher.connect(daemon.port)
      await subscriber.connect(daemon.port)
      const running = [publisher.run(), subscriber.run()]
      publisher.sendAgain()
      await publisher.until(() => publisher.open === 0)
      const { published } = publisher
      await subscriber.until(() => subscriber.delivered.length >= published.length)
      await daemon.kill()
      await Promise.all(running)
      assert.equal(subscriber.delivered.length, new Set(subscriber.delivered).size, 'none twice')
      assert.deepEqual(new Set(subscriber.delivered), new Set(published))
    },
  )

  test(
    `case 53 (${version}): ${kills} times at random moments, QoS 1 and 2, sessions come and go`,
    { timeout: 60_000 + kills * 20_000 },
    async (t) => {
      const seed = Number(process.env['MSGBUS_FUZZ_SEED'] ?? Date.now() % 0x1_0000_0000)
      t.diagnostic(`MSGBUS_FUZZ_SEED=${seed}`)
      const random = new Random(seed)
      const daemon = new Daemon(t)
      const publishers = [new Program('one', version), new Program('two', version)]
      const subscriber = new Program('subscriber', version)
      await daemon.start()
      await (await subscriber.connect(daemon.port)).subscribe(['t', { qos: 2 }])
      subscriber.cut()
      for (let kill = 0; kill < kills; kill++) {
        const running: Promise<void>[] = []
        for (const publisher of publishers) {
          await publisher.connect(daemon.port)
          running.push(publisher.run())
          publisher.sendAgain()
        }
        const comesAt = random.below(60)
        const goesAt = random.below(90)
        const endsAt = 1 + random.below(80)
        const done = () => publishers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
        const before = done()
        for (let i = 0; i < 40; i++) {
          for (const [n, each] of publishers.entries()) {
            // No more under way than a client of 5.0 may have.
            if (each.open < 100) each.publish(`${kill}.${n}.${i}`, 1 + (i % 2))
          }
        }
        let isThere = false
        for (let i = 0; i <= endsAt; i++) {
          await publishers[0]?.until(() => done() - before >= i || publishers[0]?.open === 0)
          if (i === comesAt) {
            await subscriber.connect(daemon.port)
            running.push(subscriber.run())
            isThere = true
          }
          if (i === goesAt && isThere) subscriber.cut()
          if (publishers.every(({ open }) => open === 0)) break
        }
        for (let turns = random.below(20); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve))
        }
        await daemon.kill()
        await Promise.all(running)
        await daemon.start()
      }
      const running: Promise<void>[] = []
      for (const program of [...publishers, subscriber]) {
        await program.connect(daemon.port)
        running.push(program.run())
        program.sendAgain()
      }
      for (const publisher of publishers) await publisher.until(() => publisher.open === 0)
      const published = publishers.flatMap((publisher) => publisher.published)
      await subscriber.until(() => new Set(subscriber.delivered).size >= published.length)
      await daemon.kill()
      await Promise.all(running)
      const delivered = new Map<string, number>()
      for (const text of subscriber.delivered) delivered.set(text, (delivered.get(text) ?? 0) + 1)
      for (const text of published) {
        const count = delivered.get(text) ?? 0
        const isExactlyOnce = Number(text.split('.')[2]) % 2 === 1
        assert.ok(count >= 1, `${text} is lost`)
        if (isExactlyOnce) assert.equal(count, 1, `${text} came ${count} times`)
      }
    },
  )

  test(`case 53 (${version}): QoS 1 and a shared group`, { timeout: 60_000 }, async (t) => {
    const daemon = new Daemon(t)
    await daemon.start()
    const properties = version === 5 ? [property.sessionExpiry(10_000)] : []
    const kept = (id: string) => ({ id, clean: false, properties })
    const member = await RawClient.open(daemon.port, version)
    await member.connect(kept('member'))
    await member.subscribe(['own', { qos: 1 }], ['$share/g/shared', { qos: 1 }])
    const publisher = await RawClient.open(daemon.port, version)
    await publisher.connect()
    for (const [i, topic] of ['own', 'shared', 'own', 'shared'].entries()) {
      publisher.send(publish(version, topic, `${topic} ${i}`, { qos: 1, id: 1 }))
      await publisher.gets(puback(1))
    }
    await member.payloads('own 0', 'shared 1', 'own 2', 'shared 3')
    await daemon.kill()
    await daemon.start()
    const again = await RawClient.open(daemon.port, version)
    assert.equal(await again.connect(kept('member')), true)
    const seen = new Set<string>()
    while (seen.size < 4) {
      const { payload, id } = await again.message()
      seen.add(payload)
      again.send(puback(id))
    }
    assert.deepEqual([...seen].toSorted(), ['own 0', 'own 2', 'shared 1', 'shared 3'])
    again.destroy()
  })
}
