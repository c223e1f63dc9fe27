/**
 * Programs of every protocol as participants of one test: each publishes in its own ways and gets what is published below
 * `every/`. A protocol that comes is one more entry of `participants`.
 */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { withoutChromium } from '../browser/page-harness.ts'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { connect } from '../../src/client/index.ts'
import { cleanUp, type Scope } from './clean-up.ts'
import { openClientPage } from './client-page.ts'
import type { DaemonProcess } from './daemon-process.ts'
import { LineSplitter } from './line-splitter.ts'
import { joinMqtt4, joinMqtt5 } from './mqtt-participants.ts'
import {
  addressOf,
  Arrivals,
  deferred,
  type Participant,
  type ParticipantKind,
  type Received,
  rootTopic,
  type Sample,
  start,
  without,
} from './participant.ts'
import { joinWamp } from './wamp-participants.ts'
import { joinTelnet, joinTmb, joinTmbWebSocket } from './tmb-participants.ts'

const isBlank = ({ separator }: Sample) => separator === undefined

export const participants: readonly ParticipantKind[] = [
  { name: 'TMB over TCP', skip: false, join: joinTmb },
  { name: 'TMB over WebSocket', skip: false, join: joinTmbWebSocket },
  { name: 'telnet', skip: without('telnet', '/usr/bin/telnet'), join: joinTelnet },
  { name: 'gRPC', skip: false, join: joinGrpc },
  { name: 'BUS/RT', skip: false, join: joinBusrt },
  { name: 'MQTT 3.1.1', skip: false, join: joinMqtt4 },
  { name: 'MQTT 5.0', skip: false, join: joinMqtt5 },
  { name: 'WAMP in JSON', skip: false, join: joinWamp },
  { name: 'curl', skip: without('curl', '--version'), join: joinCurl },
  { name: 'browser', skip: withoutChromium, join: joinBrowser },
]

// gRPC and the client for pages: the same API

async function joinGrpc(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  const arrivals = new Arrivals()
  const subscription = client.subscribe(`${rootTopic}/#`, { from: 'now' })
  const taking = (async () => {
    for await (const { topic, payload, headers } of subscription) {
      arrivals.add({ topic, payload: Buffer.from(payload), separator: headers.get('tmb-sep') })
    }
    arrivals.end()
  })()
  cleanUp(t, () => taking)
  cleanUp(t, () => subscription.close())
  await subscription.ready()
  return {
    ways: {
      stored: {
        publish: ({ topic, payload, separator }) =>
          client.publish(topic, payload, { headers: headersOf(separator) }),
      },
      'not stored': {
        publish: ({ topic, payload, separator }) =>
          client.publish(topic, payload, { headers: headersOf(separator), stored: false }),
      },
    },
    next: () => arrivals.next(),
    seesSeparator: true,
  }
}

function headersOf(separator: string | undefined): Record<string, string> {
  return separator === undefined ? {} : { 'tmb-sep': separator }
}

/** Runs in the page, with the client as it is shipped. */
const pageScript = `
  import { connect } from '/modules/src/client/browser.js'
  const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  const base64Of = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  const client = await connect()
  const subscription = client.subscribe('${rootTopic}/#', { from: 'now' })
  window.publish = async ({ topic, base64, headers, stored }) => {
    await client.publish(topic, bytesOf(base64), stored ? { headers } : { headers, stored })
  }
  await subscription.ready()
  window.told(null)
  for await (const { topic, payload, headers } of subscription) {
    window.told({ topic, base64: base64Of(payload), separator: headers.get('tmb-sep') })
  }
`

async function joinBrowser(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const origin = `http://${addressOf(daemon, 'http')}`
  const arrivals = new Arrivals()
  const { promise: ready, resolve: subscribed } = deferred()
  const page = await openClientPage(t, origin, pageScript, (message: PageMessage | null) => {
    if (message === null) subscribed()
    else {
      const { topic, base64, separator } = message
      arrivals.add({ topic, payload: Buffer.from(base64, 'base64'), separator })
    }
  })
  await ready
  const publish = (stored: boolean) => ({
    publish: ({ topic, payload, separator }: Sample) => {
      const headers = headersOf(separator)
      const given = { topic, base64: payload.toString('base64'), headers, stored }
      return page.evaluate(`window.publish(${JSON.stringify(given)})`)
    },
  })
  return {
    ways: { stored: publish(true), 'not stored': publish(false) },
    next: () => arrivals.next(),
    seesSeparator: true,
  }
}

interface PageMessage {
  readonly topic: string
  readonly base64: string
  readonly separator?: string | undefined
}

// BUS/RT: no headers

async function joinBusrt(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const arrivals = new Arrivals()
  const client = await connectBusrt({
    address: join(daemon.data, 'busrt.sock'),
    name: 'participant',
    reconnect: false,
    onFrame: ({ topic = '', payload }) => arrivals.add({ topic, payload: Buffer.from(payload) }),
  })
  cleanUp(t, () => client.close())
  await client.subscribe(`${rootTopic}/#`)
  const publish = (qos: 'none' | 'processed') => ({
    publish: ({ topic, payload }: Sample) => client.publish(topic, payload, { qos }),
    carries: isBlank,
  })
  return {
    ways: { 'QoS 0': publish('none'), 'QoS 1': publish('processed') },
    next: () => arrivals.next(),
    seesSeparator: false,
  }
}

// HTTP, as people use it

async function joinCurl(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const origin = `http://${addressOf(daemon, 'http')}`
  const arrivals = new Arrivals()
  const filter = encodeURIComponent(`${rootTopic}/#`)
  const child = start(t, 'curl', ['-sSN', '--include', `${origin}/v1/subscribe?filter=${filter}`])
  const ready = new Promise<void>((resolve) => {
    const lines = new LineSplitter((line) => {
      const text = line.toString()
      // The stream begins with how long to wait before coming back.
      if (text.startsWith('retry:')) resolve()
      if (text.startsWith('data: {"topic"')) arrivals.add(fromEvent(text.slice(6)))
    })
    child.stdout?.on('data', (chunk: Buffer) => lines.push(chunk))
  })
  child.on('close', () => arrivals.end())
  await ready
  const publish = (query: string) => ({
    publish: (sample: Sample) => post(`${origin}/v1/publish?topic=${sample.topic}${query}`, sample),
  })
  return {
    ways: { stored: publish(''), 'not stored': publish('&stored=false') },
    next: () => arrivals.next(),
    seesSeparator: true,
  }
}

function fromEvent(data: string): Received {
  const message = JSON.parse(data) as {
    readonly topic: string
    readonly text?: string
    readonly base64?: string
    readonly headers: Readonly<Record<string, string>>
  }
  const { topic, text, base64 = '', headers } = message
  const payload = text === undefined ? Buffer.from(base64, 'base64') : Buffer.from(text)
  return { topic, payload, separator: headers['tmb-sep'] }
}

function post(url: string, { payload, separator }: Sample): Promise<void> {
  const header =
    separator === undefined
      ? []
      : ['-H', `msgbus-header-tmb-sep${separator === '' ? ';' : `: ${separator}`}`]
  const type = ['-H', 'content-type: application/octet-stream']
  const args = ['-sS', '--fail-with-body', ...type, ...header, '--data-binary', '@-', url]
  return new Promise((resolve, reject) => {
    const child = execFile('curl', args, (error, stdout) => {
      if (error === null) resolve()
      else reject(new Error(`curl ${url}: ${stdout}`, { cause: error }))
    })
    child.stdin?.end(payload)
  })
}
