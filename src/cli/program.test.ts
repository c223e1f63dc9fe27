/** The command tree without a daemon: usage errors, help, completion. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Colours } from './colours.ts'
import { createProgram } from './program.ts'
import { runProgram } from './run-program.ts'
import type { Terminal } from './terminal.ts'

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}

/** Runs a command line in this process. */
async function run(line: readonly string[], env: Terminal['env'] = {}) {
  const output = { stdout: '', stderr: '' }
  const terminal: Terminal = {
    env,
    stdin: (async function* () {})(),
    stdinIsTerminal: true,
    stopInput: () => undefined,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    colours: new Colours(false),
    errorColours: new Colours(false),
    signal: new AbortController().signal,
    write(text) {
      output.stdout += String(text)
      return undefined
    },
    finish: () => Promise.resolve(),
    writeError(text) {
      output.stderr += text
    },
    openScreen: undefined,
    openPrompt: undefined,
  }
  const code = await runProgram(createProgram(terminal), line, terminal)
  return { code, ...output }
}

const usageErrors: [line: string[], message: RegExp][] = [
  [['pbu'], /unknown command 'pbu'\n\(Did you mean pub\?\)/],
  [['pub'], /missing required argument 'topic'/],
  [['delete', 'a'], /name the head ids to delete, or --all/],
  [['delete', 'a', '1', '--all'], /name the head ids to delete, or --all/],
  [['sub'], /name a topic or a filter/],
  [['sub', 'a', '--from', 'yesterday'], /Expected earliest, now, last or a head id/],
  [['fetch', 'a', '--limit', '0'], /Expected a whole number from 1 on/],
  [['head', 'a', '--timeout', 'soon'], /Expected a duration like 500ms/],
  [['head', 'a', '--origin', 'x/y'], /Expected tenant\/bl\/device/],
  [['head', 'a', '-s', 'ftp://x'], /bad address "ftp:\/\/x"/],
  [['head', 'a', '--tls-cert', 'x.pem'], /--tls-cert and --tls-key belong together/],
  [['head', 'a', '--tls-ca', '/nowhere/ca.pem'], /--tls-ca \/nowhere\/ca\.pem cannot be read/],
  [['rpc', 'call', 'a'], /missing required argument 'method'/],
  [['rpc', 'call', 'a', 'm', 'x'], /"x": a parameter is key=value; - reads them raw/],
  [['rpc', 'call', 'a', 'm', '-', 'x=1'], /- stands alone/],
  [['rpc', 'call', 'a', 'm', 'x=1', '-p', '{}'], /as words or with --params, not both/],
  [['rpc', 'call', 'a', 'm', '-p', '{'], /--params is not JSON/],
  [['rpc', 'call', 'a', 'm', '--busrt', 'ws://x'], /bad address "ws:\/\/x"/],
  [['send', 'a', 'x', '-s', 'ftp://x'], /bad address "ftp:\/\/x"/],
  [['top', '-n', '0'], /Expected a whole number from 1 on/],
  [['bench', 'busrt', '-w', '5', '-i', '4'], /more workers than iterations/],
  [['bench', 'busrt', '-w', '0'], /Expected a whole number from 1 on/],
  [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
]

for (const [line, message] of usageErrors) {
  test(`usage: msgbus ${line.join(' ')}`, async () => {
    const { code, stdout, stderr } = await run(line)
    assert.match(stderr, message)
    assert.equal(stdout, '')
    assert.equal(code, 2)
  })
}

test('help of every command names its arguments and what all commands have', async () => {
  const { code, stdout } = await run(['--help'])
  assert.equal(code, 0)
  const names = [...stdout.matchAll(/^ {2}([a-z]+)[| ]/gm)].map((match) => match[1] ?? '')
  assert.ok(names.length > 15)
  for (const name of names.filter((each) => each !== 'help')) {
    const help = await run([name, '--help'])
    assert.equal(help.code, 0, name)
    assert.match(help.stdout, /--server <address>/, name)
  }
})

test('completion knows every command and option, in three shells', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await run(['completion', shell])
    assert.equal(code, 0)
    for (const word of [
      'publish',
      'call0',
      'payload-size',
      'consume',
      'max-in-flight',
      'tls-server-name',
      'completion',
    ]) {
      assert.ok(stdout.includes(word), `${shell}: ${word}`)
    }
  }
})

test('the reference page is up to date', async () => {
  const { stdout } = await run(['reference'])
  const page = readFileSync(join(findRoot(import.meta.dirname), 'docs/reference/msgbus.md'), 'utf8')
  assert.equal(page, stdout, 'run: msgbus reference > docs/reference/msgbus.md')
})

test('the version is that of the package, wherever it is asked for', async () => {
  const file = join(findRoot(import.meta.dirname), 'package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  for (const line of [['--version'], ['-V'], ['pub', '-V']]) {
    assert.deepEqual(await run(line), { code: 0, stdout: `${version}\n`, stderr: '' })
  }
})

test('causes and stacks only when asked for', async () => {
  const line = ['head', 'a', '-s', '127.0.0.1:1']
  const plain = await run(line)
  assert.equal(plain.code, 3)
  assert.equal(plain.stderr.split('\n').length, 2)
  const debug = await run(line, { MSGBUS_DEBUG: '1' })
  assert.match(debug.stderr, /BusError[^]*UNAVAILABLE/)
})
