/**
 * Kills a process in the middle of writing, again and again on the same folder, and checks what the
 * next opening finds: everything acknowledged, no gap, no head given twice, nothing changed that was
 * there before (spec/msgbus-v1 8.3, 9; conformance 28 and 71).
 *
 * The moment of the kill is counted in acknowledged writes, so no time is waited for. The seed is
 * printed; MSGBUS_CRASH_SEED repeats it and MSGBUS_CRASH_ROUNDS runs for longer.
 */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { LogStore } from '../../core/log-store.ts'
import { deleteMarkerTopic } from '../../model/message.ts'
import { own, readFeed, readLog, textOf } from './messages.ts'
import { rejectsWith, StoreFixture, type SuiteContext } from './store-fixture.ts'

type CrashChild = NonNullable<SuiteContext['traits']['crashChild']>

/** What is known to be acknowledged, over all rounds. */
class Acknowledged {
  readonly ids = new Map<string, Map<number, string>>()
  readonly queueIds = new Map<number, string>()
  readonly deletedHeads = new Set<number>()

  message(topic: string, head: number, id: string): void {
    let log = this.ids.get(topic)
    if (log === undefined) this.ids.set(topic, (log = new Map()))
    const before = log.get(head)
    assert.ok(before === undefined || before === id, `head ${head} of ${topic} was given twice`)
    log.set(head, id)
  }

  /** Takes one printed line. */
  line(text: string): void {
    const [kind, a = '', b = '', id = ''] = text.split(' ')
    if (kind === 'm') this.message(a, Number(b), id)
    if (kind === 'q') this.queueIds.set(Number(a), b)
    if (kind === 'd') {
      for (let head = Number(a); head <= Number(b); head += 1) this.deletedHeads.add(head)
    }
  }
}

export function crashSuite(context: SuiteContext): void {
  const { crashChild } = context.traits
  if (crashChild === undefined) return
  const rounds = Number(process.env['MSGBUS_CRASH_ROUNDS'] ?? 5)
  const seed = Number(process.env['MSGBUS_CRASH_SEED'] ?? randomInt(2 ** 31))

  test(`nothing acknowledged is lost when the process is killed (seed ${seed})`, async (t) => {
    const fixture = await StoreFixture.create(context, {})
    await fixture.store.close()
    const acknowledged = new Acknowledged()
    try {
      for (let round = 0; round < rounds; round += 1) {
        const killAfter = 1 + ((seed + round * 7_919) % 4_000)
        const child = startChild(crashChild, fixture.options.folder, seed + round)
        try {
          const lines = await runAndKill(child, killAfter, acknowledged)
          t.diagnostic(`round ${round}: killed after ${lines} lines`)
        } finally {
          child.kill('SIGKILL')
        }
        const store = await fixture.open()
        await check(store, acknowledged)
        await store.close()
      }
    } finally {
      await fixture.end()
    }
  })

  test('a store that another process has open is refused, until that process is gone', async () => {
    const fixture = await StoreFixture.create(context, {})
    const { folder } = fixture.options
    await fixture.store.close()
    const child = startChild(crashChild, folder, 1)
    try {
      await once(createInterface({ input: child.stdout }), 'line')
      const error = await rejectsWith(fixture.open(), 'failed_precondition', 'already_running')
      assert.ok(error.message.includes(String(child.pid)), error.message)
      assert.equal(child.exitCode, null, 'the first one is unharmed')
      child.kill('SIGKILL')
      await once(child, 'exit')
      const store = await fixture.open()
      assert.ok(store.epoch)
    } finally {
      child.kill('SIGKILL')
      await fixture.end()
    }
  })
}

function startChild({ module, exportName }: CrashChild, folder: string, seed: number) {
  const program = fileURLToPath(new URL('./crash-child.js', import.meta.url))
  const child = spawn(process.execPath, [program, module, exportName, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return child
}

/** Kills after so many acknowledged writes; answers how many lines came until the pipe was empty. */
async function runAndKill(
  child: ChildProcess & { readonly stdout: NodeJS.ReadableStream },
  killAfter: number,
  acknowledged: Acknowledged,
): Promise<number> {
  let lines = 0
  let rest = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    const complete = (rest + String(chunk)).split('\n')
    // The last piece may be half a line; of a killed process it is dropped.
    rest = complete.pop() ?? ''
    for (const line of complete) acknowledged.line(line)
    lines += complete.length
    if (lines > killAfter) child.kill('SIGKILL')
  }
  // The pipe ends a little before the process does.
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  assert.ok(lines > killAfter, 'the child ended by itself')
  return lines
}

async function check(store: LogStore, acknowledged: Acknowledged): Promise<void> {
  const seen = new Set<string>()
  const inFeed = new Set((await readFeed(store)).map((message) => message.id))
  for (const log of store.logs()) {
    const known = acknowledged.ids.get(log.topic) ?? new Map<number, string>()
    let keptTo = 0
    // Checks that heads are 1, 2, 3 … without gap.
    for (const message of await readLog(store, log)) {
      const { id, headId, topic, deleted, payload, headers } = message
      assert.ok(!seen.has(id), `id ${id} twice`)
      assert.ok(inFeed.has(id), `head ${headId} of ${topic} is missing in the feed`)
      seen.add(id)
      if (known.has(headId)) assert.equal(id, known.get(headId), `head ${headId} of ${topic}`)
      // What is visible now must stay, acknowledged or not.
      acknowledged.message(topic, headId, id)
      if (topic === deleteMarkerTopic) {
        keptTo = headId
        continue
      }
      if (headers.get('history') !== 'true') keptTo = headId
      if (deleted) assert.equal(payload.length, 0)
      else {
        const text = textOf(payload)
        assert.equal(text, topic.repeat(text.length).slice(0, text.length))
        assert.equal(headers.get('topic'), topic)
      }
    }
    assert.equal(log.keptTo, keptTo, `${log.topic} is kept up to`)
  }
  for (const [topic, ids] of acknowledged.ids) {
    const head = store.head(own(topic)) ?? 0
    assert.ok(head >= Math.max(...ids.keys()), `acknowledged messages of ${topic} are lost`)
  }
  for (const message of await readLog(store, own('t0'))) {
    const wasDeleted = acknowledged.deletedHeads.has(message.headId)
    assert.ok(message.deleted || !wasDeleted, `head ${message.headId} of t0 is back`)
  }
  const queued = await store.readQueue('q', 0, { messages: Infinity })
  assert.deepEqual(
    queued.map((message) => message.sequence),
    queued.map((_, i) => i + 1),
  )
  for (const [sequence, id] of acknowledged.queueIds) assert.equal(queued[sequence - 1]?.id, id)
  for await (const { damaged } of store.verify()) assert.deepEqual(damaged, [])
}
