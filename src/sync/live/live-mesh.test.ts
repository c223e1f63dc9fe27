/** Live traffic between buses, over links in one process: who hears what, once, and what happens when links go. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { PlainContent } from '../../core/calls.ts'
import { BusError, type ErrorReason } from '../../model/errors.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { noHeaders } from '../../model/message.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import { waitMs } from './live-mesh.ts'
import { forgetAfterMs } from './mesh-map.ts'
import { at, openMesh, type TestMeshNode } from './live-mesh-suite.ts'

const bytes = (text: string) => Buffer.from(text)
const content = (text: string) => new PlainContent(bytes(text), noHeaders)
const textOf = ({ payload }: { payload: Uint8Array }) => Buffer.from(payload).toString()
const nothing = () => undefined
const isError = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

function callFrom({ bus }: TestMeshNode, procedure: string, payload: string, signal?: AbortSignal) {
  const caller = bus.connect({ user: 'ann', groups: [], method: 'none' })
  return caller.calls.call({ procedure, payload: bytes(payload), headers: noHeaders, signal })
}

describe('publications', () => {
  test('reach subscribers of other nodes once, over any number of nodes', async () => {
    const { node, settle } = await openMesh('abcd', 'ab', 'bc', 'cd')
    const near = node('b').join('near').subscribe('t/#')
    const far = node('d').join('far').subscribe('t/one', 't/+')
    const [publisher, here] = [node('a').join('pub'), node('a').join('here').subscribe('t/#')]
    await settle()
    publisher.publish('t/one', 'x', undefined, new Map([['k', 'v']]), true)
    publisher.publish('other', 'y')
    await settle()
    const sent = { kind: 'publication', topic: 't/one', text: 'x', sequence: 0, realtime: true }
    assert.deepEqual(here.inbox.seen, [{ ...sent, sender: 'pub' }])
    assert.deepEqual(near.inbox.seen, [{ ...sent, sender: at('pub', 'a') }])
    assert.deepEqual(far.inbox.seen, [{ ...sent, sender: at('pub', 'a') }])
  })

  test('nothing crosses a link to where nobody wants it, and wishes are forgotten', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    const sink = node('b').join('sink').subscribe('t')
    const source = node('a').join('source')
    await settle()
    const before = node('a').mesh.counters.sentRecords
    source.publish('u', 'x')
    assert.equal(node('a').mesh.counters.sentRecords, before)
    sink.unsubscribe('t')
    await settle()
    const after = node('a').mesh.counters.sentRecords
    source.publish('t', 'x')
    assert.equal(node('a').mesh.counters.sentRecords, after)
    assert.deepEqual(sink.texts, [])
  })

  test('come once where there are several ways, in the order in which they were published', async () => {
    const { node, settle } = await openMesh('abcd', 'ab', 'bc', 'cd', 'ad', 'ac')
    const sinks = ['b', 'c', 'd'].map((name) => node(name).join('sink').subscribe('#'))
    const source = node('a').join('source')
    await settle()
    const texts = Array.from({ length: 200 }, (_, i) => String(i))
    for (const text of texts) source.publish('t', text)
    await settle()
    for (const sink of sinks) assert.deepEqual(sink.texts, texts)
  })

  test('find another way when a link breaks', async () => {
    const { node, link, settle } = await openMesh('abcd', 'ab', 'bc', 'cd', 'ad')
    const sink = node('b').join('sink').subscribe('t')
    const source = node('a').join('source')
    await settle()
    source.publish('t', 'straight')
    await settle()
    link('ab').cut()
    await settle()
    source.publish('t', 'around')
    await settle()
    assert.deepEqual(sink.texts, ['straight', 'around'])
    link('ad').cut()
    await settle()
    assert.deepEqual(node('a').reaches, [])
    source.publish('t', 'lost')
    await settle()
    assert.deepEqual(sink.texts, ['straight', 'around'])
  })

  test('what is stored does not cross: it travels in logs', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    const sink = node('b').join('sink').subscribe('#')
    const source = node('a').join('source')
    await settle()
    await source.store('t', 'stored')
    source.publish('t', 'not stored')
    await settle()
    assert.deepEqual(sink.texts, ['not stored'])
    // As the half of the link that moves logs does it.
    const page = await node('a').store.read({ topic: 't', origin: node('a').bus.node }, 1, {
      messages: 10,
    })
    await node('b').store.replicate(page.messages)
    await settle()
    assert.deepEqual(sink.texts, ['not stored', 'stored'])
  })

  test('are not stored where they come to, whatever rules say there', async () => {
    const { mesh, node, settle } = await openMesh('a')
    const keeper = await mesh.node('k', {
      topicRules: [{ filter: parseTopicFilter('#'), store: 'always' }],
    })
    const sink = keeper.join('sink').subscribe('t')
    mesh.link(node('a'), keeper)
    await settle()
    node('a').join('source').publish('t', 'x')
    await settle()
    assert.deepEqual(sink.texts, ['x'])
    assert.deepEqual([...keeper.store.logs()], [])
    assert.equal(Buffer.from(keeper.bus.lastValue('t')?.payload ?? []).toString(), 'x')
  })

  test('rules of a peer say which topics cross', async () => {
    const { node, link, settle } = await openMesh('ab', 'ab')
    link('ab').forbidden.add('out secret').add('in private')
    const sink = node('b').join('sink').subscribe('#')
    await settle()
    for (const topic of ['secret', 'private', 'open']) node('a').join().publish(topic, topic)
    await settle()
    assert.deepEqual(sink.texts, ['open'])
    assert.equal(node('a').mesh.counters.denied, 1)
    assert.equal(node('b').mesh.counters.denied, 1)
  })

  test('each protocol keeps its own kind of filter', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    const mqtt = node('b').join('mqtt')
    mqtt.live.subscribe(levelFilter('mqtt', 'a/#'))
    const busrt = node('b').join('busrt').subscribe('a/#')
    const wamp = node('b').join('wamp')
    wamp.live.subscribe(levelFilter('wamp', 'a//c'))
    await settle()
    for (const topic of ['a', 'a/b', 'a/b/c']) node('a').join().publish(topic, topic)
    await settle()
    assert.deepEqual(mqtt.texts, ['a', 'a/b', 'a/b/c'])
    assert.deepEqual(busrt.texts, ['a/b', 'a/b/c'])
    assert.deepEqual(wamp.texts, ['a/b/c'])
  })

  test('publishers wait for a link that has no room, as long as it gets room soon', async () => {
    const { node, link, settle } = await openMesh('ab', 'ab')
    const sink = node('b').join('sink').subscribe('t')
    const source = node('a').join('source')
    await settle()
    const { ends } = link('ab')
    ends[0].room = 1
    link('ab').isHeld = true
    let sent = 0
    for (; !source.inbox.isPaused; sent++) {
      source.publish('t', 'x'.repeat(10_000))
      await new Promise(setImmediate)
    }
    link('ab').isHeld = false
    ends[0].room = Infinity
    await settle()
    assert.equal(source.inbox.isPaused, false)
    assert.equal(sink.texts.length, sent)
    assert.equal(node('a').mesh.counters.dropped, 0)
  })

  test('a link that stays without room costs bounded memory, holds nobody up for long, and what is lost is counted', async () => {
    const { mesh, node, link, settle } = await openMesh('abc', 'ab', 'ac')
    const [slow, quick] = ['b', 'c'].map((name) => node(name).join('sink').subscribe('t'))
    const source = node('a').join('source')
    await settle()
    link('ab').isHeld = true
    link('ab').ends[0].room = 1
    const text = 'x'.repeat(10_000)
    for (let i = 0; i < 300; i++) {
      source.publish('t', text)
      if (i % 50 === 0) await settle()
    }
    await settle()
    mesh.clock.advance(waitMs)
    assert.equal(source.inbox.isPaused, false)
    for (let i = 0; i < 100; i++) source.publish('t', text)
    assert.equal(source.inbox.isPaused, false)
    await settle()
    assert.equal(quick?.texts.length, 400)
    const { dropped } = node('a').mesh.counters
    assert.ok(dropped >= 100, `${dropped} dropped`)
    link('ab').ends[0].room = Infinity
    link('ab').isHeld = false
    await settle()
    assert.equal(slow?.texts.length, 400 - dropped)
  })
})

describe('direct messages', () => {
  test('go to client@node, and to a name that one node has', async () => {
    const { node, settle } = await openMesh('abc', 'ab', 'bc')
    const ben = node('c').join('ben')
    const ann = node('a').join('ann')
    await settle()
    assert.equal(ann.send(at('ben', 'c'), 'full'), 'sent')
    assert.equal(ann.send('ben@c', 'device'), 'sent')
    assert.equal(ann.send('ben', 'name'), 'sent')
    assert.equal(ann.send('carl', 'nobody'), 'unknown')
    assert.equal(ann.send('ben@b', 'not there'), 'unknown')
    await settle()
    assert.deepEqual(ben.texts, ['full', 'device', 'name'])
    // The name under which a message came is the one to answer to.
    assert.equal(ben.send(ben.inbox.seen[0]?.sender ?? '', 'answer'), 'sent')
    await settle()
    assert.deepEqual(ann.texts, ['answer'])
    assert.equal(ann.inbox.seen[0]?.sender, at('ben', 'c'))
  })

  test('whoever gets a message can answer at once, however short the sender has been there', async () => {
    const { node, mesh, settle } = await openMesh('abc', 'ab', 'bc')
    const ben = node('c').join('ben')
    await settle()
    ben.inbox.during = ({ sender }) => ben.send(sender, 'answer')
    const ann = node('a').join('ann')
    ann.send('ben', 'x')
    await new Promise(setImmediate)
    for (const link of [...mesh.links, ...mesh.links]) {
      await link.pass()
      await new Promise(setImmediate)
    }
    for (const link of mesh.links.toReversed()) {
      await link.pass()
      await new Promise(setImmediate)
    }
    assert.deepEqual(ann.texts, ['answer'])
  })

  test('a name here goes before the same name elsewhere', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    const [here, there] = [node('a').join('x'), node('b').join('x')]
    await settle()
    const ann = node('a').join('ann')
    ann.send('x', 'here')
    ann.send('x@a', 'here, too')
    ann.send('x@b', 'there')
    await settle()
    assert.deepEqual(here.texts, ['here', 'here, too'])
    assert.deepEqual(there.texts, ['there'])
  })

  test('an ambiguous name is refused with the names that would do', async () => {
    const { node, settle } = await openMesh('abc', 'ab', 'bc')
    const ann = node('a').join('ann')
    const first = node('b').join('x')
    node('c').join('x')
    await settle()
    assert.equal(ann.send('x', '?'), 'unknown')
    const error = ann.live.whyUnknown('x')
    assert.equal(error.reason, 'ambiguous_name')
    assert.ok(error.message.includes(at('x', 'b')) && error.message.includes(at('x', 'c')))
    first.close()
    await settle()
    assert.equal(ann.send('x', '!'), 'sent')
  })

  test('names go with their node, and come back with it', async () => {
    const { mesh, node, link, settle } = await openMesh('ab', 'ab')
    const ben = node('b').join('ben')
    const ann = node('a').join('ann')
    await settle()
    assert.equal(ann.send('ben', '1'), 'sent')
    await settle()
    link('ab').cut()
    assert.equal(ann.send('ben', '2'), 'unknown')
    mesh.link(node('a'), node('b'))
    await settle()
    assert.equal(ann.send('ben', '3'), 'sent')
    await settle()
    assert.deepEqual(ben.texts, ['1', '3'])
  })

  test('a node that was away for so long that it was forgotten is found again', async () => {
    const { mesh, node, link, settle } = await openMesh('abc', 'ab', 'bc')
    const ben = node('c').join('ben')
    const ann = node('a').join('ann')
    await settle()
    assert.equal(ann.send('ben@c', '1'), 'sent')
    await settle()
    link('bc').cut()
    await settle()
    mesh.clock.advance(forgetAfterMs + 1)
    await settle()
    mesh.link(node('b'), node('c'))
    await settle()
    assert.equal(ann.send('ben@c', '2'), 'sent')
    assert.equal(ben.send('ann@a', '3'), 'sent')
    await settle()
    assert.deepEqual(ben.texts, ['1', '2'])
    assert.deepEqual(ann.texts, ['3'])
  })

  test('broadcasts reach everybody whose name matches, wherever', async () => {
    const { node, settle } = await openMesh('abcd', 'ab', 'bc', 'ca', 'cd')
    const clients = ['a', 'b', 'c', 'd'].map((name) => node(name).join(`worker.${name}`))
    const other = node('d').join('other')
    await settle()
    assert.equal(node('a').join('ann').broadcast('worker.*', 'hello'), 4)
    await settle()
    for (const client of clients) assert.deepEqual(client.texts, ['hello'])
    assert.deepEqual(other.texts, [])
  })
})

describe('calls', () => {
  test('go to the node that offers a procedure, or to the one that is named', async () => {
    const { node, settle } = await openMesh('abc', 'ab', 'bc')
    for (const name of ['b', 'c']) {
      const callee = node(name).bus.connect({ user: 'x', groups: [], method: 'none' })
      callee.calls.register('where', ({ payload, headers, caller }) => {
        assert.equal(caller, '')
        return Promise.resolve({
          payload: bytes(`${name} ${Buffer.from(payload).toString()}`),
          headers,
        })
      })
    }
    await settle()
    const answers = [callFrom(node('a'), 'where', '1'), callFrom(node('a'), 'where@c', '2')]
    await settle()
    const texts = (await Promise.all(answers)).map(({ payload }) => Buffer.from(payload).toString())
    assert.deepEqual(texts, ['b 1', 'c 2'])
    await assert.rejects(callFrom(node('a'), 'nowhere', ''), isError('no_such_procedure'))
    const missing = callFrom(node('a'), 'nowhere@c', '')
    missing.catch(() => undefined)
    await settle()
    await assert.rejects(missing, isError('no_such_procedure'))
    assert.equal(node('a').mesh.callsInFlight + node('c').mesh.callsInFlight, 0)
  })

  test('a caller is told when a link on the way breaks, and the callee that it may stop', async () => {
    const { node, link, settle } = await openMesh('abc', 'ab', 'bc')
    let signal: AbortSignal | undefined
    const callee = node('c').bus.connect({ user: 'x', groups: [], method: 'none' })
    callee.calls.register('slow', (invocation) => {
      signal = invocation.signal
      return new Promise(() => undefined)
    })
    await settle()
    const answer = callFrom(node('a'), 'slow', '')
    answer.catch(() => undefined)
    await settle()
    assert.equal(signal?.aborted, false)
    link('bc').cut()
    await settle()
    await assert.rejects(answer, isError('callee_gone'))
    assert.equal(signal?.aborted, true)
  })

  test('answers come in parts where both sides can', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    const callee = node('b').bus.connect({ user: 'x', groups: [], method: 'none' })
    const features = {
      canBeInterrupted: false,
      takesProgressiveCalls: false,
      takesPassthru: false,
      watchesTimeouts: false,
      passesOn: false,
    }
    callee.calls.offer(
      {
        procedure: 'count',
        match: 'exact',
        invoke: 'single',
        concurrency: Infinity,
        queuePlaces: 0,
        replaces: false,
        disclosesCaller: false,
        forwardTimeout: false,
      },
      {
        features,
        isFull: false,
        invoke: (served) => {
          assert.equal(served.receivesProgress, true)
          for (const text of ['1', '2']) served.progress(content(text))
          served.answer(content('3'))
        },
        continue: nothing,
        interrupt: nothing,
        revoked: nothing,
      },
    )
    await settle()
    const seen: string[] = []
    const caller = node('a').bus.connect({ user: 'y', groups: [], method: 'none' })
    caller.calls.begin(
      {
        procedure: 'count',
        content: content(''),
        timeoutMs: Infinity,
        receivesProgress: true,
        isProgressive: false,
        isPassthru: false,
        disclosesCaller: false,
      },
      {
        progress: (_, part) => seen.push(`part ${textOf(part)}`),
        answered: (_, answer) => seen.push(`answer ${textOf(answer)}`),
        failed: (_, error) => seen.push(error.reason),
      },
      0,
    )
    await settle()
    assert.deepEqual(seen, ['part 1', 'part 2', 'answer 3'])
  })

  test('whoever gives up stops the callee', async () => {
    const { node, settle } = await openMesh('ab', 'ab')
    let signal: AbortSignal | undefined
    const callee = node('b').bus.connect({ user: 'x', groups: [], method: 'none' })
    callee.calls.register('slow', (invocation) => {
      signal = invocation.signal
      return new Promise(() => undefined)
    })
    await settle()
    const abort = new AbortController()
    const answer = callFrom(node('a'), 'slow', '', abort.signal)
    answer.catch(() => undefined)
    await settle()
    abort.abort()
    await assert.rejects(answer, isError('cancelled'))
    await settle()
    assert.equal(signal?.aborted, true)
    assert.equal(node('b').mesh.callsInFlight, 0)
  })
})

test('rules are asked about whoever comes by a link, under the name of user and node', async () => {
  const { mesh, node, settle } = await openMesh('a')
  const asked: string[] = []
  const closed = await mesh.node('c', {
    access: {
      isOpen: false,
      version: 1,
      refusal: ({ identity }, action, resource) => {
        const { user, groups, method } = identity
        if (!groups.includes('peers')) return undefined
        asked.push(`${user} ${method} ${action} ${resource}`)
        return resource.startsWith('no') ? 'rule 3' : undefined
      },
    },
  })
  const sink = closed.join('sink').subscribe('#')
  const hidden = closed.join('nobody')
  mesh.link(node('a'), closed)
  await settle()
  const ann = { user: 'ann', groups: ['x'], method: 'password' } as const
  const known = node('a').join('ann', { identity: ann })
  known.publish('no/t', 'x')
  known.publish('t', 'y')
  known.send('nobody', 'x')
  node('a').join().publish('t', 'z')
  const caller = node('a').bus.connect(ann)
  const call = { procedure: 'nothing@c', payload: bytes(''), headers: noHeaders }
  const refused = caller.calls.call(call)
  refused.catch(() => undefined)
  await settle()
  await assert.rejects(refused, isError('access_denied'))
  assert.deepEqual(sink.texts, ['y', 'z'])
  assert.deepEqual(hidden.texts, [])
  assert.deepEqual(asked.slice(0, 4), [
    'ann@tenant/default/a link publish no/t',
    'ann@tenant/default/a link publish t',
    'ann@tenant/default/a link send nobody',
    'anonymous@tenant/default/a none publish t',
  ])
  assert.equal(closed.mesh.counters.denied, 2)
})

test('without links nothing of it is left in the bus', async () => {
  const { node, link, settle } = await openMesh('ab', 'ab')
  node('a').join('ann').subscribe('t')
  await settle()
  link('ab').cut()
  assert.equal(node('a').bus.live.remote, undefined)
  assert.deepEqual(
    node('a')
      .bus.clients()
      .map(({ name }) => name),
    ['ann'],
  )
  assert.equal(node('a').bus.live.router.size, 1)
})
