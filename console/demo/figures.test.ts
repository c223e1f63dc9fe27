import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFigure, Figures } from './figures.ts'

const knownColours = ['red', 'RED', '#666']

function figures(): Figures {
  return new Figures((text) => knownColours.includes(text))
}

test('shape and colour are known separately', () => {
  const known = figures()
  assert.equal(describeFigure(known.get('upper')), 'unknown')
  assert.equal(known.apply({ category: '/upper/colour', rest: ' #666\t' }), 'applied')
  assert.deepEqual(known.get('upper'), { shape: undefined, colour: '#666' })
  assert.equal(describeFigure(known.get('upper')), '#666 (shape unknown)')
  assert.equal(known.apply({ category: '/upper/shape', rest: 'Triangle' }), 'applied')
  assert.deepEqual(known.get('upper'), { shape: 'triangle', colour: '#666' })
  assert.equal(describeFigure(known.get('upper')), '#666 triangle')
  assert.deepEqual(known.get('lower'), { shape: undefined, colour: undefined })
  assert.equal(known.apply({ category: '/lower/shape', rest: 'circle' }), 'applied')
  assert.equal(describeFigure(known.get('lower')), 'circle (colour unknown)')
})

test('only the four categories, only words that are understood', () => {
  const known = figures()
  for (const category of [
    '/upper',
    '/upper/',
    '/upper/shapes',
    '/Upper/shape',
    'upper/shape',
    '/x',
  ])
    assert.equal(known.apply({ category, rest: 'circle' }), 'not-ours')
  assert.equal(known.apply({ category: '/upper/shape', rest: 'hexagon' }), 'not-understood')
  assert.equal(known.apply({ category: '/upper/shape', rest: '' }), 'not-understood')
  assert.equal(known.apply({ category: '/lower/colour', rest: 'sky' }), 'not-understood')
  assert.deepEqual(known.lines(), [])
})

test('the lines that describe them leave out what is not known', () => {
  const known = figures()
  known.apply({ category: '/lower/colour', rest: 'RED' })
  known.apply({ category: '/upper/shape', rest: 'SQUARE' })
  assert.deepEqual(known.lines(), [':/upper/shape square', ':/lower/colour RED'])
})
