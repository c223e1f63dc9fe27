// Proves that daemons on two machines converge after whatever the network did: cut both ways, cut one way, flapping;
// one of them may only dial out. MSGBUS_NETWORK_MESSAGES (default 500) are missing after each cut.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { connect, type MsgbusClient } from '../../src/client/index.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import { type Machine, openMachines } from './network-namespaces.ts'

const missing = Number(process.env['MSGBUS_NETWORK_MESSAGES'] ?? 500)
const isMeasured = process.env['MSGBUS_NETWORK_MESSAGES'] !== undefined
const payload = Buffer.alloc(100, 'x')

interface Node {
  readonly device: string
  readonly client: MsgbusClient
  readonly machine: Machine
  published: number
}

async function start(t: TestContext, device: string, machine: Machine, peer?: string) {
  const data = temporaryFolder(t)
  const config = join(data, 'msgbus.yaml')
  // A line that is dead is given up after a second.
  const soon = 'connectTimeoutMs: 1000, callTimeoutMs: 1000, stallTimeoutMs: 1000'
  writeFileSync(config, `sync: { backOffMinMs: 50, backOffMaxMs: 200, ${soon} }\n`)
  const socket = `unix:${join(data, 'grpc.sock')}`
  const listen = ['--listen', socket, '--listen', `${machine.address}:20051`]
  const off = ['--busrt', 'off', '--allow-insecure', '--config', config]
  const peers = peer === undefined ? [] : ['--peer', peer]
  const args = ['--device-id', device, ...listen, ...off, ...peers]
  await startDaemon(t, { args, data, under: machine.under })
  const client = await connect(socket)
  t.after(() => client.close())
  return { device, client, machine, published: 0 }
}

async function publish(node: Node, count: number): Promise<void> {
  const publisher = node.client.publisher()
  const receipts = Array.from({ length: count }, () =>
    publisher.publish(`t/${node.device}`, payload),
  )
  await Promise.all(receipts)
  await publisher.close()
  node.published += count
}

/** Resolves when a node has all that another one published. */
async function has(node: Node, { device, published }: Node): Promise<void> {
  const origin = { tenantId: 'tenant', blName: 'default', deviceId: device }
  const from = { from: published, origin }
  for await (const { headId } of node.client.subscribe(`t/${device}`, from)) {
    if (headId >= BigInt(published)) return
  }
}

async function converge(t: TestContext, what: string, a: Node, b: Node): Promise<void> {
  const startedAt = performance.now()
  await Promise.all([has(a, b), has(b, a)])
  const ms = performance.now() - startedAt
  t.diagnostic(`${what}: converged after ${Math.round(ms)} ms, ${missing} missing on each side`)
  // The wait between two attempts to connect and the time-out of a dead line are on top.
  if (isMeasured) assert.ok(ms < 3_000 + (2 * missing * 10_000) / 100_000, `${what}: ${ms} ms`)
}

test('daemons on two machines, one of which may only dial out', async (t) => {
  const machines = openMachines(t)
  if (typeof machines === 'string') {
    t.skip(machines)
    return
  }
  const [outside, inside] = machines
  inside.refuseIncoming()
  const a = await start(t, 'a', outside)
  const b = await start(t, 'b', inside, `http://${outside.address}:20051=tenant/default/a`)
  const both = () => Promise.all([publish(a, missing), publish(b, missing)])
  await both()
  await converge(t, 'from the start', a, b)

  inside.plug(false)
  await both()
  inside.plug(true)
  await converge(t, 'cable out and in', a, b)

  for (const machine of machines) {
    machine.cutOutgoing(true)
    await both()
    machine.cutOutgoing(false)
    await converge(t, `cut one way, from ${machine.address}`, a, b)
  }

  const publishing = both()
  for (let i = 0; i < 20; i++) {
    outside.plug(i % 2 === 1)
    await publish(a, 5)
  }
  await publishing
  await converge(t, 'flapping', a, b)
})
