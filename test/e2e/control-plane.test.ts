// Proves the story of examples/control-plane.ts: components inside and outside of a device that nobody can reach share
// one bus. Once on one machine, and once with the tablet on a machine of its own that refuses all connections.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'
import { openMachines } from './network-namespaces.ts'

const example = join(dirname(fileURLToPath(import.meta.url)), '../../examples/control-plane.js')
const deskTells =
  'the motor says: ready\nthe planner says: the way home\non the line: :tablet/light on\n' +
  'a message for the operator: done\n'
const tabletTells =
  'a message for the motor: go\non the line: :desk/lamp green\nan order: two boxes\n' +
  'the desk says: approved: a nap\n'

interface Place {
  readonly device: string
  readonly listen: string
  readonly args?: readonly string[]
  readonly under?: readonly string[]
}

async function start(t: TestContext, { device, listen, args = [], under = [] }: Place) {
  const data = temporaryFolder(t)
  // Found out soon, where a test cuts the line.
  const config = join(data, 'msgbus.yaml')
  writeFileSync(config, 'sync: { backOffMinMs: 50, backOffMaxMs: 200 }\n')
  const busrt = `unix:${join(data, 'bus.sock')}`
  const own = ['--config', config, '--device-id', device, '--listen', listen]
  const ways = ['--busrt', busrt, '--tmb', '127.0.0.1:0']
  return startDaemon(t, { args: [...own, ...ways, ...args], data, under })
}

async function play(side: string, { info }: DaemonProcess, under: readonly string[] = []) {
  const addressOf = (name: string) =>
    info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  const addresses = ['grpc', 'busrt', 'tmb'].map(addressOf)
  const words = [...under, process.execPath, example, side, ...addresses]
  const [command = '', ...rest] = words
  return (await promisify(execFile)(command, rest)).stdout
}

test('a tablet and a desk', async (t) => {
  const desk = await start(t, { device: 'desk', listen: '127.0.0.1:0' })
  const args = ['--peer', `http://${desk.address}=tenant/default/desk`]
  const tablet = await start(t, { device: 'tablet', listen: '127.0.0.1:0', args })
  const told = await Promise.all([play('desk', desk), play('tablet', tablet)])
  assert.deepEqual(told, [deskTells, tabletTells])
})

test('a tablet behind a firewall', async (t) => {
  const machines = openMachines(t)
  if (typeof machines === 'string') {
    t.skip(machines)
    return
  }
  const [outside, inside] = machines
  inside.refuseIncoming()
  const open = ['--allow-insecure']
  const desk = await start(t, {
    device: 'desk',
    listen: `${outside.address}:0`,
    args: open,
    under: outside.under,
  })
  const peer = `http://${desk.address}=tenant/default/desk`
  const tablet = await start(t, {
    device: 'tablet',
    listen: `${inside.address}:20051`,
    args: [...open, '--peer', peer],
    under: inside.under,
  })
  // From outside its own listener is not to be reached.
  const words: readonly string[] = [...outside.under, process.execPath, '-e', dial(tablet.address)]
  const [command = '', ...rest] = words
  await assert.rejects(promisify(execFile)(command, rest))
  const told = await Promise.all([
    play('desk', desk, outside.under),
    play('tablet', tablet, inside.under),
  ])
  assert.deepEqual(told, [deskTells, tabletTells])
})

/** A program that ends well only when somebody answers at an address. */
function dial(address: string): string {
  const [host, port] = address.split(':')
  return `require('net').connect({ host: '${host}', port: ${port}, timeout: 1000 })
    .on('connect', () => process.exit(0)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))`
}
