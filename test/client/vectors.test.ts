/**
 * The vectors that all SDKs share, run with the client in TypeScript and with the daemon's own rules
 * about names and filters, so that what other languages are held to is what is true here.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createInterface } from 'node:readline'
import process from 'node:process'
import { BusError, CallError, connectLazy } from '../../src/client/index.ts'
import type { MsgbusClient } from '../../src/client/index.ts'
import { isRetryable } from '../../src/client/reconnect-delay.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { checkName } from '../../src/model/name.ts'
import { parseTopicFilter, topicMatches } from '../../src/model/topic-filter.ts'
import { packageRoot } from '../package-root.ts'
import { fastTiming } from './fast-timing.ts'

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(join(packageRoot, 'vectors', name), 'utf8'))
}

interface Topics {
  readonly names: readonly { name: string; valid: boolean; reason?: string }[]
  readonly filters: readonly { filter: string; valid: boolean }[]
  readonly matches: readonly { filter: string; topic: string; matches: boolean }[]
}

interface ErrorVector {
  readonly topic: string
  readonly code: string
  readonly reason: string
  readonly retryable: boolean
}

/** What a program does; which fields there are depends on `do`. */
interface Action {
  readonly do: string
  readonly topic: string
  readonly filter: string
  readonly device?: string
  readonly from: 'earliest' | 'now' | 'last' | number | { epoch: string; sequence: number }
  readonly take: number
  readonly limit: number
  readonly payload: string
  readonly payloads: readonly string[]
  readonly queue: string
  readonly settle: readonly string[]
  readonly procedure: string
}

/** What it has to see: `topic device head payload` of messages, heads of publications, the error. */
interface Outcome {
  messages?: string[]
  heads?: (number | null)[]
  answer?: string
  error?: { code: string; reason: string }
  failure?: { name: string; message: string; payload: string }
}

interface ConversationVector {
  readonly name: string
  readonly client: Action
  readonly expect: Outcome
}

const { names, filters, matches } = readVectors('topics.json') as Topics
const conversations = readVectors('conversations.json') as ConversationVector[]
const errors = readVectors('errors.json') as ErrorVector[]

test('names are valid or not, as the vectors say', () => {
  for (const { name, valid, reason } of names) {
    const check = () => checkName('topic', name, defaultLimits.topicBytes)
    if (valid) check()
    else assert.throws(check, { code: 'invalid_argument', reason }, JSON.stringify(name))
  }
})

test('filters are valid or not, and match, as the vectors say', () => {
  for (const { filter, valid } of filters) {
    if (valid) parseTopicFilter(filter)
    else assert.throws(() => parseTopicFilter(filter), { reason: 'bad_filter' }, filter)
  }
  for (const { filter, topic, matches: wanted } of matches) {
    const is = topicMatches(parseTopicFilter(filter), topic)
    assert.equal(is, wanted, `${filter} on ${topic}`)
  }
})

const suite = spawn(process.execPath, [join(packageRoot, 'sdks/suite/main.mjs')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const suiteEnded = once(suite, 'close')
const [announced] = (await once(createInterface({ input: suite.stdout }), 'line')) as [string]
const [host = '', port] = (JSON.parse(announced) as { control: string }).control.split(':')
const control = connectSocket(Number(port), host)
const answers = createInterface({ input: control })[Symbol.asyncIterator]()

after(async () => {
  control.destroy()
  suite.stdin.end()
  await suiteEnded
})

async function ask<T>(command: string): Promise<T> {
  control.write(`${command}\n`)
  const answer = JSON.parse((await answers.next()).value as string) as T & { error?: string }
  assert.equal(answer.error, undefined, command)
  return answer
}

async function play(name: string): Promise<{ id: number; client: MsgbusClient }> {
  const { id, address } = await ask<{ id: number; address: string }>(`play ${name}`)
  return { id, client: connectLazy(address, { timing: fastTiming() }) }
}

for (const { name, client: action, expect } of conversations) {
  test(`conversation ${name}`, async (t) => {
    const { id, client } = await play(name)
    t.after(() => client.close())
    assert.deepEqual(await outcomeOf(client, action), expect)
    client.close()
    assert.deepEqual(await ask(`verdict ${id}`), { ok: true, faults: [] })
  })
}

test('status codes become errors as the vectors say', async () => {
  const { client } = await play('v1-fetch')
  for (const { topic, code, reason, retryable } of errors) {
    const error: unknown = await client.getHead(topic).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof BusError, topic)
    assert.deepEqual([error.code, error.reason, isRetryable(error)], [code, reason, retryable])
  }
  client.close()
})

async function outcomeOf(client: MsgbusClient, action: Action): Promise<Outcome> {
  const outcome: Outcome = {}
  try {
    await actions[action.do]?.(client, action, outcome)
  } catch (error) {
    if (error instanceof CallError) {
      const { errorName, message, payload } = error
      outcome.failure = { name: errorName, message, payload: Buffer.from(payload).toString() }
    } else {
      assert.ok(error instanceof BusError, String(error))
      outcome.error = { code: error.code, reason: error.reason }
    }
  }
  return outcome
}

type Run = (client: MsgbusClient, action: Action, outcome: Outcome) => Promise<void>

const actions: Record<string, Run> = {
  subscribe_log: subscribe,
  subscribe,
  async fetch(client, { topic, from, limit }, outcome) {
    const messages = await client.fetchAll(topic, { from: Number(from), limit })
    outcome.messages = messages.map(shown)
  },
  async publish(client, { topic, payload }, outcome) {
    const heads: number[] = (outcome.heads = [])
    heads.push(Number((await client.publish(topic, payload)).headId))
  },
  async publisher(client, { topic, payloads }, outcome) {
    const publisher = client.publisher()
    const heads = payloads.map((payload) =>
      publisher.publish(topic, payload).then(
        ({ headId }) => Number(headId),
        () => null,
      ),
    )
    outcome.heads = await Promise.all(heads)
    await publisher.close()
  },
  async consume(client, { queue, settle }, outcome) {
    const messages: string[] = (outcome.messages = [])
    const deliveries = client.consume(queue, { maxInFlight: 10 })[Symbol.asyncIterator]()
    for (const words of settle) {
      const { value: delivery } = await deliveries.next()
      if (delivery === undefined) break
      const { sequence, attempts } = delivery.message
      messages.push(`${queue} ${sequence} ${delivery.text()} ${attempts}`)
      const [verb, ms] = words.split(' ')
      if (verb === 'ack') await delivery.ack()
      else if (verb === 'release') await delivery.release({ delayMs: Number(ms) })
      else await delivery.extend(Number(ms))
    }
  },
  async call(client, { procedure, payload }, outcome) {
    outcome.answer = (await client.call(procedure, payload)).text()
  },
}

async function subscribe(client: MsgbusClient, action: Action, outcome: Outcome): Promise<void> {
  const { topic, filter, device, from, take } = action
  const messages: string[] = (outcome.messages = [])
  const origin = device && { tenantId: 'tenant', blName: 'default', deviceId: device }
  const subscription = client.subscribe(filter ?? topic, { from, ...(origin && { origin }) })
  for await (const message of subscription) {
    messages.push(shown(message))
    if (messages.length === take) break
  }
}

function shown(message: Awaited<ReturnType<MsgbusClient['fetchAll']>>[number]): string {
  return `${message.topic} ${message.origin.deviceId} ${message.headId} ${message.text()}`
}
