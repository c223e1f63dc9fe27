// Queue messages on their way to another node while either daemon is killed with -9 again and again: what was
// acknowledged arrives exactly once and in order. MSGBUS_FORWARD_KILLS (default 2) kills; the seed is printed, and
// MSGBUS_TORTURE_SEED gives one back.

import assert from 'node:assert/strict'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { connect, connectLazy, type MsgbusClient } from '../../src/client/index.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from '../e2e/daemon-process.ts'

const kills = Number(process.env['MSGBUS_FORWARD_KILLS'] ?? 2)
const seed = Number(process.env['MSGBUS_TORTURE_SEED'] ?? Date.now() % 1_000_000_000)
const target = { tenantId: 'tenant', blName: 'default', deviceId: 'there' }

/** Numbers from 0 to below 1 that a seed decides. */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

class Restarted {
  daemon: DaemonProcess | undefined
  readonly #t: TestContext
  readonly #data: string
  readonly #args: readonly string[]
  #listen = '127.0.0.1:0'

  constructor(t: TestContext, device: string, ...args: readonly string[]) {
    this.#t = t
    this.#data = temporaryFolder(t)
    this.#args = ['--device-id', device, '--busrt', 'off', ...args]
  }

  /** At the same address each time. */
  async start(): Promise<string> {
    const args = [...this.#args, '--listen', this.#listen]
    this.daemon = await startDaemon(this.#t, { args, data: this.#data })
    this.#listen = this.daemon.address
    return this.#listen
  }

  async kill(): Promise<void> {
    this.daemon?.kill('SIGKILL')
    await this.daemon?.exited
    await this.start()
  }
}

test('kill -9 of either side while queue messages are on their way', async (t) => {
  t.diagnostic(`MSGBUS_TORTURE_SEED=${seed}`)
  const random = randomFrom(seed)
  const there = new Restarted(t, 'there')
  const address = await there.start()
  const here = new Restarted(t, 'here', '--peer', `http://${address}=tenant/default/there`)
  const client: MsgbusClient = connectLazy(await here.start())
  t.after(() => client.close())
  await here.daemon?.printed(/peer_connected/)

  const acknowledged: number[] = []
  const unanswered = new Set<number>()
  let next = 0
  const enqueueOne = async (): Promise<void> => {
    const number = next++
    try {
      await client.enqueueFifo('q', 't', String(number), { target, timeoutMs: 20_000 })
      acknowledged.push(number)
    } catch {
      // Its answer went with the daemon; it may be stored.
      unanswered.add(number)
    }
  }
  for (let kill = 0; kill < kills; kill++) {
    const victim = random() < 0.5 ? here : there
    const before = Math.floor(random() * 40)
    const running: Promise<void>[] = []
    for (let i = 0; i < before + 20; i++) {
      // One after the other, so that the order of what was acknowledged is known.
      if (i === before) running.push(victim.kill())
      await enqueueOne()
    }
    await Promise.all(running)
  }
  for (let last = -1; last < 0; last = acknowledged.at(-1) === next - 1 ? next - 1 : -1) {
    await enqueueOne()
  }

  const reader = await connect(address)
  t.after(() => reader.close())
  const arrived: number[] = []
  for await (const delivery of reader.consume('q', { maxInFlight: 100 })) {
    arrived.push(Number(delivery.text()))
    await delivery.ack()
    if (arrived.at(-1) === next - 1) break
  }
  assert.deepEqual(
    arrived.filter((number) => !unanswered.has(number)),
    acknowledged,
  )
  assert.equal(new Set(arrived).size, arrived.length)
  assert.deepEqual(
    arrived,
    arrived.toSorted((one, other) => one - other),
  )
  t.diagnostic(`${acknowledged.length} acknowledged, ${unanswered.size} without an answer`)
})
