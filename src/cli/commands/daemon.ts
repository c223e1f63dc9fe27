/** `msgbus status|health|ready`: how the daemon is doing. */

import type { Command } from 'commander'
import type { DaemonStatus, MqttBridgeInfo, MsgbusClient } from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { formatOrigin } from '../message-text.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

export function addDaemonCommands(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .summary('what the daemon is and how it is doing')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const status = await client.status({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        if (json) return terminal.write(`${JSON.stringify(status)}\n`)
        const bridges = await bridgesOf(client, terminal)
        return terminal.write(formatStatus(status, bridges, terminal))
      }),
    )

  program
    .command('health')
    .summary('whether the daemon lives, and which node it is')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const health = await client.health({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = json
          ? JSON.stringify(health)
          : `${health.status}  ${formatOrigin(health.node)}`
        await terminal.write(`${text}\n`)
      }),
    )

  program
    .command('ready')
    .summary('whether the daemon can store and read; exit code 1 when not')
    .option('--wait', 'wait for it, as long as --timeout allows')
    .action((_, command: Command) => {
      const { wait, json, timeout } = command.optsWithGlobals<
        GlobalOptions & { readonly wait?: boolean }
      >()
      const work = async (client: Parameters<Parameters<typeof withClient>[2]>[0]) => {
        const { signal } = terminal
        const deadline = wait ? performance.now() + timeout : 0
        let state = await client.ready({ signal })
        while (!state.ready && performance.now() < deadline) {
          const { setTimeout: sleep } = await import('node:timers/promises')
          await sleep(100, undefined, { signal })
          state = await client.ready({ signal })
        }
        await terminal.write(`${json ? JSON.stringify(state) : state.status}\n`)
        if (!state.ready)
          throw new CommandFailure(exitCodes.refused, state.error || 'it is not ready')
      }
      return withClient(command, terminal, work, { waitForDaemon: wait === true })
    })
}

/** None where there is no MQTT, or somebody asks who is no administrator. */
async function bridgesOf(client: MsgbusClient, terminal: Terminal) {
  try {
    return await client.mqtt.bridges({ signal: terminal.signal })
  } catch (error) {
    if (error instanceof BusError) return []
    throw error
  }
}

function formatStatus(
  status: DaemonStatus,
  bridges: readonly MqttBridgeInfo[],
  terminal: Terminal,
): string {
  const { colours } = terminal
  const rows: [label: string, value: string][] = [
    ['node', formatOrigin(status.node)],
    ['state', status.ready ? colours.good('ready') : colours.bad(`not ready: ${status.error}`)],
    ['version', `${status.version}, up ${formatDuration(Date.now() - status.startedAtMs)}`],
    ['store', `${status.storage}, durability ${status.durability}, ${status.dataFolder}`],
    [
      'stored',
      `${formatCount(status.logs)} logs, ${formatBytes(status.storedBytes)}, sequence ${formatCount(status.lastSequence)}`,
    ],
    [
      'history',
      `${formatBytes(status.historyBytes)} in ${formatCount(status.historyLogs)} logs, kept as long as storage.history says`,
    ],
    ['subscriptions', formatCount(status.subscriptions)],
    ['queues', formatCount(status.queues)],
    ['memory', formatBytes(status.residentBytes)],
    ['free disk', formatBytes(status.freeDiskBytes)],
  ]
  if (status.damagedRecords > 0) {
    rows.push([
      'damaged',
      colours.bad(`${formatCount(status.damagedRecords)} records, see msgbus doctor`),
    ])
  }
  for (const { name, address, state, lastError } of bridges) {
    const isUp = state === 'connected'
    const why = lastError === '' ? '' : `: ${lastError}`
    const shown = isUp ? colours.good(state) : colours.bad(`${state}${why}`)
    rows.push(['bridge', `${name} ${address} ${shown}`])
  }
  for (const { protocol, address, tls } of status.listeners) {
    rows.push(['listens', `${protocol} ${address}${tls ? ' (TLS)' : ''}`])
  }
  return rows.map(([label, value]) => `${colours.faint(label.padEnd(14))}${value}\n`).join('')
}
