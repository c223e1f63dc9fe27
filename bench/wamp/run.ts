/**
 * WAMP: events 1:1 and 1:50, calls and their round trip, per serializer and transport. Router and load are processes of
 * their own, on a core each; every round runs all variants in turn, each fresh. Another router that is running already
 * takes part when it is named.
 *
 *   npm run bench -- wamp [--rounds 3] [--messages 200000] [--serializers json,msgpack,cbor]
 *     [--transports websocket,rawsocket] [--router ws://127.0.0.1:8080/ws --realm realm1 --pid 4711]
 */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { serializers } from '../../src/wire/wamp/serializers.ts'
import { pin, pinnedCores } from '../busrt/cores.ts'
import { inChild } from '../child.ts'
import { startDaemonUnderTest } from '../daemon-under-test.ts'
import { figureOf, heading, inTurn, machine, ratioOf, row, showFigure } from '../figures.ts'
import type { WampLoadOptions, WampLoadResult } from './load.ts'

type Load = Pick<WampLoadOptions, 'kind' | 'groups' | 'receivers' | 'messages'>
type Way = Pick<WampLoadOptions, 'transport' | 'serializer'>

interface Other {
  readonly url: URL
  readonly realm: string
  readonly pid: number
}

/** What the router is to do (issue 8), over WebSocket in JSON with eight clients. */
const targets: Readonly<Record<string, number>> = {
  'events 1:1': 150_000,
  'events 1:50': 500_000,
  calls: 60_000,
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      messages: { type: 'string', default: '200000' },
      serializers: { type: 'string', default: 'json,msgpack,cbor' },
      transports: { type: 'string', default: 'websocket,rawsocket' },
      router: { type: 'string' },
      realm: { type: 'string', default: 'realm1' },
      pid: { type: 'string', default: '0' },
    },
  })
  const rounds = Number(values.rounds)
  const messages = Number(values.messages)
  const loads: Readonly<Record<string, Load>> = {
    'events 1:1': { kind: 'events', groups: 4, receivers: 1, messages },
    'events 1:50': { kind: 'events', groups: 1, receivers: 50, messages: Math.ceil(messages / 8) },
    calls: { kind: 'calls', groups: 4, receivers: 1, messages: Math.ceil(messages / 8) },
    'round trip': { kind: 'latency', groups: 1, receivers: 1, messages },
  }
  const other =
    values.router === undefined
      ? undefined
      : { url: new URL(values.router), realm: values.realm, pid: Number(values.pid) }
  process.stdout.write(`${machine()}; ${rounds} rounds, payloads of 100 octets\n`)
  if (other === undefined) {
    process.stdout.write('no other router: name one that is running with --router\n')
  }
  for (const transport of values.transports.split(',')) {
    for (const name of values.serializers.split(',')) {
      const serializer = Object.values(serializers).find((each) => each.name === name)?.name
      if (serializer === undefined) throw new Error(`no serializer ${name}`)
      if (transport !== 'websocket' && transport !== 'rawsocket') {
        throw new Error(`no transport ${transport}`)
      }
      for (const [what, load] of Object.entries(loads)) {
        await compare(what, load, { transport, serializer }, other, rounds)
      }
    }
  }
}

async function compare(
  what: string,
  load: Load,
  way: Way,
  other: Other | undefined,
  rounds: number,
): Promise<void> {
  const results = await inTurn<'ours' | 'theirs', WampLoadResult | undefined>(rounds, {
    ours: () => throughDaemon(load, way),
    theirs: async () => (other === undefined ? undefined : throughOther(load, way, other)),
  })
  const ours = results.ours.flatMap((result) => result ?? [])
  const theirs = results.theirs.flatMap((result) => result ?? [])
  heading(`${what}, ${way.transport}, ${way.serializer}`)
  if (load.kind === 'latency') {
    row('round trip, µs', showFigure(figureOf(of('roundTripMicroseconds', ours))))
    if (theirs.length === 0) return
    row('other router, µs', showFigure(figureOf(of('roundTripMicroseconds', theirs))))
    return
  }
  const rates = of('perSecond', ours)
  row('a second', showFigure(figureOf(rates)))
  row('CPU of the router, µs each', showFigure(figureOf(of('cpuMicroseconds', ours))))
  if (theirs.length > 0) {
    row('other router, a second', showFigure(figureOf(of('perSecond', theirs))))
    row('ratio', showFigure(ratioOf(rates, of('perSecond', theirs))))
  }
  const target = targets[what] ?? 0
  if (way.transport !== 'websocket' || way.serializer !== 'json') return
  const isMet = figureOf(rates).median >= target
  row(`target ${target.toLocaleString('en-US')}/s`, isMet ? 'met' : 'not met')
}

function of(key: keyof WampLoadResult, from: readonly WampLoadResult[]): number[] {
  return from.map((result) => result[key])
}

async function throughDaemon(load: Load, way: Way): Promise<WampLoadResult> {
  const daemon = await startDaemonUnderTest('memory', undefined, ['--wamp', '127.0.0.1:0'])
  try {
    const isRaw = way.transport === 'rawsocket'
    const address = daemon.addressOf(isRaw ? 'wamp' : 'http')
    const port = Number(address.split(':').at(-1))
    const at = { host: '127.0.0.1', port, path: '/wamp', realm: 'realm1', pid: daemon.pid }
    return await measure({ ...load, ...way, ...at })
  } finally {
    await daemon.stop()
  }
}

async function throughOther(load: Load, way: Way, other: Other): Promise<WampLoadResult> {
  const { url, realm, pid } = other
  const at = { host: url.hostname, port: Number(url.port), path: url.pathname, realm, pid }
  return measure({ ...load, ...way, ...at })
}

async function measure(options: WampLoadOptions): Promise<WampLoadResult> {
  const cores = pinnedCores()
  if (cores !== undefined && options.pid > 0) pin(options.pid, cores.broker)
  return inChild<WampLoadResult>('wamp/load', { ...options, core: cores?.load })
}
