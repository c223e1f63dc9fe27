/** Identifiers of what is under way, beside a plain map that does the same. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type InFlight, Window } from './window.ts'

const nothing = new Uint8Array(0)

function inFlight(id: number): InFlight {
  const plain = { message: undefined, retain: false, ids: nothing, group: undefined }
  return { id, qos: 1, sequence: 0, topic: 't', isReleased: false, ...plain }
}

const idsOf = (window: Window) => window.values().map(({ id }) => id)

describe('the window', () => {
  test('has what a map has, in the order in which it was sent', () => {
    const steps = fc.array(fc.nat({ max: 999 }), { maxLength: 600 })
    const property = fc.property(steps, fc.integer({ min: 1, max: 300 }), (choices, most) => {
      const window = new Window()
      const known = new Map<number, InFlight>()
      for (const choice of choices) {
        if (known.size < most && choice % 3 !== 0) {
          const message = inFlight(window.nextId())
          assert.equal(known.has(message.id), false)
          window.add(message)
          known.set(message.id, message)
        } else {
          // Most are answered in order, some are not, some were never there.
          const id = [...known.keys()][choice % 7] ?? choice + 1
          assert.equal(window.acknowledged(id), known.get(id))
          known.delete(id)
        }
        assert.equal(window.size, known.size)
      }
      assert.deepEqual(idsOf(window), [...known.keys()])
    })
    fc.assert(property, { numRuns: 200 })
  })

  test('takes in what was written down, also behind the last identifier', () => {
    const window = new Window()
    for (const id of [65_530, 65_535, 3, 4, 3]) window.load(inFlight(id))
    assert.deepEqual(idsOf(window), [65_530, 65_535, 3, 4])
    assert.equal(window.nextId(), 5)
  })

  test('has room for all identifiers there are', () => {
    const window = new Window()
    for (let i = 1; i <= 65_535; i++) window.add(inFlight(window.nextId()))
    assert.equal(window.size, 65_535)
    assert.equal(window.acknowledged(40_000)?.id, 40_000)
    assert.equal(window.nextId(), 40_000)
  })
})
