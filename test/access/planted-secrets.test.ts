// A real daemon that logs everything, asked with planted passwords and tokens, right and wrong, by several protocols: none
// of them is in what anybody can see of it afterwards.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { connectLazy } from '../../src/client/index.ts'
import { runMsgbus } from '../e2e/cli-process.ts'
import { startDaemon, temporaryFolder } from '../e2e/daemon-process.ts'

const secrets = {
  right: 'planted-right-4711',
  wrong: 'planted-wrong-4712',
  token: 'mbt_000000000000_planted-token-4713',
  asUser: 'planted-user-4714',
}
/** What all of them have, whatever is cut off. */
const mark = 'planted-'

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

test('planted secrets are in no log, error, listing, metric or file', async (t) => {
  const folder = temporaryFolder(t)
  const off = ['--busrt', 'off', '--tmb', 'off']
  const listen = ['--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--log-level', 'debug']
  const daemon = await startDaemon(t, { args: [...off, ...listen] })
  const at = (protocol: string) =>
    daemon.info.listeners.find((one) => one.protocol === protocol)?.address ?? ''
  const seen: string[] = []
  const note = (error: unknown) => {
    seen.push(String(error), JSON.stringify(error))
    return undefined
  }
  const say = async (args: string[], input = '', env: Record<string, string> = {}) => {
    const result = await runMsgbus(['-s', daemon.address, ...args], { input, env })
    seen.push(result.stdout, result.stderr)
    return result
  }
  const asRoot = { MSGBUS_PASSWORD: secrets.right }
  const added = await say(['users', 'add', 'root', '--challenge'], `${secrets.right}\n`)
  assert.equal(added.code, 0, added.stderr)
  const passwordFile = join(folder, 'wrong')
  writeFileSync(passwordFile, secrets.wrong)
  await say(['--user', 'root', '--password-file', passwordFile, 'whoami'])
  await say(['whoami'], '', { MSGBUS_TOKEN: secrets.token, MSGBUS_DEBUG: '1' })
  for (const args of [['users', 'ls'], ['audit', 'tail'], ['status']]) {
    const { code, stderr } = await say(['--user', 'root', ...args], '', asRoot)
    assert.equal(code, 0, stderr)
  }

  const client = connectLazy(daemon.address, { user: 'root', password: secrets.wrong })
  await client.publish('t', 'x').catch(note)
  client.close()
  const http = `http://${at('http')}`
  const paths = ['/v1/status', '/v1/clients', '/metrics', '/v1/topics']
  for (const headers of [
    basic('root', secrets.right),
    basic('root', secrets.wrong),
    basic(secrets.asUser, 'x'),
    { authorization: `Bearer ${secrets.token}` },
  ]) {
    for (const path of paths) seen.push(await (await fetch(http + path, { headers })).text())
  }
  const [host = '', port = ''] = at('mqtt').split(':')
  const login = { username: secrets.asUser, password: secrets.wrong, reconnectPeriod: 0 }
  await connectAsync({ host, port: Number(port), ...login }).catch(note)

  const commandLine = `/proc/${daemon.pid}/cmdline`
  if (existsSync(commandLine)) seen.push(readFileSync(commandLine, 'utf8'))
  const { stdout, stderr } = await daemon.stop()
  seen.push(stdout, stderr)
  const places = readdirSync(daemon.data, { recursive: true, encoding: 'utf8' })
  for (const place of places) {
    const path = join(daemon.data, place)
    if (statSync(path).isFile()) seen.push(readFileSync(path, 'latin1'))
  }
  const found = seen.filter((text) => text.includes(mark))
  assert.deepEqual(found, [])
  // Written as they go over the wire they would be missed above.
  const encoded = Buffer.from(`root:${secrets.right}`).toString('base64')
  assert.ok(!seen.some((text) => text.includes(encoded)))
  assert.ok(stderr.includes('"level"'), 'the daemon logged nothing that could be looked through')
})
