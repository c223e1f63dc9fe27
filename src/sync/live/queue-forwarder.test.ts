/** Queue messages for other nodes: exactly once, in order, whatever links and daemons do. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { BusError, type ErrorReason } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { nodeNamed, openMesh, type TestMeshNode } from './live-mesh-suite.ts'
import { answerWithinMs } from './queue-forwarder.ts'

const runs = Number(process.env['MSGBUS_FORWARD_RUNS'] ?? 25)

const isError = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

function outgoing({ bus }: TestMeshNode, target: string, text: string, queue = 'q') {
  const headers = new Map([['k', 'v']])
  const payload = Buffer.from(text)
  return { queue, topic: 't', source: bus.node, target: nodeNamed(target), payload, headers }
}

async function enqueue(from: TestMeshNode, target: string, ...texts: string[]) {
  const { queue } = from.bus.connect(anonymous)
  return queue.enqueue(texts.map((text) => outgoing(from, target, text)))
}

async function textsIn({ store }: TestMeshNode, queue = 'q'): Promise<string[]> {
  const messages = await store.readQueue(queue, 0, { messages: 10_000 })
  return messages.map(({ payload }) => Buffer.from(payload).toString())
}

async function waiting({ bus }: TestMeshNode) {
  const infos = await bus.connect(anonymous).queue.list()
  return infos.filter(({ depth, forwarding }) => forwarding !== undefined && depth > 0)
}

async function openForwarding(names: string, ...pairs: readonly string[]) {
  const opened = await openMesh(names, ...pairs)
  for (const name of names) await opened.node(name).forward()
  await opened.settle()
  return opened
}

describe('queue messages for other nodes', () => {
  test('arrive as they were, over any number of nodes, and leave nothing behind', async () => {
    const { node, settle } = await openForwarding('abc', 'ab', 'bc')
    const [stored] = await enqueue(node('a'), 'c', 'one', 'two')
    assert.equal(stored?.queue, 'q')
    await settle()
    const [message] = await node('c').store.readQueue('q', 0, { messages: 1 })
    assert.deepEqual(message?.source, node('a').bus.node)
    assert.deepEqual(message.headers, new Map([['k', 'v']]))
    assert.equal(message.topic, 't')
    assert.deepEqual(await textsIn(node('c')), ['one', 'two'])
    assert.deepEqual(await textsIn(node('b')), [])
    assert.deepEqual(await waiting(node('a')), [])
  })

  test('stay here when they are for here, for nobody, or for a node that was never met', async () => {
    const { node, settle } = await openForwarding('ab', 'ab')
    const client = node('a').bus.connect(anonymous)
    const nobody = { tenantId: '', blName: '', deviceId: '' }
    await client.queue.enqueue([{ ...outgoing(node('a'), 'b', 'nobody'), target: nobody }])
    await enqueue(node('a'), 'a', 'here')
    await enqueue(node('a'), 'z', 'never met')
    await settle()
    assert.deepEqual(await textsIn(node('a')), ['nobody', 'here', 'never met'])
  })

  test('wait for a node that is away, also over a restart, and say so', async () => {
    const { mesh, node, link, settle } = await openForwarding('ab', 'ab')
    link('ab').cut()
    await enqueue(node('a'), 'b', 'one', 'two')
    await settle()
    const [info] = await waiting(node('a'))
    assert.equal(info?.depth, 2)
    assert.equal(info.queue, '$msgbus.forward/tenant/default/b/q')
    const target = 'tenant/default/b'
    const expected = { target, queue: 'q', state: 'waiting', attempts: 0, lastError: '' }
    assert.deepEqual(info.forwarding, expected)
    const again = await mesh.restart(node('a'))
    await enqueue(again, 'b', 'three')
    mesh.link(again, node('b'))
    await settle()
    assert.deepEqual(await textsIn(node('b')), ['one', 'two', 'three'])
    assert.deepEqual(await waiting(again), [])
  })

  test('what the other side refuses waits, with the reason, and is tried again', async () => {
    let isRefused = true
    const { mesh, node, settle } = await openForwarding('a')
    const closed = await mesh.node('c', {
      access: {
        isOpen: false,
        version: 1,
        refusal: ({ identity }, action, resource) => {
          assert.ok(action !== 'enqueue' || identity.user === 'anonymous@tenant/default/a')
          return isRefused && action === 'enqueue' && resource === 'q' ? 'rule 7' : undefined
        },
      },
    })
    await closed.forward()
    mesh.link(node('a'), closed)
    await settle()
    await enqueue(node('a'), 'c', 'x')
    await settle()
    const [info] = await waiting(node('a'))
    assert.equal(info?.forwarding?.attempts, 1)
    assert.match(info.forwarding.lastError, /rule 7 \(access_denied\)/)
    isRefused = false
    mesh.clock.advance(60_000)
    await settle()
    assert.deepEqual(await textsIn(closed), ['x'])
    assert.deepEqual(await waiting(node('a')), [])
  })

  test('too many that wait are refused', async () => {
    const { node, link, settle } = await openMesh('ab', 'ab')
    await node('a').forward({ depthMost: 2 })
    await settle()
    link('ab').cut()
    await enqueue(node('a'), 'b', '1', '2')
    await assert.rejects(enqueue(node('a'), 'b', '3'), isError('quota_exceeded'))
  })

  test('nobody fills the queues in which they wait', async () => {
    const { node } = await openForwarding('a')
    const client = node('a').bus.connect(anonymous)
    const message = outgoing(node('a'), 'b', 'x', '$msgbus.forward/tenant/default/b/q')
    await assert.rejects(client.queue.enqueue([message]), isError('reserved_name'))
  })

  test('arrive exactly once and in order, with frames lost, links cut and daemons killed', async () => {
    const step = fc.constantFrom(
      'enqueue',
      'enqueue',
      'pass',
      'pass',
      'settle',
      'cut',
      'killA',
      'killB',
    )
    const steps = fc.array(step, { minLength: 5, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(steps, async (actions) => {
        const opened = await openForwarding('ab', 'ab')
        const { mesh } = opened
        let [a, b] = [opened.node('a'), opened.node('b')]
        let link = opened.link('ab')
        const sent: string[] = []
        for (const action of actions) {
          switch (action) {
            case 'enqueue':
              sent.push(String(sent.length), String(sent.length + 1))
              await enqueue(a, 'b', ...sent.slice(-2))
              break
            case 'pass':
              mesh.clock.advance(5)
              await new Promise(setImmediate)
              await link.pass()
              break
            case 'settle':
              await mesh.settle()
              break
            case 'cut':
              link.cut()
              break
            case 'killA':
              a = await mesh.restart(a)
              break
            case 'killB':
              b = await mesh.restart(b)
          }
          if (!link.isUp) link = mesh.link(a, b)
        }
        for (let round = 0; (await waiting(a)).length > 0; round++) {
          assert.ok(round < 10, 'it never ends')
          await mesh.settle()
          mesh.clock.advance(answerWithinMs)
        }
        assert.deepEqual(await textsIn(b), sent)
      }),
      { numRuns: runs },
    )
  })
})
