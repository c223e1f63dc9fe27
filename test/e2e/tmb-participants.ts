/** TMB as participants of a test of all protocols (spec/tmb 2, 10.3, 10.4): over TCP, over WebSocket, and as a person with telnet. */

import { once } from 'node:events'
import { createConnection } from 'node:net'
import { WebSocket } from 'ws'
import { cleanUp, type Scope } from './clean-up.ts'
import type { DaemonProcess } from './daemon-process.ts'
import { LineSplitter } from './line-splitter.ts'
import {
  addressOf,
  Arrivals,
  deferred,
  type Participant,
  type Received,
  rootTopic,
  type Sample,
  start,
} from './participant.ts'

/** Spec/tmb 10.4 */
const base64Mark = Buffer.from('=base64 ')

const hasLineFeed = ({ payload }: Sample) => payload.includes(10)
function tmbLine({ topic, payload, separator = '20' }: Sample): Buffer {
  const parts = [Buffer.from(`:${topic}`), Buffer.from(separator, 'hex'), payload]
  return Buffer.concat([...parts, Buffer.from('\n')])
}

function fromTmbLine(line: Buffer): Received {
  const text = line.toString('latin1')
  const end = text.search(/[ \t\v\f\r]/)
  if (end === -1) return { topic: text.slice(1), payload: Buffer.alloc(0), separator: '' }
  const separator = line.toString('hex', end, end + 1)
  const rest = line.subarray(end + 1)
  const isEncoded = rest.subarray(0, base64Mark.length).equals(base64Mark)
  const payload = isEncoded
    ? Buffer.from(rest.toString('latin1', base64Mark.length), 'base64')
    : Buffer.from(rest)
  return {
    topic: text.slice(1, end),
    payload,
    separator: separator === '20' ? undefined : separator,
  }
}

const tmbSubscription = `option binary base64\ns 1 begins-with ${rootTopic}/\n`

/** Takes lines of a TMB server; `ready` resolves with the answer to the subscription. */
function tmbParticipant(write: (bytes: Buffer) => void) {
  const arrivals = new Arrivals()
  const { promise: ready, resolve: subscribed } = deferred()
  const lines = new LineSplitter((line) => {
    if (line[0] === 0x3a) arrivals.add(fromTmbLine(line))
    else if (line.toString() === 'ok subscribe 1 added') subscribed()
  })
  const participant: Participant = {
    ways: { line: { publish: (sample) => write(tmbLine(sample)), carries: isLine } },
    next: () => arrivals.next(),
    seesSeparator: true,
  }
  return { arrivals, lines, ready, participant }
}

/** A CR before the line end would be taken for a part of it (spec/tmb 1.2). */
function isLine(sample: Sample): boolean {
  return !hasLineFeed(sample) && sample.payload.at(-1) !== 13
}

export async function joinTmb(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const [host = '', port] = addressOf(daemon, 'tmb').split(/:(?=\d+$)/)
  const socket = createConnection({ host, port: Number(port) })
  cleanUp(t, () => socket.destroy())
  const { arrivals, lines, ready, participant } = tmbParticipant((bytes) => socket.write(bytes))
  socket.on('data', (chunk) => lines.push(chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => arrivals.end())
  socket.write(tmbSubscription)
  await ready
  return participant
}

export async function joinTmbWebSocket(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const socket = new WebSocket(`ws://${addressOf(daemon, 'http')}/tmb`, 'tmb.v1')
  cleanUp(t, () => socket.terminate())
  const { arrivals, lines, ready, participant } = tmbParticipant((bytes) => socket.send(bytes))
  socket.on('message', (data) => lines.push(data as Buffer))
  socket.on('close', () => arrivals.end())
  await once(socket, 'open')
  socket.send(tmbSubscription)
  await ready
  return participant
}

/** What a person types and reads; telnet takes some bytes for its own. */
export async function joinTelnet(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const [host = '', port = ''] = addressOf(daemon, 'tmb').split(/:(?=\d+$)/)
  const child = start(t, 'telnet', [host, port])
  const { arrivals, lines, ready, participant } = tmbParticipant((bytes) =>
    child.stdin?.write(bytes),
  )
  child.stdout?.on('data', (chunk: Buffer) => lines.push(chunk))
  child.on('close', () => arrivals.end())
  child.stdin?.write(tmbSubscription)
  await ready
  const publish = (sample: Sample) => child.stdin?.write(tmbLine(sample))
  const carries = (sample: Sample) => isText(sample) && isLine(sample)
  return { ...participant, ways: { typed: { publish, carries } }, shows: isText }
}

function isText({ payload }: Sample): boolean {
  if (payload.length > 1_000) return false
  return payload.every((byte) => byte === 10 || (byte >= 32 && byte < 127))
}
