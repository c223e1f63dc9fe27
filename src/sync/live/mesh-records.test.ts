/** The records of live traffic: what is written is read, and whatever bytes come do no harm. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { ProtocolError } from '../../model/errors.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { openMesh, TestMesh } from './live-mesh-suite.ts'
import { kinds } from './mesh-records.ts'
import { RecentIds } from './recent-ids.ts'

const read = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes), 0, bytes.length)
const runs = Number(process.env['MSGBUS_FUZZ_RUNS'] ?? 300)

describe('bytes', () => {
  test('numbers, texts and bytes come back as they were', () => {
    const number = fc.maxSafeNat()
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(
        number,
        text,
        fc.uint8Array(),
        fc.array(fc.tuple(text, text)),
        (n, s, b, pairs) => {
          const map = new Map(pairs)
          const writer = new ByteWriter().number(n).text(s).bytes(b).texts(map).raw(b, 0, b.length)
          const reader = new ByteReader(writer.view(), 0, writer.length)
          assert.equal(reader.number(), n)
          assert.equal(reader.text(), s)
          const start = reader.skip()
          assert.deepEqual(new Uint8Array(reader.bytes.subarray(start, reader.position)), b)
          assert.deepEqual(reader.texts(), map)
          assert.deepEqual(reader.rest(), b)
          assert.ok(reader.isAtEnd)
        },
      ),
    )
  })

  test('numbers that are too large, and what ends too early, are refused', () => {
    assert.throws(() => read(...Array.from({ length: 9 }, () => 0xff), 1).number(), ProtocolError)
    assert.throws(() => read(0x80).number(), ProtocolError)
    assert.throws(() => read(5, 65).text(), ProtocolError)
    assert.throws(() => read(1, 0xff).text(), ProtocolError)
    assert.throws(() => read(0xff, 0xff, 0x7f).texts(), ProtocolError)
  })
})

test('a window knows what was there, in any order, also across large steps', () => {
  const ids = new RecentIds()
  const seen = new Set<number>()
  const base = 1_700_000_000_000_000
  for (const offset of [5, 3, 5, 4, 3, 100, 99, 4_000, 101, 5, 9_000, 8_999, 9_000, 8_999]) {
    const isOld = Math.max(...seen, 0) - (base + offset) >= 4_096
    assert.equal(ids.add(base + offset), !seen.has(base + offset) && !isOld, String(offset))
    seen.add(base + offset)
  }
})

describe('frames of anybody', () => {
  test('cost their link at most, never the daemon or other links', async () => {
    const kind = fc.constantFrom(...Object.values(kinds), 0, 99)
    const record = fc.tuple(kind, fc.uint8Array({ maxLength: 60 })).map(([first, rest]) => {
      return Uint8Array.of(rest.length + 1, first, ...rest)
    })
    const garbage = fc.oneof(record, fc.uint8Array({ maxLength: 60 }))
    const { mesh, node, settle } = await openMesh('ab', 'ab')
    const sink = node('b').join('sink').subscribe('#')
    const odd = await mesh.node('odd')
    await settle()
    await fc.assert(
      fc.asyncProperty(fc.array(garbage, { minLength: 1, maxLength: 5 }), async (frames) => {
        const link = mesh.link(node('a'), odd)
        for (const frame of frames) if (link.isUp) await link.receivers[0].receive(frame)
        link.cut()
        mesh.links.pop()
      }),
      { numRuns: runs },
    )
    await settle()
    node('a').join('pub').publish('t', 'still there')
    await settle()
    assert.ok(sink.texts.includes('still there'))
  })

  test('frames that were real, with bytes changed, neither', async () => {
    const { mesh, node, settle } = await openMesh('ab', 'ab')
    node('b').join('ben').subscribe('t/#')
    const ann = node('a').join('ann')
    await settle()
    const [link] = mesh.links
    assert.ok(link !== undefined)
    link.isHeld = true
    ann.publish('t/x', 'text', undefined, new Map([['k', 'v']]))
    ann.send('ben', 'hello')
    ann.broadcast('*', 'all')
    await new Promise(setImmediate)
    const frames = link.ends[0].frames.map((frame) => new Uint8Array(frame))
    assert.ok(frames.length > 0)
    const change = fc.record({ frame: fc.nat(), at: fc.nat(), to: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const again = mesh.link(node('a'), node('b'))
        const copies = frames.map((frame) => new Uint8Array(frame))
        for (const { frame, at, to } of changes) {
          const bytes = copies[frame % copies.length]
          if (bytes !== undefined) bytes[at % bytes.length] = to
        }
        for (const copy of copies) if (again.isUp) await again.receivers[1].receive(copy)
        again.cut()
        mesh.links.pop()
      }),
      { numRuns: runs },
    )
  })
})

test('in any mesh that stands still, everybody who can be reached gets everything once and in order', async () => {
  const meshRuns = Number(process.env['MSGBUS_MESH_RUNS'] ?? 30)
  const size = fc.integer({ min: 2, max: 7 })
  const edges = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { minLength: 1, maxLength: 12 })
  const cuts = fc.array(fc.nat(11), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(size, edges, cuts, async (count, pairs, cut) => {
      const mesh = new TestMesh()
      const nodes = []
      for (let i = 0; i < count; i++) nodes.push(await mesh.node(`n${i}`))
      const sinks = nodes.map((node) => node.join('sink').subscribe('t'))
      const near = new Map<number, Set<number>>()
      const ends: (readonly [number, number])[] = []
      for (const [one, two] of pairs) {
        const [from, to] = [one % count, two % count]
        const [a, b] = [nodes[from], nodes[to]]
        if (a === undefined || b === undefined || a === b) continue
        mesh.link(a, b)
        ends.push([from, to])
      }
      await mesh.settle()
      for (const at of cut) mesh.links[at]?.cut()
      await mesh.settle()
      for (const [i, [from, to]] of ends.entries()) {
        if (mesh.links[i]?.isUp !== true) continue
        near.set(from, (near.get(from) ?? new Set()).add(to))
        near.set(to, (near.get(to) ?? new Set()).add(from))
      }
      const reached = new Set([0])
      for (const each of reached) for (const next of near.get(each) ?? []) reached.add(next)
      const publisher = nodes[0]?.join('publisher')
      for (const text of ['1', '2', '3']) publisher?.publish('t', text)
      await mesh.settle()
      for (const [i, sink] of sinks.entries()) {
        assert.deepEqual(sink.texts, reached.has(i) ? ['1', '2', '3'] : [], `n${i}`)
      }
    }),
    { numRuns: meshRuns },
  )
})
