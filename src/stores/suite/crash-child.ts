/**
 * The program that the crash test kills: it opens a store, writes to it from several sides at once
 * without end, and prints one line for every write that was acknowledged. Started as
 * `crash-child <module URL> <export> <folder> <seed>`.
 *
 * Lines: `ready`; `m <topic> <head> <id>` for a message; `d <from> <to>` for a deleted range of
 * topic `t0`; `q <sequence> <id>` for a queue message. What a message holds follows from its id's
 * place: the payload of head h of topic t says so, and is checked after the crash.
 */

import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../model/message.ts'
import { ownNode, type OpenLogStore } from './store-fixture.ts'

const [moduleUrl, exportName, folder, seedText] = process.argv.slice(2)
if (moduleUrl === undefined || exportName === undefined || folder === undefined) {
  throw new Error('usage: crash-child <module URL> <export> <folder> <seed>')
}
const engine = (await import(moduleUrl)) as Record<string, OpenLogStore | undefined>
const open = engine[exportName]
if (open === undefined) throw new Error(`${moduleUrl} does not export ${exportName}`)

const store = await open({
  folder,
  node: ownNode,
  durability: 'os',
  clock: systemClock,
  logger: silentLogger,
  publishIdWindowMs: 600_000,
  publishIdCount: 1_000,
})
// A pipe to the parent is written synchronously, so a line that was printed outlives this process.
process.stdout.write('ready\n')

let random = Number(seedText) >>> 0
const next = (below: number) => {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((random / 2 ** 32) * below)
}

const publishers = Array.from({ length: 8 }, async (_, publisher) => {
  const topic = `t${publisher % 4}`
  // All of t3 is history, and of t2 what one of its publishers writes.
  const history = topic === 't3' || publisher === 2
  for (;;) {
    const items = Array.from({ length: 1 + next(20) }, () => ({
      topic,
      payload: Buffer.alloc(1 + next(600), topic),
      headers: new Map([
        ['topic', topic],
        ['history', String(history)],
      ]),
      history,
    }))
    let lines = ''
    for (const outcome of await store.append(items)) {
      if (outcome.kind !== 'stored') throw new Error(`not stored: ${outcome.kind}`)
      lines += `m ${topic} ${outcome.message.headId} ${outcome.message.id}\n`
    }
    process.stdout.write(lines)
  }
})

const deleter = (async () => {
  for (;;) {
    const head = store.head({ topic: 't0', origin: ownNode }) ?? 1
    const fromHead = 1 + next(head)
    const toHead = Math.min(head, fromHead + next(5))
    const range = { topic: 't0', fromHead, toHead, beyondHead: 'clip' } as const
    const { marker } = await store.deleteRange(range)
    if (marker !== undefined) process.stdout.write(`d ${fromHead} ${toHead}\n`)
    const item = { queue: 'q', topic: 't', source: ownNode, target: ownNode }
    const payload = Buffer.from('queued')
    const [message] = await store.enqueue([{ ...item, payload, headers: noHeaders }])
    if (message !== undefined) process.stdout.write(`q ${message.sequence} ${message.id}\n`)
  }
})()

await Promise.all([...publishers, deleter])
