/**
 * Runs a numbered case of spec/busrt 11: whole, then with every write cut at each of its offsets,
 * then byte by byte, over a Unix socket; and whole and byte by byte over TCP, TLS and WebSocket. What a case expects
 * does not depend on how its bytes were cut.
 */

import { test } from 'node:test'
import { decode } from '@msgpack/msgpack'
import { ack, message, rpcRequest } from './bytes.ts'
import { type Broker, type BrokerOptions, isReference, startBroker } from './broker.ts'
import { Chunking, type Cut, turn } from './chunking.ts'
import { RawClient } from './raw-client.ts'

export interface CaseOptions {
  readonly broker?: BrokerOptions
  /** `few`: whole and byte by byte only, for what takes long. */
  readonly cuts?: 'all' | 'few'
  /** Why the reference does not pass this case. */
  readonly notReference?: string
}

export type Transport = 'unix' | 'tcp' | 'tls' | 'webSocket'

/** One run of a case. */
export interface Run {
  readonly broker: Broker
  /** How its clients connect. */
  readonly transport: Transport
  /** A new connection that is not registered yet. Its writes are cut. */
  readonly connect: (name?: string) => Promise<RawClient>
  /** A registered client; only what it sends from now on is cut. */
  readonly client: (name: string) => Promise<RawClient>
}

export function conformance(
  number: number,
  title: string,
  body: (run: Run) => Promise<void>,
  options: CaseOptions = {},
): void {
  const { notReference } = options
  const skip = isReference && notReference !== undefined && `not on the reference: ${notReference}`
  test(`case ${number}: ${title}`, { skip, timeout: 120_000 }, async (t) => {
    const broker = await startBroker(t, options.broker)
    const whole = new Chunking('nowhere')
    await runCase(body, broker, 'unix', whole)
    const cuts = whole.otherCuts()
    const unixCuts = options.cuts === 'few' ? cuts.slice(-1) : cuts
    for (const cut of unixCuts) await runCase(body, broker, 'unix', new Chunking(cut))
    const fewCuts: Cut[] = ['nowhere', ...cuts.slice(-1)]
    const others: Transport[] = ['tcp']
    if (broker.tls !== undefined) others.push('tls')
    if (broker.webSocket !== undefined) others.push('webSocket')
    for (const transport of others)
      for (const cut of fewCuts) await runCase(body, broker, transport, new Chunking(cut))
  })
}

async function runCase(
  body: (run: Run) => Promise<void>,
  broker: Broker,
  transport: Transport,
  chunking: Chunking,
): Promise<void> {
  const clients: RawClient[] = []
  const connect = async (name = '') => {
    const client = await RawClient.connect(broker[transport] ?? broker.tcp, name, chunking)
    clients.push(client)
    return client
  }
  const client = async (name: string) => (await connect(name)).register()
  try {
    await body({ broker, transport, connect, client })
  } catch (error) {
    const how = `over ${transport}, cut ${typeof chunking.cut === 'number' ? 'at' : ''} ${chunking.cut}`
    const told = error instanceof Error ? error.message : String(error)
    for (const { socket } of clients) socket.destroy()
    throw new Error(`${told}\n${how}`, { cause: error })
  }
  await Promise.all(clients.map((one) => one.close()))
  await isEmpty(broker)
}

/** Waits until the broker has forgotten all clients of the run before. */
async function isEmpty(broker: Broker): Promise<void> {
  const client = await (await RawClient.connect(broker.unix, janitor)).register()
  for (;;) {
    const names = await listNames(client)
    if (names.every((name) => name === '.broker' || name === janitor)) break
    await turn()
  }
  await client.close()
}

/** The name of the client that looks whether all others are gone. Its events are not part of cases. */
export const janitor = 'janitor'

async function listNames(client: RawClient): Promise<string[]> {
  await client.send(message('.broker', rpcRequest(1, 'client.list')))
  const frames = [await client.frame(), await client.frame()]
  const reply = frames.find((frame) => !frame.equals(ack()))
  // Header 6, `.broker` and NUL 8, reply and its id 5.
  const { clients } = decode(reply?.subarray(19) ?? Buffer.alloc(0)) as {
    clients: { name: string }[]
  }
  return clients.map(({ name }) => name)
}
