// One bus: what is published by any program of any protocol arrives at every program of every other one, once, with the
// same bytes, in the order in which it was sent, as spec/tmb 10 and the pages under docs/protocols map them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaemon } from './daemon-process.ts'
import { type Participant, type Received, rootTopic, type Sample } from './participant.ts'
import { participants } from './participants.ts'

interface Content extends Omit<Sample, 'topic'> {
  readonly what: string
}

/** All bytes but LF, which no line can have; the last one is no CR, which would belong to the line end. */
const everyByte = Buffer.from(
  Array.from({ length: 256 }, (_, i) => 255 - i).filter((i) => i !== 10),
)

const contents: readonly Content[] = [
  { what: 'text', payload: Buffer.from('#666 grün') },
  { what: 'plain', payload: Buffer.from('as a person types it') },
  { what: 'empty', payload: Buffer.alloc(0) },
  { what: 'blanks', payload: Buffer.from('  both ends  ') },
  { what: 'bytes', payload: everyByte },
  { what: 'large', payload: Buffer.alloc(60_000, 'x') },
  { what: 'lines', payload: Buffer.from('two\nlines\n') },
  { what: 'tab', payload: Buffer.from('after a tab'), separator: '09' },
  { what: 'alone', payload: Buffer.alloc(0), separator: '' },
]

interface Present {
  readonly name: string
  readonly participant: Participant
}

interface Sent extends Sample {
  /** Participant and way. */
  readonly sender: string
}

test('every sender reaches every receiver, once, with the same bytes, in order', async (t) => {
  const ports = ['--tmb', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const args = ['--storage', 'memory', ...ports]
  const daemon = await startDaemon(t, { args })
  const present: Present[] = []
  for (const { name, skip, join } of participants) {
    if (skip !== false) t.diagnostic(`without ${name}: ${skip}`)
    else present.push({ name, participant: await join(t, daemon) })
  }
  const sent: Sent[] = []
  let senders = 0
  for (const { name, participant } of present) {
    for (const [way, { publish, carries = () => true }] of Object.entries(participant.ways)) {
      senders += 1
      const sender = `${name} ${way}`
      for (const { what, payload, separator } of [...contents, endOf(sender)]) {
        const topic = `${rootTopic}/${senders}/${what}`
        const sample = { sender, topic, payload, separator }
        if (!carries(sample)) continue
        await publish(sample)
        sent.push(sample)
      }
    }
  }
  // Behind everything, so that what comes twice is seen.
  await present[0]?.participant.ways['line']?.publish({
    topic: lastTopic,
    payload: Buffer.alloc(0),
  })
  for (const { name, participant } of present) {
    const { shows = () => true } = participant
    await t.test(`${sent.length} messages of ${senders} senders to ${name}`, async (each) => {
      const received = await receive(participant, senders)
      for (const sender of new Set(sent.map((sample) => sample.sender))) {
        await each.test(`from ${sender}`, () => {
          const ofSender = sent.filter((sample) => sample.sender === sender)
          const expected = ofSender.filter(shows).map((sample) => seenBy(participant, sample))
          const hidden = new Set(
            ofSender.filter((sample) => !shows(sample)).map(({ topic }) => topic),
          )
          const places = new Set(ofSender.map(({ topic }) => placeOf(topic)))
          const got = received.filter(
            ({ topic }) => places.has(placeOf(topic)) && !hidden.has(topic),
          )
          assert.deepEqual(got.map(shown), expected.map(shown))
          for (const [i, { payload }] of got.entries()) {
            assert.deepEqual(payload, expected[i]?.payload)
          }
        })
      }
    })
  }
})

const lastTopic = `${rootTopic}/last`

/** The last message of a sender, behind which nothing else of it comes. */
function endOf(sender: string): Content {
  return { what: 'end', payload: Buffer.from(`end of ${sender.replace(/[^ -~]/g, '')}`) }
}

async function receive(participant: Participant, senders: number): Promise<Received[]> {
  const received: Received[] = []
  let ends = 0
  let isLast = false
  while (ends < senders || !isLast) {
    const message = await participant.next()
    assert.ok(message !== undefined, `the connection ended after ${received.length} messages`)
    received.push(message)
    if (message.topic.endsWith('/end')) ends += 1
    isLast ||= message.topic === lastTopic
  }
  return received
}

function seenBy({ seesSeparator }: Participant, sample: Sample): Received {
  return seesSeparator ? sample : { ...sample, separator: undefined }
}

/** What all topics of a sender have in common. */
function placeOf(topic: string): string {
  return topic.slice(0, topic.lastIndexOf('/'))
}

/** Enough to tell which one it is when a comparison fails. */
function shown({ topic, payload, separator }: Received): string {
  return `${topic} ${payload.length} bytes, separator ${separator ?? 'as usual'}`
}
