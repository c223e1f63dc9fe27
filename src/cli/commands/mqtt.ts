/** `msgbus mqtt`: sessions, retained messages and bridges. */

import type { Command } from 'commander'
import type { MqttBridgeInfo, MqttRetainedInfo, MqttSessionInfo } from '../../client/core.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { type GlobalOptions, withClient } from '../session.ts'
import { type Column, formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export function addMqttCommands(program: Command, terminal: Terminal): void {
  const mqtt = program.command('mqtt').summary('MQTT: sessions, retained messages, bridges')
  addSessions(mqtt, terminal)
  addRetained(mqtt, terminal)
  mqtt
    .command('bridges')
    .summary('connections to other brokers, and what they carried')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const bridges = await client.mqtt.bridges({ signal: terminal.signal })
        const none = 'no bridges: msgbusd --bridge mqtt://host\n'
        await write(command, terminal, bridges, bridgeColumns, none)
      }),
    )
}

function addSessions(mqtt: Command, terminal: Terminal): void {
  const sessions = mqtt.command('sessions').summary('what is kept of clients: ls, show, rm')
  sessions
    .command('ls', { isDefault: true })
    .summary('list them, connected and away')
    .argument('[prefix]', 'client ids that begin with it', '')
    .action((prefix: string, _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const { signal } = terminal
        let page = await admin.sessions({ prefix }, { signal })
        const found = [...page.sessions]
        while (page.more) {
          page = await admin.sessions({ prefix, after: found.at(-1)?.clientId ?? '' }, { signal })
          found.push(...page.sessions)
        }
        await write(command, terminal, found, sessionColumns, 'no sessions\n')
      }),
    )
  sessions
    .command('show')
    .summary('one of them with its subscriptions')
    .argument('<client-id>', 'its client id')
    .action((clientId: string, _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const { session, subscriptions } = await admin.session(clientId, {
          signal: terminal.signal,
        })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        if (json || session === undefined) {
          return terminal.write(`${JSON.stringify({ ...session, subscriptions })}\n`)
        }
        const filters = subscriptions.map(({ filter, qos }) =>
          session.connected ? `  ${filter} (QoS ${qos})\n` : `  ${filter}\n`,
        )
        return terminal.write(formatTable(sessionColumns, [session]) + filters.join(''))
      }),
    )
  sessions
    .command('rm')
    .summary('end a session, with its connection if it has one')
    .description('What it has not got yet is not kept for it any more; a will that waits is sent.')
    .argument('<client-id...>', 'client ids')
    .action((clientIds: string[], _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const { json } = command.optsWithGlobals<GlobalOptions>()
        for (const clientId of clientIds) {
          await admin.removeSession(clientId, { signal: terminal.signal })
          await terminal.write(json ? `${JSON.stringify({ clientId })}\n` : `${clientId} is gone\n`)
        }
      }),
    )
}

function addRetained(mqtt: Command, terminal: Terminal): void {
  const retained = mqtt
    .command('retained')
    .summary('messages kept for new subscribers: ls, show, rm')
  retained
    .command('ls', { isDefault: true })
    .summary('list them')
    .argument('[filter]', 'topics, with + and #', '')
    .action((filter: string, _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const { messages, more } = await admin.retained(filter, 0, { signal: terminal.signal })
        await write(command, terminal, messages, retainedColumns, 'no retained messages\n')
        if (more) terminal.writeError('there are more; a filter shows others\n')
      }),
    )
  retained
    .command('show')
    .summary('write the payload of one')
    .argument('<topic>', 'its topic')
    .action((topic: string, _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const found = await admin.retainedMessage(topic, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const { message, payload, headers } = found
        const fields = { ...message, headers: Object.fromEntries(headers) }
        const base64 = Buffer.from(payload).toString('base64')
        if (json) await terminal.write(`${JSON.stringify({ ...fields, base64 })}\n`)
        else await terminal.write(payload)
      }),
    )
  retained
    .command('rm')
    .summary('forget them')
    .argument('<filter>', 'a topic, or a filter with + and #')
    .action((filter: string, _, command: Command) =>
      withClient(command, terminal, async ({ mqtt: admin }) => {
        const removed = await admin.removeRetained(filter, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = removed === 1 ? 'one is gone\n' : `${formatCount(removed)} are gone\n`
        await terminal.write(json ? `${JSON.stringify({ removed })}\n` : text)
      }),
    )
}

async function write<Row>(
  command: Command,
  terminal: Terminal,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  none: string,
): Promise<void> {
  const { json } = command.optsWithGlobals<GlobalOptions>()
  if (json) await terminal.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  else await terminal.write(rows.length === 0 ? none : formatTable(columns, rows))
}

const sessionColumns: readonly Column<MqttSessionInfo>[] = [
  { title: 'CLIENT ID', cell: ({ clientId }) => clientId },
  { title: 'STATE', cell: ({ connected }) => (connected ? 'connected' : 'away') },
  { title: 'MQTT', cell: ({ version }) => versionNames[version] ?? '' },
  { title: 'FILTERS', cell: (each) => formatCount(each.subscriptions), align: 'right' },
  { title: 'UNDER WAY', cell: (each) => formatCount(each.inFlight), align: 'right' },
  { title: 'BEHIND', cell: ({ behind }) => formatCount(behind), align: 'right' },
  {
    title: 'ENDS',
    cell: ({ connected, expiresAtMs }) => {
      if (connected) return ''
      return expiresAtMs === 0 ? 'never' : `in ${formatDuration(expiresAtMs - Date.now())}`
    },
  },
  { title: 'WILL', cell: ({ hasPendingWill }) => (hasPendingWill ? 'waits' : '') },
]

const retainedColumns: readonly Column<MqttRetainedInfo>[] = [
  { title: 'TOPIC', cell: ({ topic }) => topic },
  { title: 'SIZE', cell: ({ payloadBytes }) => formatBytes(payloadBytes), align: 'right' },
  { title: 'QOS', cell: ({ qos }) => String(qos), align: 'right' },
  { title: 'AGE', cell: ({ createdAtMs }) => formatDuration(Date.now() - createdAtMs) },
]

const bridgeColumns: readonly Column<MqttBridgeInfo>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'MQTT', cell: ({ version }) => versionNames[version] ?? '' },
  { title: 'IN', cell: ({ messagesIn }) => formatCount(messagesIn), align: 'right' },
  { title: 'OUT', cell: ({ messagesOut }) => formatCount(messagesOut), align: 'right' },
  { title: 'CONNECTIONS', cell: ({ connections }) => formatCount(connections), align: 'right' },
  { title: 'ERROR', cell: ({ lastError }) => lastError },
]

const versionNames: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }
