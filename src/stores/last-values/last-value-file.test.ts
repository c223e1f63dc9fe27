// The file of last values by itself: what goes in comes out, whatever a crash or a bad disk leaves of it is as good as
// it can be, and it does not grow beyond its bound.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { type LogFields, silentLogger } from '../../core/logger.ts'
import type { SavedChange, SavedLast, SavedMessage } from '../../core/saved-values.ts'
import { LastValueFile, lastValuesFileName } from './last-value-file.ts'

interface Folder {
  readonly path: string
  readonly file: string
  readonly draft: string
  readonly warnings: { readonly event: string; readonly fields: LogFields | undefined }[]
  open(epoch?: string, openFile?: typeof open): LastValueFile
}

async function inFolder(use: (folder: Folder) => Promise<void>): Promise<void> {
  const steps: (() => unknown)[] = []
  try {
    await use(newFolder({ after: (step) => void steps.push(step) }))
  } finally {
    for (const step of steps) await step()
  }
}

function newFolder(t: { after(step: () => unknown): void }): Folder {
  const path = mkdtempSync(join(tmpdir(), 'msgbus-last-'))
  const opened: LastValueFile[] = []
  const warnings: { event: string; fields: LogFields | undefined }[] = []
  const warn = (event: string, fields?: LogFields) => void warnings.push({ event, fields })
  t.after(async () => {
    for (const file of opened) await file.close()
    rmSync(path, { recursive: true, force: true })
  })
  return {
    path,
    file: join(path, lastValuesFileName),
    draft: join(path, `${lastValuesFileName}.new`),
    warnings,
    open: (epoch = 'epoch', openFile = open) => {
      const logger = { ...silentLogger, warn }
      const file = new LastValueFile({ folder: path, epoch, logger, openFile })
      opened.push(file)
      return file
    },
  }
}

async function save(
  file: LastValueFile,
  changes: readonly SavedChange[],
  accountedTo: number,
): Promise<'changes' | 'everything'> {
  const scope = file.needsEverything ? 'everything' : 'changes'
  const saving = file.begin(scope)
  for (const change of changes) await saving.put(change)
  await saving.commit(accountedTo)
  return scope
}

function message(topic: string, order: number, payload = `payload ${order}`): SavedMessage {
  return {
    kind: 'message',
    topic,
    order,
    asOf: order,
    sender: order % 2 === 0 ? 'plc.1' : '',
    createdAtMs: 1_700_000_000_000 + order,
    headers: new Map(order % 3 === 0 ? [['unit', 'K']] : []),
    payload: new Uint8Array(Buffer.from(payload)),
  }
}

/** Of the mark that ends a small save. */
const markBytes = 10

const byOrder = (values: readonly SavedLast[]) => values.toSorted((a, b) => a.order - b.order)

const number = fc.oneof(fc.nat(200), fc.maxSafeNat())
const text = fc.string({ unit: 'binary', maxLength: 40 })
const plain = { noNullPrototype: true }
const place = { topic: text, order: number, asOf: number }
const anyChange: fc.Arbitrary<SavedChange> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record(
      {
        kind: fc.constant('message' as const),
        ...place,
        sender: text,
        createdAtMs: number,
        headers: fc.array(fc.tuple(text, text), { maxLength: 3 }).map((all) => new Map(all)),
        payload: fc
          .oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 5_000 }))
          .map((bytes) => new Uint8Array(bytes)),
      },
      plain,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        kind: fc.constant('stored' as const),
        ...place,
        origin: fc.record({ tenantId: text, blName: text, deviceId: text }, plain),
        headId: number,
        sequence: number,
      },
      plain,
    ),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forgotten' as const), ...place }, plain) },
)

test('what is saved is loaded, over any number of saves and openings', async () => {
  const saves = fc.array(
    fc.record({ changes: fc.array(anyChange), reopens: fc.boolean() }, plain),
    {
      maxLength: 6,
    },
  )
  await fc.assert(
    fc.asyncProperty(saves, async (all) => {
      await inFolder(async (folder) => {
        const expected = new Map<string, SavedLast>()
        let file = folder.open()
        await file.load()
        for (const [i, { changes, reopens }] of all.entries()) {
          for (const change of changes) {
            if (change.kind === 'forgotten') expected.delete(change.topic)
            else expected.set(change.topic, change)
          }
          await save(file, file.needsEverything ? [...expected.values()] : changes, i + 1)
          if (!reopens) continue
          await file.close()
          file = folder.open()
          const { values, accountedTo } = await file.load()
          assert.equal(accountedTo, i + 1)
          assert.deepEqual(new Map(values.map((last) => [last.topic, last])), expected)
        }
        assert.deepEqual(folder.warnings, [])
      })
    }),
    { numRuns: 60 },
  )
})

test('a file cut anywhere gives what stands before the cut, and the next save mends it', async (t) => {
  const folder = newFolder(t)
  const first = folder.open()
  await first.load()
  const saved = [message('a', 1), message('b', 2), message('a', 3), message('c', 4)]
  const ends: number[] = []
  const start = await sizeAfter(folder, first, [], 1)
  for (const [i, each] of saved.entries()) {
    ends.push(await sizeAfter(folder, first, [each], i + 2))
  }
  await first.close()
  const whole = readFileSync(folder.file)
  for (let size = 0; size < whole.length; size++) {
    writeFileSync(folder.file, whole.subarray(0, size))
    const file = folder.open()
    const { values, accountedTo } = await file.load()
    const marked = size < start ? 0 : 1 + ends.filter((end) => end <= size).length
    assert.ok(accountedTo === marked, `cut at ${size}: accounted to ${accountedTo}, not ${marked}`)
    // The record of a save comes before its mark, so one more may be there.
    const least = newestOf(saved.slice(0, Math.max(0, marked - 1)))
    const most = newestOf(saved.slice(0, marked))
    assert.ok(isEither(values, least, most), `cut at ${size}: ${JSON.stringify(values)}`)
    const isBetween = [start, ...ends].some((end) => size === end || size === end - markBytes)
    assert.equal(file.needsEverything, !isBetween, `cut at ${size}`)
    await file.close()
  }
  writeFileSync(folder.file, whole.subarray(0, whole.length - 3))
  const cut = folder.open()
  const { values } = await cut.load()
  assert.equal(folder.warnings.at(-1)?.event, 'last_values_damaged')
  assert.equal(await save(cut, values, 9), 'everything')
  await cut.close()
  assert.deepEqual(byOrder((await folder.open().load()).values), newestOf(saved))
})

test('a changed byte anywhere costs its record at most, and what was stored is read again', async (t) => {
  const folder = newFolder(t)
  const first = folder.open()
  await first.load()
  const saved = [message('a', 1), message('b', 2), message('c', 3)]
  const start = await sizeAfter(folder, first, [], 1)
  for (const [i, each] of saved.entries()) await save(first, [each], i + 2)
  await first.close()
  const whole = readFileSync(folder.file)
  for (let at = start; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 0x41
    writeFileSync(folder.file, changed)
    const file = folder.open()
    const { values, accountedTo } = await file.load()
    const texts = byOrder(values).map(({ topic }) => topic)
    for (const value of values) assert.deepEqual(value, saved[value.order - 1])
    // Nothing that could be missing is accounted for.
    const marked = saved.slice(0, Math.max(0, accountedTo - 1)).map(({ topic }) => topic)
    assert.deepEqual(texts.slice(0, marked.length), marked, `byte ${at}`)
    assert.ok(accountedTo < saved.length + 1, `byte ${at}: accounted to ${accountedTo}`)
    assert.equal(file.needsEverything, true)
    assert.equal(folder.warnings.at(-1)?.event, 'last_values_damaged')
    await file.close()
  }
  // In the middle of the first payload: the length still tells where the next one begins.
  const changed = Buffer.from(whole)
  const at = whole.indexOf('payload 1')
  changed[at] = 0
  writeFileSync(folder.file, changed)
  const { values, accountedTo } = await folder.open().load()
  assert.deepEqual(byOrder(values), saved.slice(1))
  assert.equal(accountedTo, 1)
  assert.deepEqual(folder.warnings.at(-1)?.fields, { damagedRecords: 1, cutBytes: 0 })
})

for (const [what, content] of [
  ['another version', 'msgbus last values 2\nwhatever'],
  ['no file of ours', 'some notes\n'],
  ['no file of ours', ''],
  ['of another store', undefined],
] as const) {
  test(`a file that is ${what} is ignored with a warning, and replaced: ${content?.length ?? 'own'}`, async (t) => {
    const folder = newFolder(t)
    const other = folder.open('another epoch')
    await other.load()
    await save(other, [message('a', 1)], 1)
    await other.close()
    if (content !== undefined) writeFileSync(folder.file, content)
    const file = folder.open()
    assert.deepEqual(await file.load(), { values: [], accountedTo: 0 })
    assert.deepEqual(folder.warnings, [{ event: 'last_values_ignored', fields: { reason: what } }])
    assert.equal(await save(file, [message('b', 1)], 1), 'everything')
    await file.close()
    assert.deepEqual((await folder.open().load()).values, [message('b', 1)])
  })
}

test('it stays within twice what lives and one MiB, and what is outdated goes', async (t) => {
  const folder = newFolder(t)
  const file = folder.open()
  await file.load()
  const payload = 'x'.repeat(100_000)
  const scopes: string[] = []
  let largest = 0
  for (let order = 1; order <= 60; order++) {
    scopes.push(await save(file, [message(`topic ${order % 2}`, order, payload)], order))
    largest = Math.max(largest, statSync(folder.file).size)
  }
  // Two live, and one that is appended before anybody looks.
  assert.ok(largest <= 2 * 200_000 + 1_048_576 + 101_000, `${largest}`)
  assert.ok(scopes.filter((scope) => scope === 'everything').length >= 3)
  assert.ok(scopes.filter((scope) => scope === 'changes').length >= 50)
})

test('a topic that is not in the file costs nothing when it is forgotten', async (t) => {
  const folder = newFolder(t)
  const file = folder.open()
  await file.load()
  const forgotten = { kind: 'forgotten' as const, asOf: 1 }
  const before = await sizeAfter(folder, file, [message('a', 1)], 1)
  assert.equal(await sizeAfter(folder, file, [{ ...forgotten, topic: 'b' }], 1), before + markBytes)
  assert.ok(
    (await sizeAfter(folder, file, [{ ...forgotten, topic: 'a' }], 1)) > before + 2 * markBytes,
  )
  await file.close()
  assert.deepEqual((await folder.open().load()).values, [])
})

test('a crash before, during and after the new file takes the place of the old one', async (t) => {
  const folder = newFolder(t)
  const file = folder.open()
  await file.load()
  await save(file, [message('a', 1)], 1)
  await file.close()
  const old = readFileSync(folder.file)
  const next = folder.open()
  await next.load()
  const saving = next.begin('everything')
  await saving.put(message('a', 2))
  await saving.commit(2)
  await next.close()
  const whole = readFileSync(folder.file)

  for (const size of [0, 10, whole.length - 1, whole.length]) {
    writeFileSync(folder.file, old)
    writeFileSync(folder.draft, whole.subarray(0, size))
    const found = folder.open()
    assert.deepEqual((await found.load()).values, [message('a', 1)], `draft of ${size} bytes`)
    assert.equal(existsSync(folder.draft), false)
    await found.close()
  }
  assert.deepEqual(folder.warnings, [])
})

test('a write that fails half way harms nothing that was saved before', async (t) => {
  const folder = newFolder(t)
  let isFull = false
  const file = folder.open('epoch', async (path, flags, mode) => {
    const handle = await open(path, flags, mode)
    const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<unknown>
    const half = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
      if (!isFull) return write(bytes, offset, length, position)
      await write(bytes, offset, length >> 1, position)
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    }
    return Object.assign(handle, { write: half })
  })
  await file.load()
  await save(file, [message('a', 1)], 1)
  isFull = true
  await assert.rejects(save(file, [message('b', 2)], 2), { code: 'ENOSPC' })
  assert.equal(file.needsEverything, true)
  const saving = file.begin('everything')
  void saving.put(message('a', 1))
  await assert.rejects(saving.commit(2), { code: 'ENOSPC' })
  await saving.abandon()
  assert.equal(existsSync(folder.draft), false)
  // As a crash now would find it.
  assert.deepEqual((await folder.open().load()).values, [message('a', 1)])
  isFull = false
  assert.equal(await save(file, [message('a', 1), message('b', 2)], 2), 'everything')
  assert.equal(await save(file, [message('c', 3)], 3), 'changes')
  await file.close()
  const { values, accountedTo } = await folder.open().load()
  assert.deepEqual(byOrder(values), [message('a', 1), message('b', 2), message('c', 3)])
  assert.equal(accountedTo, 3)
})

test('a payload larger than any buffer', async (t) => {
  const folder = newFolder(t)
  const file = folder.open()
  await file.load()
  const large = message('large', 1, 'x'.repeat(5_000_000))
  await save(file, [message('before', 2), large, message('behind', 3)], 1)
  await file.close()
  const { values } = await folder.open().load()
  assert.deepEqual(byOrder(values), [large, message('before', 2), message('behind', 3)])
})

test('100,000 topics: what loading takes', async (t) => {
  const folder = newFolder(t)
  const file = folder.open()
  await file.load()
  const all = Array.from({ length: 100_000 }, (_, i) => message(`plant/line/${i}/value`, i + 1))
  await save(file, all, 1)
  await file.close()
  const startedAt = performance.now()
  const { values } = await folder.open().load()
  assert.equal(values.length, all.length)
  t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`)
})

/** What lives when these were saved one after the other. */
function newestOf(saved: readonly SavedLast[]): SavedLast[] {
  return byOrder([...new Map(saved.map((last) => [last.topic, last])).values()])
}

function isEither(values: readonly SavedLast[], ...expected: readonly SavedLast[][]): boolean {
  return expected.some((each) => isDeepStrictEqual(byOrder(values), each))
}

/** Saves, and answers how large the file is then. */
async function sizeAfter(
  folder: Folder,
  file: LastValueFile,
  changes: readonly SavedChange[],
  accountedTo: number,
): Promise<number> {
  await save(file, changes, accountedTo)
  return statSync(folder.file).size
}
