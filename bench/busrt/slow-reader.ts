/** A client that stops reading while messages keep coming for it: what that does to all the others. */

import { showNumber } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { type Property, runNativeRounds, showProperties } from './native-rounds.ts'

/** While the reader reads, or while it does not. */
interface Phase {
  /** Messages the sender could send. */
  readonly sent: number
  /** How long it could not write. */
  readonly blockedSeconds: number
  /** Of messages between two others. */
  readonly p50Us: number
  readonly p99Us: number
}

/** What native/slow-reader.c prints. */
interface SlowReaderResult {
  readonly residentBefore: number
  readonly residentReading: number
  /** Highest while the reader did not read. */
  readonly residentMost: number
  readonly residentAfter: number
  readonly before: Phase
  readonly during: Phase
  readonly senderClosed: boolean
  /** Since it stopped reading; negative: while it still read. Null: it kept its connection. */
  readonly readerClosedAfterSeconds: number | null
  readonly sent: number
  readonly readerReceived: number
  readonly readerMissing: number
  /** The other subscriber, of publications only. */
  readonly secondReceived: number
  readonly secondMissing: number
}

// The reference closes a client that does not read after 5 to 7.5 seconds.
const seconds = 8
const ratePerSecond = 200_000

const properties: readonly Property<SlowReaderResult>[] = [
  { name: 'memory before, MB', of: ({ residentReading }) => residentReading / 1e6 },
  {
    name: 'growth, MB',
    of: ({ residentMost, residentReading }) => (residentMost - residentReading) / 1e6,
  },
  { name: 'p99 of others before, µs', of: ({ before }) => before.p99Us },
  { name: 'p99 of others during, µs', of: ({ during }) => during.p99Us },
  { name: 'sent before, /s', of: ({ before }) => before.sent / seconds },
  { name: 'sent during, /s', of: ({ during }) => during.sent / seconds },
  { name: 'sender could not write, s', of: ({ during }) => during.blockedSeconds },
  { name: 'messages the reader lost', of: ({ readerMissing }) => readerMissing },
  { name: 'messages the other subscriber lost', of: ({ secondMissing }) => secondMissing },
]

export async function runSlowReader(context: BenchContext): Promise<void> {
  const { report, native } = context
  if ('missing' in native) return report.say(`\na slow reader: skipped, ${native.missing}`)
  const results: Record<string, unknown> = {}
  for (const kind of ['messages', 'publications'] as const) {
    const title = `A reader of ${showNumber(ratePerSecond)} ${kind}/s stops reading for ${seconds} s`
    const args = ['--seconds', String(seconds), '--rate', String(ratePerSecond)]
    const { runs, failures } = await runNativeRounds<SlowReaderResult>(context, {
      title,
      // The relay queues without end; there is nothing to learn from it.
      brokers: context.brokers.filter((name) => name !== 'relay'),
      program: native['slow-reader'],
      args: kind === 'publications' ? [...args, '--publish'] : args,
    })
    showProperties(context, title, properties, { runs, failures })
    for (const [broker, list] of runs) {
      const readers = list.map((result) => fateOf(result.readerClosedAfterSeconds))
      const senders = list.map(({ senderClosed }) => (senderClosed ? 'was closed' : 'stayed'))
      report.say(`${broker}: the reader ${unique(readers)}; the sender ${unique(senders)}`)
    }
    results[kind] = { ...Object.fromEntries(runs), failures }
  }
  report.add('slowReader', results)
}

function fateOf(closedAfterSeconds: number | null): string {
  if (closedAfterSeconds === null) return 'kept its connection'
  return closedAfterSeconds < 0
    ? 'was closed while it still read'
    : `was closed after ${closedAfterSeconds.toFixed(1)} s`
}

function unique(texts: readonly string[]): string {
  return texts.length === 0 ? '–' : [...new Set(texts)].join(', ')
}
