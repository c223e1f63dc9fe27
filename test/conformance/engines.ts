/**
 * The conformance cases of spec/msgbus-v1 section 10 run on each engine: one daemon per suite, over
 * real sockets, with a client whose codec is not ours. Topics are made up anew for every test.
 */

import assert from 'node:assert/strict'
import { after, before, suite, type TestContext } from 'node:test'
import {
  failure,
  startTestDaemon,
  type OpenStore,
  type TestClient,
  type TestDaemon,
  type TestDaemonOptions,
} from '../../src/protocols/grpc/grpc-suite.ts'
import { anonymous } from '../../src/model/identity.ts'
import { noHeaders } from '../../src/model/message.ts'
import { openLmdbLogStore } from '../../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'

export const engines: Readonly<Record<string, OpenStore>> = {
  memory: openMemoryLogStore,
  lmdb: openLmdbLogStore,
}

export const own = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
export const foreign = { tenantId: 'tenant', blName: 'default', deviceId: 'node-x' }

/** What every case works with; the daemon is there once tests run. */
export interface Fixture {
  readonly daemon: TestDaemon
  /** A client of `msgbus.v1.MsgbusService`. */
  readonly client: TestClient
  /** A topic nobody used before. */
  topic(): string
}

let topics = 0

/** Defines the cases once for each engine, with a daemon that is shared by them. */
export function onEveryEngine(
  title: string,
  define: (fixture: Fixture) => void,
  options: TestDaemonOptions = {},
): void {
  for (const [engine, open] of Object.entries(engines)) {
    suite(`${title} (${engine})`, () => {
      let daemon: TestDaemon | undefined
      let client: TestClient | undefined
      before(async () => {
        daemon = await startTestDaemon({ open, ...options })
        client = daemon.connect('msgbus.v1.MsgbusService')
      })
      after(async () => daemon?.stop())
      define({
        get daemon() {
          if (daemon === undefined) throw new Error('not started')
          return daemon
        },
        get client() {
          if (client === undefined) throw new Error('not started')
          return client
        },
        topic: () => `conformance/${(topics += 1)}`,
      })
    })
  }
}

/** A daemon for one test, stopped with it. */
export async function daemonOf(t: TestContext, options: TestDaemonOptions): Promise<TestDaemon> {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return daemon
}

/** Stores messages through the bus, for cases that are about reading; payload is the head as text. */
export async function fill(daemon: TestDaemon, topic: string, count: number): Promise<void> {
  const client = daemon.bus.connect(anonymous)
  const head = client.log.head({ topic, origin: own }) ?? 0
  for (let i = 0; i < count; i += 1_000) {
    const group = Array.from({ length: Math.min(1_000, count - i) }, (_, n) => ({
      topic,
      payload: Buffer.from(String(head + i + n + 1)),
      headers: noHeaders,
    }))
    await client.publish(group)
  }
  client.close()
}

export function headsOf(responses: readonly { message: { headId: number } }[]): number[] {
  return responses.map(({ message }) => message.headId)
}

/** Both ends included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** Asserts the status a call is refused with, text included. */
export async function refuses(call: Promise<unknown>, code: number, text: string): Promise<void> {
  const error = await failure(call)
  assert.deepEqual([error.code, error.details], [code, text])
}
