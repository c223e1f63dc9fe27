/** `msgbus rpc listen`: a client that shows everything it gets. */

import type { Command } from 'commander'
import { connect } from '../../client/busrt/index.ts'
import { busrtOptions } from '../busrt-session.ts'
import type { BusrtCommandOptions } from '../busrt-session.ts'
import { jsonText } from '../json-text.ts'
import { formatTime } from '../message-text.ts'
import { escapeControls } from '../payload-text.ts'
import type { Terminal } from '../terminal.ts'
import { formatRpcPayload, readRpcPayload } from './rpc-payload.ts'

interface ListenOptions extends BusrtCommandOptions {
  readonly topic?: readonly string[]
  readonly exclude?: readonly string[]
  readonly count?: number
}

interface Received {
  readonly kind: 'call' | 'notification' | 'message' | 'broadcast' | 'publication'
  readonly sender: string
  /** Of a call. */
  readonly method?: string
  readonly wantsReply?: boolean
  /** Of a publication. */
  readonly topic?: string | undefined
  readonly realtime: boolean
  readonly payload: Uint8Array
}

export async function listen(command: Command, terminal: Terminal): Promise<void> {
  const options = command.optsWithGlobals<ListenOptions>()
  const { topic: topics = [], exclude: exclusions = [] } = options
  const client = await connect({
    ...(await busrtOptions(command, terminal)),
    reconnect: {},
    on: {
      reconnecting: ({ attempt, error }) => {
        if (attempt === 1) terminal.writeError(`${error.message}; trying again\n`)
      },
      connected: () => terminal.writeError('connected again\n'),
    },
  })
  const stop = () => void client.close()
  terminal.signal.addEventListener('abort', stop)
  let left = options.count ?? Number.POSITIVE_INFINITY
  const print = async (received: Received) => {
    if (left <= 0) return
    left -= 1
    await terminal.write(options.json ? toJson(received) : format(received, terminal))
    if (left === 0) stop()
  }
  client.rpc.handleOthers(async ({ params: payload, ...call }) => {
    const { method, sender, wantsReply, realtime } = call
    await print({ kind: 'call', sender, method, wantsReply, realtime, payload })
  })
  client.rpc.handleNotifications((notification) => print({ kind: 'notification', ...notification }))
  try {
    await client.exclude(exclusions)
    await client.subscribe(topics)
    terminal.writeError(`listening at ${client.address} as ${client.name}\n`)
    for await (const { kind, sender, topic, realtime, payload } of client) {
      await print({ kind, sender, topic, realtime, payload })
    }
  } finally {
    terminal.signal.removeEventListener('abort', stop)
    await client.close()
  }
}

/** `time  kind  sender  method or topic  payload` */
function format(
  { kind, sender, method, wantsReply, topic, payload }: Received,
  terminal: Terminal,
) {
  const { colours } = terminal
  const parts = [
    colours.faint(formatTime(Date.now())),
    colours.strong(wantsReply === false ? 'call0' : kind),
    colours.name(escapeControls(sender)),
  ]
  const about = method ?? topic
  if (about !== undefined) parts.push(escapeControls(about))
  if (payload.length > 0) parts.push(formatRpcPayload(payload))
  return `${parts.join('  ')}\n`
}

function toJson({ payload, ...fields }: Received): string {
  return `${jsonText({ receivedAtMs: Date.now(), ...fields, ...readRpcPayload(payload) })}\n`
}
