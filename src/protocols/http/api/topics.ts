/** What the bus knows of topics: last values, and the tree of topics level by level, for people who look around. */

import { z } from 'zod'
import { TimeSlice } from '../../../base/time-slice.ts'
import type { BusClient } from '../../../core/bus-client.ts'
import type { Bus } from '../../../core/bus.ts'
import { compareUtf8 } from '../../../core/log-order.ts'
import type { LogInfo } from '../../../core/log-store.ts'
import { BusError } from '../../../model/errors.ts'
import { levelFilter } from '../../../model/level-filter.ts'
import type { StoredMessage } from '../../../model/message.ts'
import type { TopicEntryJson, TopicJson } from '../../../wire/http-api.ts'
import { toLogJson, toMessageJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { filterOf, filterParam, param, topicParam } from '../query.ts'
import { lastValuesSchema, topicLevelSchema, topicSchema } from '../schemas.ts'

const lastDefault = 1_000
const entriesDefault = 200
const listMost = 10_000
/** Payloads and headers of last values in one answer. */
const answerBytes = 4_194_304

export const lastValues = operation({
  id: 'last',
  method: 'GET',
  path: '/v1/last',
  tag: 'topics',
  summary: 'The newest message of every topic that matches, oldest first.',
  description:
    'Stored or not, of any origin, as far as they are remembered. Where there are more than an answer holds, the newest are in it.',
  query: z.strictObject({
    filter: filterParam,
    limit: param.integer('Most messages; default 1,000.', 1, listMost).optional(),
  }),
  answer: { description: 'The messages.', schema: lastValuesSchema },
  run({ client, context: { bus } }, { filter, limit = lastDefault }) {
    if (bus.store === undefined) {
      const text = 'last values are being loaded; try again'
      throw new BusError('unavailable', 'starting', text)
    }
    const all = client.live.lastValues(levelFilter('mqtt', filterOf(filter)))
    let start = all.length
    let bytes = 0
    while (start > 0 && all.length - start < limit) {
      bytes += all[start - 1]?.payload.length ?? 0
      if (bytes > answerBytes && start < all.length) break
      start -= 1
    }
    const messages = all.slice(start).map((message) => toMessageJson(message))
    return json({ messages, more: start > 0 })
  },
})

export const topic = operation({
  id: 'topic',
  method: 'GET',
  path: '/v1/topic',
  tag: 'topics',
  summary: 'One topic: its logs, its newest message and how often it was published on.',
  description: 'A topic that nobody published on has no logs and no newest message.',
  query: z.strictObject({ topic: topicParam }),
  answer: { description: 'The topic.', schema: topicSchema },
  async run({ client, context: { bus } }, { topic: name }) {
    // Refuses what is no topic, and whoever may not read it.
    client.log.head({ topic: name, origin: bus.node })
    const slice = new TimeSlice()
    let publications = 0
    for (const usage of bus.topicTable()) {
      const pause = slice.pause()
      if (pause !== undefined) await pause
      if (usage.name !== name) continue
      publications = usage.publications
      break
    }
    const logs: LogInfo[] = []
    for (const log of bus.store?.logs() ?? []) {
      const pause = slice.pause()
      if (pause !== undefined) await pause
      if (log.topic === name) logs.push(log)
    }
    return json(toTopicJson(name, publications, logs, bus.lastValue(name)))
  },
})

export const topicLevel = operation({
  id: 'topics',
  method: 'GET',
  path: '/v1/topics',
  tag: 'topics',
  summary: 'One level of the tree of topics.',
  description:
    'Names are split at `/`. An entry is a level below `under`, with what is on its own topic, if there is one, and how much is below it. By the bytes of the UTF-8 of the level. Topics of the daemon (`$msgbus.…`) are left out. With `contains` it is a flat list instead: each topic that matches is an entry, its level the whole name.',
  query: z.strictObject({
    under: param.text('Path of the level above; absent: the first levels.').optional(),
    contains: param
      .text('Search: topics below `under` whose name contains this, in upper or lower case.')
      .optional(),
    after: param.text('Only levels after this one.').optional(),
    limit: param.integer('Most entries; default 200.', 1, listMost).optional(),
  }),
  answer: { description: 'The entries.', schema: topicLevelSchema },
  async run({ client, context: { bus } }, { under, contains, after, limit = entriesDefault }) {
    const level = await readLevel(bus, client, under, contains)
    const names = [...level.keys()]
      .filter((name) => after === undefined || compareUtf8(name, after) > 0)
      .sort(compareUtf8)
    const room = { bytes: answerBytes }
    const entries = names.slice(0, limit).map((name) => level.get(name)?.toJson(bus, room))
    return json({ under: under ?? '', entries, more: names.length > limit })
  },
})

/** What is at one level of the tree and below it. */
class Branch {
  readonly #level: string
  readonly #path: string
  #topicsBelow = 0
  #publications = 0
  #isTopic = false
  #ownPublications = 0
  readonly #logs: LogInfo[] = []

  constructor(level: string, path: string) {
    this.#level = level
    this.#path = path
  }

  /** @param isNew false: another log of a topic that was counted */
  addBelow(publications: number, isNew: boolean): void {
    if (isNew) this.#topicsBelow += 1
    this.#publications += publications
  }

  addOwn(publications: number, log: LogInfo | undefined): void {
    this.#isTopic = true
    this.#publications += publications
    this.#ownPublications += publications
    if (log !== undefined) this.#logs.push(log)
  }

  /** @param room for payloads of newest messages in this answer; those that do not fit are left out */
  toJson(bus: Bus, room: { bytes: number }): TopicEntryJson {
    const path = this.#path
    const entry = {
      level: this.#level,
      path,
      topicsBelow: this.#topicsBelow,
      publications: this.#publications,
    }
    if (!this.#isTopic) return entry
    const last = bus.lastValue(path)
    if (last !== undefined) room.bytes -= last.payload.length
    const shown = room.bytes < 0 ? undefined : last
    return { ...entry, topic: toTopicJson(path, this.#ownPublications, this.#logs, shown) }
  }
}

/**
 * Goes through all topics once that the client may read, those that are remembered and those that are stored; others have their turn between.
 * @param contains each topic that has it in its name is an entry of its own
 */
async function readLevel(
  bus: Bus,
  client: BusClient,
  under: string | undefined,
  contains: string | undefined,
): Promise<Map<string, Branch>> {
  const wanted = contains?.toLowerCase()
  const prefix = under === undefined ? '' : `${under}/`
  const level = new Map<string, Branch>()
  const slice = new TimeSlice()
  const remembered = new Set<string>()
  const put = (name: string, publications: number, log: LogInfo | undefined, isNew: boolean) => {
    if (!name.startsWith(prefix) || name.startsWith('$msgbus.')) return
    if (wanted !== undefined && !name.toLowerCase().includes(wanted)) return
    if (!client.maySee('fetch', name)) return
    const end = wanted === undefined ? name.indexOf('/', prefix.length) : -1
    const start = wanted === undefined ? prefix.length : 0
    const own = end === -1 ? name.slice(start) : name.slice(start, end)
    let branch = level.get(own)
    if (branch === undefined) {
      branch = new Branch(own, name.slice(0, start) + own)
      level.set(own, branch)
    }
    if (end === -1) branch.addOwn(publications, log)
    else branch.addBelow(publications, isNew)
  }
  for (const { name, publications, isReserved } of bus.topicTable()) {
    const pause = slice.pause()
    if (pause !== undefined) await pause
    // Somebody may subscribe to a topic that nobody publishes on.
    if (isReserved || publications === 0) continue
    remembered.add(name)
    put(name, publications, undefined, true)
  }
  for (const log of bus.store?.logs() ?? []) {
    const pause = slice.pause()
    if (pause !== undefined) await pause
    const isNew = !remembered.has(log.topic)
    remembered.add(log.topic)
    put(log.topic, 0, log, isNew)
  }
  return level
}

function toTopicJson(
  name: string,
  publications: number,
  logs: readonly LogInfo[],
  last: StoredMessage | undefined,
): TopicJson {
  let storedBytes = 0
  for (const log of logs) storedBytes += log.bytes
  return {
    topic: name,
    publications,
    storedBytes,
    logs: logs.map(toLogJson),
    ...(last !== undefined && { last: toMessageJson(last) }),
  }
}
