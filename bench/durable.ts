/**
 * `npm run bench -- durable [--rounds N] [--seconds S] [--only engine|grpc|start]`
 *
 * The durable path, each part next to what it is compared with in the same run: the engines against
 * the same library used with one transaction per message; gRPC with one call per message against
 * streams; replay; start-up and memory with many messages.
 */

import { parseArgs } from 'node:util'

import { inChild } from './child.ts'
import { runGrpc } from './durable-grpc.ts'
import { runStart } from './durable-start.ts'
import { figureOf, heading, inTurn, machine, ratioOf, row, showFigure } from './figures.ts'
import type { StoreLoadOptions, StoreLoadResult } from './store-load.ts'

export interface DurableOptions {
  readonly rounds: number
  readonly seconds: number
}

const parts: Readonly<Record<string, (options: DurableOptions) => Promise<void>>> = {
  engine: runEngines,
  grpc: runGrpc,
  start: runStart,
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string' },
    },
  })
  const options = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  process.stdout.write(`${machine()}; ${options.rounds} rounds, median (smallest … largest)\n`)
  for (const [name, part] of Object.entries(parts)) {
    if (values.only === undefined || values.only === name) await part(options)
  }
}

/** Publishers in process that each wait for their own acknowledgement, on each durable engine. */
async function runEngines({ rounds, seconds }: DurableOptions): Promise<void> {
  for (const engine of ['lmdb', 'sqlite'] as const) {
    const load = (options: Partial<StoreLoadOptions>) => async () =>
      inChild<StoreLoadResult>('store-load', {
        engine,
        mode: 'group',
        publishers: 1,
        batch: 1,
        payloadBytes: 100,
        logs: 100,
        seconds,
        ...options,
      } satisfies StoreLoadOptions)
    const results = await inTurn(rounds, {
      'one transaction per message': load({ mode: 'single', publishers: 100 }),
      '1 publisher': load({ publishers: 1 }),
      '100 publishers': load({ publishers: 100 }),
      '1,000 publishers': load({ publishers: 1_000 }),
      '8 streams of 100 messages in flight': load({ publishers: 8, batch: 100 }),
    })
    heading(`${engine}: acknowledged durable messages of 100 bytes, in process`)
    const single = rates(results['one transaction per message'])
    for (const [name, list] of Object.entries(results)) {
      row(name, `${showFigure(figureOf(rates(list)))} messages/s`)
      row('', `${showFigure(ratioOf(rates(list), single))} × one transaction per message`)
      row('', `${showFigure(figureOf(list.map((r) => r.cpuMicrosPerMessage)))} CPU µs/message`)
      row(
        '',
        `${showFigure(figureOf(list.map((r) => r.writtenBytesPerMessage)))} bytes written/message`,
      )
      row('', `${showFigure(figureOf(list.map((r) => r.loopDelayP99Ms)))} ms loop delay p99`)
    }
  }
}

function rates(list: readonly StoreLoadResult[]): number[] {
  return list.map((result) => result.messagesPerSecond)
}
