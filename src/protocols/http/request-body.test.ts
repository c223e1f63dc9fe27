// Bodies: read whole, bounded each and together, and given back whatever happens.

import assert from 'node:assert/strict'
import { type IncomingMessage, type ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { HttpError } from './http-error.ts'
import { BodyBudget, readBody } from './request-body.ts'

/** As much of a request as is looked at. */
function requestWith(headers: Readonly<Record<string, string>> = {}) {
  const stream = new PassThrough()
  return { stream, request: Object.assign(stream, { headers }) as unknown as IncomingMessage }
}

let continues = 0
const response = { writeContinue: () => (continues += 1) } as unknown as ServerResponse

const refused = (status: number) => (error: unknown) =>
  error instanceof HttpError && error.status === status

test('chunks become one body, which counts until it is released', async () => {
  const budget = new BodyBudget(100)
  const { stream, request } = requestWith()
  const reading = readBody(request, response, 10, budget)
  stream.write('abc')
  stream.end('defg')
  const body = await reading
  assert.equal(body.bytes.toString(), 'abcdefg')
  assert.equal(budget.heldBytes, 7)
  body.release()
  assert.equal(budget.heldBytes, 0)
  assert.equal(continues, 0)
})

test('one that is announced has its room before it comes, and is asked for when it waits', async () => {
  const budget = new BodyBudget(100)
  const { stream, request } = requestWith({ 'content-length': '5', expect: '100-continue' })
  const reading = readBody(request, response, 10, budget)
  assert.equal(budget.heldBytes, 5)
  assert.equal(continues, 1)
  stream.end('12345')
  assert.equal((await reading).bytes.length, 5)
  assert.equal(budget.heldBytes, 5)
})

test('beyond the common bound the next has to come again', async () => {
  const budget = new BodyBudget(8)
  const first = requestWith({ 'content-length': '6' })
  const reading = readBody(first.request, response, 10, budget)
  const announced = requestWith({ 'content-length': '3' })
  await assert.rejects(readBody(announced.request, response, 10, budget), refused(503))
  const growing = requestWith()
  const growingBody = readBody(growing.request, response, 10, budget)
  growing.stream.write('12')
  growing.stream.write('345')
  await assert.rejects(growingBody, refused(503))
  assert.equal(budget.heldBytes, 6)
  first.stream.end('123456')
  ;(await reading).release()
  assert.equal(budget.heldBytes, 0)
  // One of any size has room when it is alone.
  const alone = requestWith({ 'content-length': '10' })
  alone.stream.end('1234567890')
  assert.equal((await readBody(alone.request, response, 10, budget)).bytes.length, 10)
})

test('too large, compressed, or broken off: refused, and nothing is held', async () => {
  const budget = new BodyBudget(100)
  const large = requestWith()
  large.stream.end('12345678901')
  await assert.rejects(readBody(large.request, response, 10, budget), refused(413))
  const announced = requestWith({ 'content-length': '11' })
  await assert.rejects(readBody(announced.request, response, 10, budget), refused(413))
  const compressed = requestWith({ 'content-encoding': 'gzip' })
  await assert.rejects(readBody(compressed.request, response, 10, budget), refused(415))
  const broken = requestWith({ 'content-length': '5' })
  const reading = readBody(broken.request, response, 10, budget)
  broken.stream.write('12')
  broken.stream.destroy(new Error('aborted'))
  await assert.rejects(reading, { reason: 'cancelled' })
  assert.equal(budget.heldBytes, 0)
})
