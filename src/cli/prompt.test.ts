import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Prompt } from './prompt.ts'
import type { PromptOptions, PromptProcess } from './prompt.ts'

/** A terminal of 20 columns. */
function fakeTerminal() {
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    isRaw: false,
    setRawMode(isRaw: boolean) {
      stdin.isRaw = isRaw
    },
  })
  const stdout = Object.assign(new PassThrough({ highWaterMark: 1_000 }), {
    isTTY: true,
    columns: 20,
    rows: 10,
  })
  stdout.setEncoding('utf8')
  return { stdin, stdout, process: { stdin, stdout } as unknown as PromptProcess }
}

function open(options: Partial<PromptOptions> = {}) {
  const terminal = fakeTerminal()
  const lines: string[] = []
  let closes = 0
  const prompt = new Prompt(terminal.process, {
    prompt: '> ',
    history: [],
    historySize: 10,
    complete: () => [[], ''],
    onLine: (line) => lines.push(line),
    onClose: () => (closes += 1),
    ...options,
  })
  const shown = () => (terminal.stdout.read() as string | null) ?? ''
  shown()
  /** Resolves when the keys have been taken. */
  const type = async (keys: string) => {
    const taken = new Promise((resolve) => terminal.stdin.once('data', resolve))
    terminal.stdin.write(keys)
    await taken
  }
  return { prompt, lines, closes: () => closes, shown, type, ...terminal }
}

/** At the end of this turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

test('lines come as typed, with history; the terminal is given back', async () => {
  const { prompt, lines, closes, type, stdin } = open({ history: ['newest', 'older'] })
  assert.equal(stdin.isRaw, true)
  await type('s 1 r .\r')
  await type('\u001b[A\u001b[A\r')
  assert.deepEqual(lines, ['s 1 r .', 'newest'])
  prompt.close()
  prompt.close()
  assert.deepEqual([closes(), stdin.isRaw], [1, false])
})

test('what comes is written above what is typed, once per turn', async () => {
  const { prompt, type, shown } = open()
  await type('half')
  shown()
  void prompt.print('one\n')
  void prompt.print('two\n')
  await turn()
  const text = shown()
  assert.equal(text, '\u001b[1G\u001b[0Jone\ntwo\n\u001b[1G\u001b[0J> half\u001b[7G')
  prompt.close()
})

test('a typed line of several rows is taken off as a whole', async () => {
  const { prompt, type, shown } = open()
  await type('x'.repeat(45))
  shown()
  void prompt.print('one\n')
  await turn()
  // Two rows up, and the line anew without going up again.
  const text = shown()
  assert.ok(
    text.startsWith('\u001b[2A\u001b[1G\u001b[0Jone\n\u001b[1G\u001b[0J> xxx'),
    JSON.stringify(text),
  )
  prompt.close()
})

test('what came last is shown when it ends, in place of the empty prompt', async () => {
  const { prompt, shown } = open()
  void prompt.print('last words\n')
  prompt.close()
  void prompt.print('later\n')
  await turn()
  assert.equal(shown(), '\u001b[1G\u001b[0Jlast words\nlater\n')
  const other = open()
  await other.type('half')
  other.shown()
  void other.prompt.print('last words\n')
  other.prompt.close()
  assert.equal(other.shown(), '\nlast words\n')
})

test('Tab completes', async () => {
  const { prompt, lines, type } = open({ complete: (line) => [['subscribe '], line] })
  await type('su')
  await type('\t')
  await turn()
  await type('1\r')
  assert.deepEqual(lines, ['subscribe 1'])
  prompt.close()
})

test('Ctrl-C gives up the line, then ends; so does Ctrl-D', async () => {
  const first = open()
  await first.type('nothing to send')
  await first.type('\u0003')
  assert.equal(first.closes(), 0)
  await first.type('next\r')
  assert.deepEqual(first.lines, ['next'])
  await first.type('\u0003')
  assert.equal(first.closes(), 1)
  const second = open()
  await second.type('\u0004')
  assert.equal(second.closes(), 1)
})

test('a slow terminal is waited for', async () => {
  const { prompt, stdout } = open()
  void prompt.print(`${'x'.repeat(3_000)}\n`)
  await turn()
  const drained = prompt.print('more\n')
  assert.ok(drained instanceof Promise)
  stdout.resume()
  await drained
  prompt.close()
})
