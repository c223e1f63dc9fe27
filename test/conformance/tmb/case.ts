/**
 * Runs a numbered case of spec/tmb 14: over TCP whole, with every write cut at each of its offsets, and byte by byte;
 * over a Unix socket whole and byte by byte; over a WebSocket with one message per write. Each run has a bus of its
 * own. What a case expects does not depend on how its bytes were cut.
 */

import { test } from 'node:test'
import { Chunking, type Cut } from '../busrt/chunking.ts'
import { LineClient } from './line-client.ts'
import { startTextBus, type TextBus, type TextBusOptions } from './text-bus.ts'

export type Transport = 'tcp' | 'unix' | 'web-socket'

export interface CaseOptions extends TextBusOptions {
  /** `few`: whole and byte by byte only, for what takes long; `none`: whole only. Default `all`. */
  readonly cuts?: 'all' | 'few' | 'none'
  /** Default: all. A case about lines that go over several writes is none for WebSockets. */
  readonly transports?: readonly Transport[]
  /** Why it cannot be run. */
  readonly skip?: string
}

export interface Run {
  readonly textBus: TextBus
  readonly transport: Transport
  /** A new connection. */
  readonly client: () => Promise<LineClient>
}

export function conformance(
  number: number | string,
  title: string,
  body: (run: Run) => Promise<void>,
  options: CaseOptions = {},
): void {
  const { cuts = 'all', transports = ['tcp', 'unix', 'web-socket'], skip = false } = options
  test(`case ${number}: ${title}`, { skip, timeout: 120_000 }, async (t) => {
    const run = async (transport: Transport, chunking: Chunking) => {
      const textBus = await startTextBus(t, options)
      const clients: LineClient[] = []
      const client = async () => {
        const one = await connect(textBus, transport, chunking)
        clients.push(one)
        return one
      }
      try {
        await body({ textBus, transport, client })
      } catch (error) {
        const told = error instanceof Error ? error.message : String(error)
        throw new Error(`${told}\nover ${transport}, cut ${chunking.cut}`, { cause: error })
      } finally {
        for (const one of clients) one.destroy()
        await textBus.stop()
      }
    }
    const whole = new Chunking('nowhere')
    if (transports.includes('tcp')) await run('tcp', whole)
    const others: readonly Cut[] = cuts === 'none' ? [] : whole.otherCuts()
    for (const cut of cuts === 'few' ? others.slice(-1) : others) {
      await run('tcp', new Chunking(cut))
    }
    if (transports.includes('unix')) {
      await run('unix', new Chunking('nowhere'))
      if (cuts !== 'none') await run('unix', new Chunking('everywhere'))
    }
    if (transports.includes('web-socket')) await run('web-socket', whole)
  })
}

function connect(bus: TextBus, transport: Transport, chunking: Chunking): Promise<LineClient> {
  if (transport === 'web-socket') return LineClient.webSocket(bus.webSocket)
  return LineClient.tcp(bus[transport], chunking)
}
