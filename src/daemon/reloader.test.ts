/** A daemon that reads its configuration again: what counts at once, what it says of the rest, and faults that change nothing. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { connectLazy } from '../client/index.ts'
import { silentLogger } from '../core/logger.ts'
import { loadConfig } from './config.ts'
import { parseConfigFile } from './config-file.ts'
import { startDaemon } from './daemon.ts'

const section = `
storage: { engine: memory }
protocols:
  grpc: { listen: 127.0.0.1:0 }
  http: { listen: 'off' }
  tmb: { listen: 'off' }
  mqtt: { listen: 'off' }
  busrt: { listen: 'off' }
`

async function start(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-reload-'))
  const path = join(folder, 'config.yaml')
  const write = (changed: string) => writeFileSync(path, `${section}${changed}`)
  write(text)
  const flags = new Map([['storage.data', join(folder, 'data')]])
  const load = () => {
    return loadConfig({ flags, env: {}, file: parseConfigFile(path, readFileSync(path, 'utf8')) })
  }
  const daemon = await startDaemon(load(), silentLogger, undefined, async () => load())
  await daemon.ready
  const client = connectLazy(daemon.listeners[0]?.address ?? '')
  t.after(async () => {
    client.close()
    await daemon.stop()
    rmSync(folder, { recursive: true })
  })
  return { daemon, client, write }
}

const open = "rules: [{ allow: all, to: any, on: '#' }]"
const publicOnly = 'rules: [{ allow: all, to: any, on: public/# }]'

describe('reading again', () => {
  test('rules count at once, for what runs already too', async (t) => {
    const { daemon, client, write } = await start(t, open)
    await client.publish('t', '1')
    const seen: string[] = []
    const subscription = client.subscribe('#', { from: 'earliest' })
    const ended = (async () => {
      for await (const message of subscription) seen.push(message.topic)
    })().catch((error: unknown) => error)
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    write(publicOnly)
    assert.deepEqual(await daemon.reload(), [])
    await assert.rejects(client.publish('t', '2'), { reason: 'access_denied' })
    await client.publish('public/x', '3')
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(seen, ['t', 'public/x'])
    await subscription.close()
    await ended
  })

  test('what counts after a restart is said', async (t) => {
    const { daemon, write } = await start(t, open)
    write(`${open}\nlimits: { topicBytes: 100 }\nlog: { level: warn }`)
    assert.deepEqual(await daemon.reload(), [
      'limits has changed: that counts after a restart',
      'log has changed: that counts after a restart',
    ])
  })

  test('with faults nothing changes, and all of them are told', async (t) => {
    const { daemon, client, write } = await start(t, open)
    write(`rules: [{ allow: fly, to: any }, { allow: all, deny: all, to: any }]\nnonsense: 1`)
    await assert.rejects(daemon.reload(), (error: Error) => {
      for (const part of ['rules.0.allow', 'rules.1', 'nonsense']) {
        assert.ok(error.message.includes(part), `${part} is not in ${error.message}`)
      }
      return true
    })
    await client.publish('t', 'still allowed')
    await assert.rejects(client.access.reload(), { reason: 'bad_config' })
  })

  test('a client is told who it is, and every client may ask about itself', async (t) => {
    const { client } = await start(t, publicOnly)
    const who = await client.access.whoAmI()
    assert.deepEqual([who.user, who.method, who.open], ['anonymous', 'none', false])
    const answer = await client.access.explain('publish', 'secret')
    assert.deepEqual([answer.allowed, answer.rule], [false, 'no rule allows it'])
    await assert.rejects(client.access.explain('publish', 'x', { user: 'root' }), {
      reason: 'access_denied',
    })
    await assert.rejects(client.access.addUser('me'), { reason: 'access_denied' })
    await assert.rejects(client.access.tailAudit(), { reason: 'access_denied' })
  })

  test('who would get a message, over several kinds of subscription', async (t) => {
    const { client } = await start(t, open)
    const subscription = client.subscribe('home/#', { from: 'now' })
    const reading = (async () => {
      for await (const _ of subscription);
    })()
    let receivers: readonly { filters: readonly string[]; receives: boolean }[] = []
    while (receivers.length === 0) {
      receivers = (await client.access.explainTopic('home/lamp')).receivers
    }
    assert.deepEqual(
      receivers.map(({ filters, receives }) => [filters, receives]),
      [[['home/#'], true]],
    )
    assert.deepEqual((await client.access.explainTopic('garden')).receivers, [])
    await subscription.close()
    await reading
  })
})
