// Proves that the HTTP listener of the real daemon tells what happened: probes and counters.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaemon } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

/** Values by name of metrics without labels. */
async function scrape(address: string): Promise<Map<string, number>> {
  const response = await fetch(`http://${address}/metrics`)
  assert.equal(response.status, 200)
  const lines = (await response.text()).split('\n')
  const samples = lines.filter((line) => /^[a-z_0-9]+ /.test(line)).map((line) => line.split(' '))
  return new Map(samples.map(([name = '', value]) => [name, Number(value)]))
}

test('probes and metrics follow what the daemon does', async (t) => {
  const args = ['--storage', 'memory', '--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args })
  const http = daemon.info.listeners.find(({ protocol }) => protocol === 'http')?.address ?? ''
  for (const page of ['healthz', 'readyz']) {
    assert.equal((await fetch(`http://${http}/${page}`)).status, 200, page)
  }
  const before = await scrape(http)
  assert.equal(before.get('msgbus_messages_published_total'), 0)
  assert.equal(before.get('msgbus_ready'), 1)
  for (const [name, value] of before) assert.ok(Number.isFinite(value), `${name} ${value}`)

  const client = connectV1(t, daemon.address)
  const payload = Buffer.from('12345')
  for (let i = 0; i < 3; i++) await client.call('Publish', { topic: `t${i}`, payload })
  await client.call('EnqueueFifo', { topic: 't', queue: 'q', target: {}, payload })
  await client.call('DeleteRange', { topic: 't0', from_head_id: 1, to_head_id: 1 })
  const after = await scrape(http)
  assert.equal(after.get('msgbus_messages_published_total'), 3)
  assert.equal(after.get('msgbus_payload_published_bytes_total'), 15)
  assert.equal(after.get('msgbus_queue_messages_enqueued_total'), 1)
  assert.equal(after.get('msgbus_messages_deleted_total'), 1)
  // Three topics, and that of the delete markers.
  assert.equal(after.get('msgbus_store_logs'), 4)
})
