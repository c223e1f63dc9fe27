/**
 * What docs/getting-started.md tells newcomers to type, typed, in its order, against a daemon on other ports: what it
 * shows is what comes. Pressing buttons is test/browser/demo.test.ts.
 */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { packageRoot } from '../package-root.ts'
import { cleanUp } from './clean-up.ts'
import { cliMain } from './cli-process.ts'
import { type DaemonProcess, runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'
import { LineClient } from './line-client.ts'

const skip =
  process.platform === 'win32'
    ? 'the page is written for a POSIX shell'
    : spawnSync('curl', ['--version']).status !== 0 && 'there is no curl'

const page = readFileSync(join(packageRoot, 'docs/getting-started.md'), 'utf8')

/** Fenced blocks in the language; without one: what is printed. */
function blocks(language: string): string[] {
  const found = page.matchAll(/^```(\w*)\n(.*?)^```/gms)
  return [...found].filter(([, name]) => name === language).map(([, , text = '']) => text)
}

/** The one line of the shell blocks that begins so, without its comment. */
function command(start: string): string {
  const lines = blocks('sh').flatMap((block) => block.split('\n'))
  const found = lines.filter((line) => line.startsWith(start))
  assert.equal(found.length, 1, `${found.length} commands begin with ${start}`)
  return (found[0] ?? '').replace(/\s+#.*$/, '')
}

/** The block of output that contains this. */
function output(part: string): string {
  const found = blocks('').find((block) => block.includes(part))
  assert.ok(found, `nothing is printed with ${part}`)
  return found
}

function address(daemon: DaemonProcess, protocol: string): string {
  return daemon.info.listeners.find((listener) => listener.protocol === protocol)?.address ?? ''
}

/** A shell in which `npx msgbus` is this build and the addresses of the page are those of the daemon. */
function shell(t: TestContext, daemon: DaemonProcess) {
  const folder = temporaryFolder(t)
  const npx = join(folder, 'npx')
  writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${cliMain}' "$@"\n`)
  chmodSync(npx, 0o755)
  const env = {
    ...process.env,
    PATH: `${folder}${delimiter}${process.env['PATH']}`,
    MSGBUS_SERVER: daemon.address,
    MSGBUS_TMB_SERVER: address(daemon, 'tmb'),
  }
  return (line: string): ChildProcess => {
    const here = line.replaceAll('127.0.0.1:8711', address(daemon, 'http'))
    const child = spawn('sh', ['-c', `exec ${here}`], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    cleanUp(t, () => child.kill())
    return child
  }
}

/** Everything that it printed, when it has ended well. */
async function finished(child: ChildProcess): Promise<string> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, `${child.spawnargs.at(-1)}: ${text.stderr}`)
  return text.stdout
}

/** Resolves when what it prints from now on matches. */
function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (pattern.test(text)) resolve(text)
    })
    child.once('close', () => reject(new Error(`it ended after ${text}`)))
  })
}

/** The data line of a server-sent event; `{…}` on the page stands for an object. */
function dataOf(event: string): object {
  const [, data = ''] = /^data: (.*)$/m.exec(event) ?? []
  return JSON.parse(data.replace('{…}', '{}')) as object
}

/** Without what is of its own in every run. */
const withoutTimes = (text: string) => text.replaceAll(/^\S+ \S+ {2}/gm, '')

test('the commands of the first ten minutes', { skip }, async (t) => {
  const ports = ['--tmb', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args: ports })
  const run = shell(t, daemon)
  const telnet = await LineClient.connect(t, address(daemon, 'tmb'))

  // By hand.
  const session = output('> subscribe').trimEnd().split('\n')
  for (const line of session) {
    if (line.startsWith('> ')) telnet.send(`${line.slice(2)}\r`)
    else assert.equal(String(await telnet.next()), line)
  }

  // In the browser.
  const opened = await finished(run(`${command('npx msgbus open demo')} --print`))
  assert.equal(opened, `http://${address(daemon, 'http')}/demo/\n`)

  // With curl.
  const events = run(command('curl -N'))
  // The subscription stands when the answer begins.
  await printed(events, /retry/)
  const off = printed(events, /"text":"off"/)
  telnet.send(':/kitchen/lamp off\r')
  assert.equal(String(await telnet.next()), ':/kitchen/lamp off')
  assert.deepEqual(Object.keys(dataOf(await off)), Object.keys(dataOf(output('data: '))))
  const dim = printed(events, /"text":"dim"/)
  const receipt = JSON.parse(await finished(run(command('curl -X POST')))) as object
  const shown = JSON.parse(output('"duplicate"')) as object
  assert.deepEqual(Object.keys(receipt), Object.keys(shown))
  assert.match(JSON.stringify(receipt), /"headId":1,/)
  await dim
  assert.equal(String(await telnet.next()), ':/kitchen/lamp dim')

  // On the command line.
  const live = run(command('npx msgbus sub'))
  const first = withoutTimes(await printed(live, /dim/))
  assert.ok(withoutTimes(page).includes(first), first)
  assert.equal(await finished(run(command('npx msgbus pub'))), '2\n')
  assert.equal(await finished(run(command('npx msgbus tmb send'))), 'OK\n')
  assert.match(await finished(run(command('npx msgbus tmb last'))), /^\/kitchen\/lamp {2}green$/m)
  assert.match(await finished(run(command('npx msgbus heads'))), /^\/kitchen\/lamp +2 /m)

  // Pull the plug.
  daemon.kill('SIGKILL')
  await daemon.exited
  const again = await startDaemon(t, { data: daemon.data, args: ports })
  const kept = await finished(shell(t, again)(command('npx msgbus fetch')))
  assert.equal(withoutTimes(kept), withoutTimes(output('#2  bright')))
})

test('the configuration of the first ten minutes', async (t) => {
  const file = join(temporaryFolder(t), 'msgbus.yaml')
  const [yaml = '', ...others] = blocks('yaml')
  assert.deepEqual(others, [])
  writeFileSync(file, yaml)
  const { code, stderr } = await runMsgbusd(t, ['config', 'check', file])
  assert.equal(code, 0, stderr)
})
