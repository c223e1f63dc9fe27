// Proves that event streams go on without gap or repeat after the daemon was killed and started again, whenever it was
// killed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchJson, MessageJson } from '../../src/wire/http-api.ts'
import { EventReader } from '../conformance/http/event-reader.ts'
import { cleanUp } from './clean-up.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'

const kills = 4
const messagesPerLife = 40

function httpOf(daemon: DaemonProcess): string {
  const http = daemon.info.listeners.find(({ protocol }) => protocol === 'http')
  return `http://${http?.address ?? ''}`
}

test(
  'an event stream resumes after kill -9 without gap or repeat',
  { timeout: 120_000 },
  async (t) => {
    const data = temporaryFolder(t)
    let http = '127.0.0.1:0'
    let lastEventId = ''
    const received: MessageJson[] = []
    let base = ''
    for (let life = 0; life <= kills; life++) {
      const daemon = await startDaemon(t, { data, args: ['--http', http, '--tmb', 'off'] })
      base = httpOf(daemon)
      // The same address again, as a browser would come back to.
      http = base.slice('http://'.length)
      const headers: Record<string, string> =
        lastEventId === '' ? {} : { 'last-event-id': lastEventId }
      const reader = await EventReader.open(
        `${base}/v1/subscribe?filter=a/%23&start=earliest`,
        headers,
      )
      cleanUp(t, () => reader.close())
      assert.equal(reader.response.statusCode, 200)
      const over = new AbortController()
      // Four publishers at once; what they had under way when the daemon is killed may be stored or not.
      const publishers = [0, 1, 2, 3].map(async (publisher) => {
        for (let i = 0; !over.signal.aborted; i++) {
          const url = `${base}/v1/publish?topic=a/${publisher}`
          await fetch(url, { method: 'POST', body: `${life} ${i}` }).catch(() => undefined)
        }
      })
      const enough = received.length + messagesPerLife
      while (received.length < enough) {
        const { message, event } = await reader.message()
        assert.ok(event.id !== undefined)
        received.push(message)
      }
      over.abort()
      if (life < kills) {
        daemon.kill('SIGKILL')
        await Promise.all([...publishers, daemon.exited])
        // What had come before the end counts.
        for (let event = await reader.next(); event !== undefined; event = await reader.next()) {
          if (event.type === 'message') received.push(JSON.parse(event.data) as MessageJson)
        }
        lastEventId = reader.lastEventId
        continue
      }
      await Promise.all(publishers)
      // What is stored now is all there is; a last one tells that everything has come.
      await fetch(`${base}/v1/publish?topic=a/end`, { method: 'POST', body: 'end' })
      while (received.at(-1)?.topic !== 'a/end') received.push((await reader.message()).message)
    }
    for (const publisher of [0, 1, 2, 3]) {
      const topic = `a/${publisher}`
      const stored: MessageJson[] = []
      for (let next = 1; ;) {
        const response = await fetch(`${base}/v1/fetch?topic=${topic}&from=${next}&limit=1000`)
        const page = (await response.json()) as FetchJson
        stored.push(...page.messages)
        if (page.messages.length === 0) break
        next = page.next
      }
      assert.ok(stored.length > kills)
      assert.deepEqual(
        received.filter((message) => message.topic === topic),
        stored,
      )
    }
    const sequences = received.map(({ sequence }) => sequence)
    assert.deepEqual(
      sequences,
      [...new Set(sequences)].sort((a, b) => a - b),
    )
  },
)
