/**
 * `npm run bench -- embed [--rounds N] [--seconds S]`
 *
 * The embedded bus: messages in process and to, from, and with a worker thread, next to the same with one
 * `postMessage` per message.
 */

import { parseArgs } from 'node:util'
import { inChild } from './child.ts'
import type { EmbedLoadOptions, EmbedLoadResult } from './embed-load.ts'
import { figureOf, heading, inTurn, machine, ratioOf, row, showFigure } from './figures.ts'

const ways: readonly { readonly title: string; readonly options: Partial<EmbedLoadOptions> }[] = [
  { title: 'in process', options: { way: 'in process' } },
  { title: 'in process, each awaited', options: { way: 'in process, acknowledged' } },
  { title: 'to a worker', options: { way: 'to worker' } },
  { title: 'from a worker', options: { way: 'from worker' } },
  { title: 'round trip, 1 in flight', options: { way: 'round trip', inFlight: 1 } },
  { title: 'round trip, 500 in flight', options: { way: 'round trip', inFlight: 500 } },
]

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
    },
  })
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  process.stdout.write(`${machine()}; ${rounds} rounds, median (smallest … largest)\n`)
  for (const { title, options } of ways) {
    const load = (over: EmbedLoadOptions['over']) => async () =>
      inChild<EmbedLoadResult>('embed-load', {
        way: 'in process',
        payloadBytes: 100,
        inFlight: 1,
        seconds,
        ...options,
        over,
      } satisfies EmbedLoadOptions)
    heading(`${title}, messages of 100 bytes`)
    if (options.way?.startsWith('in process') === true) {
      const { bus } = await inTurn(rounds, { bus: load('bus') })
      show('bus', bus)
      continue
    }
    const { bus, plain } = await inTurn(rounds, { plain: load('plain'), bus: load('bus') })
    show('one postMessage per message', plain)
    show('bus', bus)
    row('', `${showFigure(ratioOf(cpu(bus), cpu(plain)))} × the CPU of postMessage`)
  }
}

function cpu(list: readonly EmbedLoadResult[]): number[] {
  return list.map((each) => each.cpuMicrosPerMessage)
}

function show(name: string, results: readonly EmbedLoadResult[]): void {
  const rate = figureOf(results.map((result) => result.messagesPerSecond))
  row(name, `${showFigure(rate)} messages/s`)
  row('', `${showFigure(figureOf(cpu(results)))} CPU µs/message, both threads`)
}
