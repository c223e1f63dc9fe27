/** The command line and the text bus, against a real daemon; and `msgbus open`. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect } from '../../src/client/tmb/index.ts'
import { TestAuthority, noCertificates } from './certificates.ts'
import { cliMain, runMsgbus, startMsgbus } from './cli-process.ts'
import type { CliOptions, CliProcess, CliResult } from './cli-process.ts'
import { cleanUp } from './clean-up.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import type { DaemonProcess } from './daemon-process.ts'

// One daemon for all tests, which use categories of their own; see cli.test.ts.
const cleanups: (() => unknown)[] = []
const fileContext = {
  after: (cleanup: () => unknown) => cleanups.push(cleanup),
  diagnostic: () => undefined,
} as unknown as TestContext
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})
let shared: Promise<DaemonProcess> | undefined

function daemon(): Promise<DaemonProcess> {
  const args = ['--storage', 'memory', '--tmb', '127.0.0.1:0', '--http', '127.0.0.1:0']
  return (shared ??= startDaemon(fileContext, { args }))
}

function listener({ info }: DaemonProcess, protocol: string): string {
  return info.listeners.find((each) => each.protocol === protocol)?.address ?? ''
}

async function environment(): Promise<Readonly<Record<string, string>>> {
  return { MSGBUS_SERVER: (await daemon()).address }
}

async function run(line: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runMsgbus(line, { ...options, env: { ...(await environment()), ...options.env } })
}

/** `msgbus tmb listen` or the like, which is subscribed when it resolves. */
async function listen(...line: readonly string[]): Promise<CliProcess> {
  const ears = startMsgbus(['tmb', ...line], { env: await environment() })
  await ears.said(/^listening at /m)
  return ears
}

function objects(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('what is sent is heard, by those who asked for it', async () => {
  const [all, upper, raw] = await Promise.all([
    listen('listen', 'b', '/heard', '-n', '5', '--json'),
    listen('listen', 'is', '/nothing', 'ends-with', '/heard/upper', '-n', '1'),
    listen('listen', 'regexp', '^/heard/(raw|end)', '-n', '2', '--raw'),
  ])
  const sent = await run(['tmb', 'send', '/heard/upper', 'square'])
  assert.deepEqual(sent, { code: 0, stdout: 'OK\n', stderr: '' })
  assert.equal((await run(['tmb', 'send', '/heard/alone'])).stdout, 'OK\n')
  const input = Buffer.from('one\n\xff \x1b\r\r\nlast', 'latin1')
  const lines = await run(['tmb', 'send', '/heard/raw', '-', '--json'], { input })
  assert.deepEqual(objects(lines.stdout), [{ category: '/heard/raw', sent: 3 }])
  const heard = await all.ended
  assert.equal(heard.code, 0, heard.stderr)
  assert.deepEqual(
    objects(heard.stdout).map(({ receivedAtMs, ...rest }) => [typeof receivedAtMs, rest]),
    [
      { category: '/heard/upper', separator: ' ', rest: 'square', isSnapshot: false },
      { category: '/heard/alone', separator: '', rest: '', isSnapshot: false },
      { category: '/heard/raw', separator: ' ', rest: 'one', isSnapshot: false },
      // One CR belongs to the line end of the input, the other one to the message.
      { category: '/heard/raw', separator: ' ', restBase64: '/yAbDQ==', isSnapshot: false },
      { category: '/heard/raw', separator: ' ', rest: 'last', isSnapshot: false },
    ].map((fields) => ['number', fields]),
  )
  const people = await upper.ended
  assert.match(people.stdout, /^\d{4}-\d\d-\d\d [\d:.]{12} {2}\/heard\/upper {2}square\n$/)
  assert.equal((await raw.ended).stdout, ':/heard/raw one\n:/heard/raw \ufffd \u001b\r\n')
})

test('last messages: asked for, watched, listed, forgotten', async () => {
  await run(['tmb', 'send', '/kept/a', 'old'])
  await run(['tmb', 'send', '/kept/b', 'x'])
  await run(['tmb', 'send', '/kept/a', 'new'])
  const last = await run(['tmb', 'last', 'begins', '/kept/'])
  assert.deepEqual(last, { code: 0, stdout: '/kept/b  x\n/kept/a  new\n', stderr: '' })
  const json = await run(['tmb', 'last', 'is', '/kept/a', '--json'])
  assert.deepEqual(objects(json.stdout), [{ category: '/kept/a', separator: ' ', rest: 'new' }])
  assert.match((await run(['tmb', 'last'])).stdout, /^\/kept\/a {2}new$/m)
  const watch = await listen('watch', 'is', '/kept/a', '-n', '2')
  await watch.printed(/last value +\/kept\/a {2}new\n/)
  await run(['tmb', 'send', '/kept/a', 'newest'])
  assert.match((await watch.ended).stdout, /\n\d{4}-.* {2}\/kept\/a {2}newest\n$/)
  const categories = await run(['tmb', 'categories', 'b', '/kept'])
  assert.deepEqual(categories.stdout.split('\n').toSorted(), ['', '/kept/a', '/kept/b'])
  assert.equal((await run(['tmb', 'forget', 'b', '/kept'])).stdout, '2 forgotten\n')
  assert.deepEqual(objects((await run(['tmb', 'forget', 'b', '/kept', '--json'])).stdout), [
    { forgotten: 0 },
  ])
  assert.equal((await run(['tmb', 'last', 'b', '/kept'])).stdout, '')
})

test('without a terminal: a plain pipe that ends as the server does', async () => {
  const input = 's 1 b /pipe\n:/pipe/a x\n:/pipe/b y\r\nu 1\n:/pipe/c'
  assert.deepEqual(await run(['tmb'], { input }), {
    code: 0,
    stdout: 'ok subscribe 1 added\n:/pipe/a x\n:/pipe/b y\nok unsubscribe 1\n',
    stderr: '',
  })
  // The last line was unfinished, and counts all the same.
  assert.equal((await run(['tmb', 'last', 'is', '/pipe/c', '--json'])).stdout.length > 0, true)
  const json = await run(['tmb', '--json'], { input: 'w 1 i /pipe/a\nzz\nu 1\n' })
  assert.deepEqual(
    objects(json.stdout).map(({ kind, text, rest }) => [kind, text ?? rest]),
    [
      ['ok', 'watch 1 added 1'],
      ['message', 'x'],
      ['error', 'unknown-command - no command begins with zz'],
      ['ok', 'unsubscribe 1'],
    ],
  )
  // It ends when the server does, though there might be more to come from its input.
  const quit = await run(['tmb', 'shell'], { input: 'q\n', keepInputOpen: true })
  assert.deepEqual(quit, { code: 0, stdout: 'ok quit\n', stderr: '' })
})

test('a pipe that has subscribed stays after the end of its input, until Ctrl-C', async () => {
  const pipe = startMsgbus(['tmb'], { input: 's 1 i /stays\n', env: await environment() })
  await pipe.printed(/added/)
  await run(['tmb', 'send', '/stays', 'here'])
  await pipe.printed(/:\/stays here\n/)
  pipe.kill('SIGINT')
  assert.equal((await pipe.ended).code, 0)
})

test('addresses: named, told by the daemon, or why there is none', async (t) => {
  const own = await daemon()
  const tmb = listener(own, 'tmb')
  const nowhere = { MSGBUS_SERVER: '127.0.0.1:1' }
  for (const [args, env] of [
    [['--tmb', tmb], nowhere],
    [[], { ...nowhere, MSGBUS_TMB_SERVER: tmb }],
    [[], { MSGBUS_SERVER: own.address }],
  ] as const) {
    const { code, stderr } = await runMsgbus(['tmb', 'categories', ...args], { env })
    assert.deepEqual([code, stderr], [0, ''])
  }
  const closed = await runMsgbus(['tmb', 'last', '--tmb', '127.0.0.1:1'])
  assert.equal(closed.code, 3)
  assert.match(closed.stderr, /nothing listens at 127\.0\.0\.1:1: start msgbusd/)
  const wrong = await runMsgbus(['tmb', 'last', '--tmb', own.address, '--timeout', '5s'])
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.stderr, /does not speak TMB|has closed the connection|no answer/)
  const without = await startDaemon(t, { args: ['--storage', 'memory', '--tmb', 'off'] })
  const off = await runMsgbus(['tmb', 'last', '-s', without.address])
  assert.equal(off.code, 3)
  assert.match(off.stderr, /does not listen for TMB: start msgbusd without --tmb off/)
})

test('TLS, with the options of the other commands', { skip: noCertificates }, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const { cert, key } = authority.issue('server')
  const files = ['--tls-cert', cert, '--tls-key', key]
  const args = ['--storage', 'memory', '--tmb', 'tls+127.0.0.1:0', ...files]
  const tmb = `tls+${listener(await startDaemon(t, { args }), 'tmb')}`
  const line = ['tmb', 'send', '/a', 'x', '--tmb', tmb]
  const trusted = await runMsgbus([...line, '--tls-ca', authority.cert])
  assert.deepEqual(trusted, { code: 0, stdout: 'OK\n', stderr: '' })
  const unknown = await runMsgbus(line)
  assert.equal(unknown.code, 3)
  assert.match(unknown.stderr, /no TLS connection to tls\+127/)
})

test('what is not right ends with its exit code and says why', async () => {
  const cases: [line: string[], code: number, message: RegExp][] = [
    [['send', '/a b', 'x'], 2, /the category contains white space/],
    [['send', '', 'x'], 1, /the category is empty/],
    [['send', '/a', 'x\ny'], 2, /contains a line feed/],
    [['last', 'regexp', '('], 2, /last: bad-pattern: /],
    [['listen', 'regexp', '(?=x)'], 2, /subscribe: bad-pattern/],
    [['listen', '/upper'], 2, /"\/upper" is no match kind: use begins-with, contains/],
    [['last', 'is'], 2, /the pattern behind is is missing/],
    [['forget'], 2, /missing required argument 'kind'/],
    [['lisen'], 2, /unknown command 'tmb lisen' \(did you mean listen\?\)/],
    [['demo'], 2, /the demo needs a terminal/],
    [['bench', '--receivers', '0'], 2, /Expected a whole number from 1 on/],
  ]
  for (const [line, code, message] of cases) {
    const result = await run(['tmb', ...line])
    assert.match(result.stderr, message)
    assert.deepEqual([result.code, result.stdout], [code, ''], line.join(' '))
  }
})

test('a listener goes on when the daemon comes back', async (t) => {
  const first = await startDaemon(t, { args: ['--storage', 'memory', '--tmb', '127.0.0.1:0'] })
  const tmb = listener(first, 'tmb')
  const ears = startMsgbus(['tmb', 'listen', '--tmb', tmb])
  await ears.said(/^listening at /m)
  await first.stop()
  await ears.said(/trying again/)
  await startDaemon(t, { args: ['--storage', 'memory', '--tmb', tmb] })
  await ears.said(/connected again/)
  await runMsgbus(['tmb', 'send', '/back', 'again', '--tmb', tmb])
  await ears.printed(/\/back {2}again\n/)
  ears.kill('SIGTERM')
  assert.equal((await ears.ended).code, 0)
})

test('bench: everything that is sent arrives, and the figures say how', async () => {
  const line = ['tmb', 'bench', '--messages', '2000', '--receivers', '3', '--size', '10']
  const people = await run(line)
  assert.equal(people.code, 0, people.stderr)
  assert.match(
    people.stdout,
    /^2,000 messages of \d+ bytes to 3 receivers, .* ahead of the slowest\)$/m,
  )
  assert.match(people.stdout, /^[\d,]+ messages\/s {2}[\d,]+ deliveries\/s {2}/m)
  const [result] = objects((await run([...line, '--window', '1', '--json'])).stdout)
  assert.deepEqual([result?.['messages'], result?.['receivers'], result?.['window']], [2_000, 3, 1])
  assert.ok(Number(result?.['deliveriesPerSecond']) > 0)
  // Nothing of it stays.
  assert.equal((await run(['tmb', 'categories', 'b', '/bench/'])).stdout, '')
})

test('open: the address of the console, a browser where there is one', async (t) => {
  const http = listener(await daemon(), 'http')
  const print = await run(['open', '--print'])
  assert.deepEqual(print, { code: 0, stdout: `http://${http}/\n`, stderr: '' })
  const page = await run(['open', 'topics', '--json'])
  assert.deepEqual(objects(page.stdout), [{ url: `http://${http}/#/topics` }])
  const headless = await run(['open', 'demo'], { env: { DISPLAY: '', WAYLAND_DISPLAY: '' } })
  assert.equal(headless.stdout, `http://${http}/demo/\n`)
  if (process.platform === 'linux') {
    assert.deepEqual(
      [headless.code, headless.stderr],
      [0, 'there is no display here: open the address in a browser\n'],
    )
    await opensWith(t, `http://${http}/`)
  }
  const off = await startDaemon(t, { args: ['--storage', 'memory', '--http', 'off'] })
  const refused = await runMsgbus(['open', '-s', off.address])
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /does not listen for HTTP: start msgbusd without --http off/)
  assert.equal((await runMsgbus(['open', '-s', '127.0.0.1:1'])).code, 3)
  assert.equal((await run(['open', 'nowhere'])).code, 2)
})

/** A desktop whose `xdg-open` writes down what it is given, and then one whose fails. */
async function opensWith(t: TestContext, url: string): Promise<void> {
  const folder = temporaryFolder(t)
  const program = join(folder, 'xdg-open')
  const note = join(folder, 'note')
  writeFileSync(program, `#!/bin/sh\necho "$1" > '${note}'\n`)
  chmodSync(program, 0o755)
  const env = { DISPLAY: ':9', PATH: `${folder}:${process.env['PATH']}` }
  const opened = await run(['open'], { env })
  assert.deepEqual(opened, { code: 0, stdout: `${url}\n`, stderr: '' })
  assert.equal(readFileSync(note, 'utf8'), `${url}\n`)
  writeFileSync(program, '#!/bin/sh\nexit 4\n')
  const failed = await run(['open'], { env })
  assert.deepEqual([failed.code, failed.stdout], [1, `${url}\n`])
  assert.match(failed.stderr, /xdg-open ended with 4: open the address in a browser/)
}

/** What is waited for, and then typed or done. */
type Step = readonly [
  shown: string | RegExp,
  keys: string | ((type: (keys: string) => void) => unknown),
]

/** A command on a terminal of its own, which `script` makes. Ends with what the terminal was sent. */
async function onTerminal(
  args: readonly string[],
  steps: readonly Step[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: unknown; readonly output: string }> {
  const words = [process.execPath, cliMain, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', `stty rows 30 columns 90; exec ${words}`, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', ...(await environment()), TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const type = (keys: string) => child.stdin.write(keys)
  let output = ''
  let seen = 0
  let step = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    for (; step < steps.length; step++) {
      const [shown = '', keys = ''] = steps[step] ?? []
      const rest = output.slice(seen)
      if (typeof shown === 'string' ? !rest.includes(shown) : !shown.test(rest)) return
      seen = output.length
      if (typeof keys === 'string') type(keys)
      else keys(type)
    }
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  const missing = steps[step]?.[0]
  assert.equal(missing, undefined, `${missing} was not shown: ${JSON.stringify(output)}`)
  return { code, output }
}

function noScript(): string | false {
  const isThere = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
  return isThere ? false : 'there is no script(1) here'
}

test('the line client on a terminal', { skip: noScript() }, async (t) => {
  const state = temporaryFolder(t)
  const env = { XDG_STATE_HOME: state }
  const first = await onTerminal(
    ['tmb'],
    [
      ['connected to ', 'subs\t'],
      ['subscribe ', '1 beg\t'],
      ['begins-with ', '/shell\r'],
      ['ok subscribe 1 added', ':/shell/a x\r'],
      // The message, beside the line as it was typed; Tab knows its category now.
      [/:\/shell\/a x\r+\n[^]*:\/shell\/a x\r+\n[^]*tmb> /, ':/sh\t'],
      [':/shell/a ', 'y\r'],
      [/y\r+\n[^]*:\/shell\/a y\r+\n/, 'a token secret\r'],
      [/(?:ok|error) .*auth/, '\u0004'],
    ],
    env,
  )
  assert.deepEqual([first.code, first.output.endsWith('ok quit\r\n')], [0, true], first.output)
  const history = readFileSync(join(state, 'msgbus', 'tmb-history'), 'utf8')
  assert.equal(history, 'subscribe 1 begins-with /shell\n:/shell/a x\n:/shell/a y\n')
  // The next session has the lines of the last one.
  const second = await onTerminal(
    ['tmb'],
    [
      ['connected to ', '\u001b[A'],
      [':/shell/a y', '\u001b[A\u001b[A'],
      ['subscribe 1 begins-with /shell', '\r'],
      ['ok subscribe 1 added', 'q\r'],
    ],
    env,
  )
  assert.deepEqual([second.code, /ok quit\r\n/.test(second.output)], [0, true], second.output)
})

test(
  'a message does not take the terminal over, nor the line that is typed',
  { skip: noScript() },
  async (t) => {
    const stranger = await connect({ address: listener(await daemon(), 'tmb') })
    cleanUp(t, () => stranger.close())
    const { code, output } = await onTerminal(
      ['tmb'],
      [
        ['connected to ', 's 1 i /strange\r'],
        ['ok subscribe 1 added', 'half a li'],
        ['half a li', () => stranger.publish('/strange', '\u001b]0;title\u0007\u009b2J')],
        [/:\/strange \\x1B\]0;title\\x07\\xC2\\x9B2J\r+\n[^]*tmb> half a li/, '\u0003'],
        ['^C', 'q\r'],
      ],
      { XDG_STATE_HOME: temporaryFolder(t) },
    )
    assert.deepEqual([code, /ok quit\r\n/.test(output)], [0, true], output)
    assert.deepEqual([output.includes('\u001b]'), output.includes('\u009b')], [false, false])
  },
)

test('a server that leaves is told, also on a terminal', { skip: noScript() }, async (t) => {
  const own = await startDaemon(t, { args: ['--storage', 'memory', '--tmb', '127.0.0.1:0'] })
  const { code, output } = await onTerminal(
    ['tmb', '--tmb', listener(own, 'tmb')],
    [['connected to ', () => own.kill('SIGKILL')]],
    { XDG_STATE_HOME: temporaryFolder(t) },
  )
  assert.equal(code, 3)
  assert.match(output, /error: .* (has closed|broke)/)
})

test('a server that leaves is told in a pipe, too', async (t) => {
  const own = await startDaemon(t, { args: ['--storage', 'memory', '--tmb', '127.0.0.1:0'] })
  const pipe = startMsgbus(['tmb', '--tmb', listener(own, 'tmb')], {
    input: 'p here\n',
    keepInputOpen: true,
  })
  await pipe.printed(/ok ping here/)
  own.kill('SIGKILL')
  const { code, stderr } = await pipe.ended
  assert.equal(code, 3)
  assert.match(stderr, /^error: .* (has closed|broke)/)
})

// Taken over, and given back.
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'

test(
  'the demo on a terminal: figures follow the bus, and instances agree',
  { skip: noScript() },
  async () => {
    const later: { code: unknown; output: string }[] = []
    const first = await onTerminal(
      ['tmb', 'demo'],
      [
        // Nothing is subscribed: nothing comes back.
        ['connected to ', 'c'],
        ['> :/upper/shape circle', '2'],
        ['[x] 2  subscribe 2 begins-with /upper', 'r'],
        ['shape unknown, red', 's'],
        [
          'square, red',
          async (type) => {
            // Started later: from the last messages, then as watches.
            const asked = onTerminal(
              ['tmb', 'demo'],
              [
                ['connected to ', 'l'],
                ['square, red', 'q'],
              ],
            )
            const watched = onTerminal(
              ['tmb', 'demo'],
              [
                ['connected to ', 'w'],
                ['the next one is a watch', '1'],
                ['square, red', '\u0003'],
              ],
            )
            later.push(await asked, await watched)
            type('q')
          },
        ],
      ],
    )
    assert.equal(later.length, 2)
    for (const { code, output } of [first, ...later]) {
      assert.equal(code, 0, output)
      assert.ok(output.includes(enter))
      assert.ok(output.trimEnd().endsWith(leave), JSON.stringify(output.slice(-200)))
    }
    assert.doesNotMatch(first.output, /circle, /)
  },
)
