/** `msgbus rpc call|call0|notify`. */

import type { Command } from 'commander'
import { RpcError, pack } from '../../client/busrt/index.ts'
import { withBusrt } from '../busrt-session.ts'
import type { BusrtCommandOptions } from '../busrt-session.ts'
import { CommandFailure, UsageError, exitCodes } from '../exit-codes.ts'
import { jsonText } from '../json-text.ts'
import { readPayloads } from '../payload-input.ts'
import type { Terminal } from '../terminal.ts'
import { encodeParams } from './rpc-params.ts'
import { formatRpcPayload, readRpcPayload } from './rpc-payload.ts'

interface CallOptions extends BusrtCommandOptions {
  /** JSON. */
  readonly params?: string
  readonly raw?: boolean
}

interface NotifyOptions extends BusrtCommandOptions {
  readonly file?: readonly string[]
  readonly lines?: boolean
}

export interface MethodCall {
  readonly target: string
  readonly method: string
  /** Parameters as they stand on the command line. */
  readonly words: readonly string[]
  readonly wantsReply: boolean
}

/** @throws CommandFailure when the service answers with an error */
export async function callMethod(
  { target, method, words, wantsReply }: MethodCall,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const options = command.optsWithGlobals<CallOptions>()
  const params = await readParams(words, options.params, terminal)
  const { signal } = terminal
  await withBusrt(command, terminal, async (client) => {
    if (!wantsReply) {
      await client.rpc.call0(target, method, params, { signal })
      return writeDone(options, terminal)
    }
    try {
      const result = await client.rpc.call(target, method, params, { signal })
      await terminal.write(formatResult(result, options))
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      const { rpcCode: code, data } = error
      if (options.json) {
        await terminal.write(`${jsonText({ error: { code, ...readRpcPayload(data) } })}\n`)
      }
      // Without words of the service those of the client, which end with the code.
      const own = error.message.replace(` (${code})`, '')
      const text = data.length === 0 ? own : formatRpcPayload(data)
      throw new CommandFailure(exitCodes.refused, `RPC error ${code}: ${text}`)
    }
  })
}

/** Every payload is one notification. */
export async function notifyClient(
  target: string,
  args: readonly string[],
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const options = command.optsWithGlobals<NotifyOptions>()
  const { file: files = [], lines = false } = options
  const { signal } = terminal
  await withBusrt(command, terminal, async (client) => {
    for await (const payload of readPayloads({ args, files, lines }, terminal)) {
      await client.rpc.notify(target, payload, { signal })
    }
    await writeDone(options, terminal)
  })
}

async function readParams(
  words: readonly string[],
  json: string | undefined,
  terminal: Terminal,
): Promise<Uint8Array> {
  if (json !== undefined && words.length > 0) {
    throw new UsageError('give parameters as words or with --params, not both')
  }
  if (json !== undefined) return packJson(json)
  if (!words.includes('-')) return encodeParams(words)
  if (words.length > 1) throw new UsageError('- stands alone: it is all of the parameters')
  const input = readPayloads({ args: ['-'], files: [], lines: false }, terminal)
  const { value } = await input.next()
  return typeof value === 'object' ? value : new Uint8Array()
}

function packJson(json: string): Uint8Array {
  try {
    return pack(JSON.parse(json))
  } catch (error) {
    throw new UsageError(`--params is not JSON: ${(error as Error).message}`)
  }
}

function formatResult(result: Uint8Array, { raw, json }: CallOptions): string | Uint8Array {
  if (raw) return result
  if (json) return `${jsonText(readRpcPayload(result))}\n`
  return result.length === 0 ? '' : `${formatRpcPayload(result, '  ')}\n`
}

async function writeDone({ json }: BusrtCommandOptions, terminal: Terminal): Promise<void> {
  await terminal.write(json ? '{"ok":true}\n' : 'OK\n')
}
