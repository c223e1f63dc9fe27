import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Screen } from './screen.ts'
import type { ScreenKey, ScreenProcess } from './screen.ts'

const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'

/** A process on a terminal of 80 columns and 24 rows. */
function fakeProcess(isTerminal = true) {
  const stdin = Object.assign(new PassThrough(), {
    isTTY: isTerminal,
    isRaw: false,
    setRawMode(isRaw: boolean) {
      stdin.isRaw = isRaw
    },
  })
  const stdout = Object.assign(new EventEmitter(), {
    columns: 80,
    rows: 24,
    writableNeedDrain: false,
    written: '',
    write(text: string) {
      stdout.written += text
    },
  })
  const kills: unknown[] = []
  const events = Object.assign(new EventEmitter(), {
    pid: 7,
    kill: (...args: unknown[]) => kills.push(args),
    stdin,
    stdout,
  })
  return { process: events as unknown as ScreenProcess, events, stdin, stdout, kills }
}

function open(fake: ReturnType<typeof fakeProcess>) {
  const keys: (string | undefined)[] = []
  let resizes = 0
  const screen = new Screen(fake.process, {
    onKey: (key: ScreenKey) => keys.push(key.name),
    onResize: () => (resizes += 1),
  })
  return { screen, keys, resizes: () => resizes }
}

/** What was written since the last call. */
function written({ stdout }: ReturnType<typeof fakeProcess>): string {
  const text = stdout.written
  stdout.written = ''
  return text
}

test('the terminal is as before when it is closed, once', () => {
  const fake = fakeProcess()
  const { screen } = open(fake)
  assert.equal(written(fake), enter)
  assert.equal(fake.stdin.isRaw, true)
  screen.close()
  screen.close()
  assert.equal(written(fake), leave)
  assert.equal(fake.stdin.isRaw, false)
  assert.equal(fake.stdin.isPaused(), true)
  screen.draw(['late'])
  fake.events.emit('exit')
  assert.equal(written(fake), '')
})

test('also when the process ends in another way', () => {
  const fake = fakeProcess()
  open(fake)
  written(fake)
  fake.events.emit('exit')
  assert.equal(written(fake), leave)
  assert.equal(fake.stdin.isRaw, false)
})

test('only lines that changed are written, as one frame', () => {
  const fake = fakeProcess()
  const { screen } = open(fake)
  written(fake)
  screen.draw(['a', 'b', 'c'])
  assert.equal(
    written(fake),
    '\u001b[?2026h\u001b[1;1Ha\u001b[K\u001b[2;1Hb\u001b[K\u001b[3;1Hc\u001b[K\u001b[?2026l',
  )
  screen.draw(['a', 'B'])
  assert.equal(written(fake), '\u001b[?2026h\u001b[2;1HB\u001b[K\u001b[3;1H\u001b[K\u001b[?2026l')
  screen.draw(['a', 'B'])
  assert.equal(written(fake), '')
})

test('a terminal that is slow misses frames and gets the next one whole', () => {
  const fake = fakeProcess()
  const { screen } = open(fake)
  written(fake)
  fake.stdout.writableNeedDrain = true
  screen.draw(['a'])
  assert.equal(written(fake), '')
  fake.stdout.writableNeedDrain = false
  screen.draw(['a'])
  assert.match(written(fake), /\[1;1Ha/)
})

test('another size: everything is drawn anew', () => {
  const fake = fakeProcess()
  const { screen, resizes } = open(fake)
  screen.draw(['a'])
  fake.stdout.columns = 40
  fake.stdout.emit('resize')
  assert.equal(resizes(), 1)
  assert.deepEqual(screen.size, { columns: 40, rows: 24 })
  written(fake)
  screen.draw(['a'])
  assert.match(written(fake), /\[1;1Ha/)
  screen.close()
  fake.stdout.emit('resize')
  assert.equal(resizes(), 1)
})

test('keys come by name; Ctrl-Z gives the terminal to the shell until the program goes on', async () => {
  const fake = fakeProcess()
  const { screen, keys, resizes } = open(fake)
  const read = new Promise((resolve) => fake.stdin.once('data', resolve))
  fake.stdin.write('q\u001b[A\t\u001b[5~\u0003')
  await read
  assert.deepEqual(keys, ['q', 'up', 'tab', 'pageup', 'c'])
  written(fake)
  const stopped = new Promise((resolve) => fake.stdin.once('data', resolve))
  fake.stdin.write('\u001a')
  await stopped
  assert.deepEqual(fake.kills, [[7, 'SIGTSTP']])
  assert.equal(written(fake), leave)
  assert.equal(fake.stdin.isRaw, false)
  fake.events.emit('SIGCONT')
  assert.equal(written(fake), enter)
  assert.equal(fake.stdin.isRaw, true)
  assert.equal(resizes(), 1)
  screen.close()
})

test('input that is no terminal is not touched', () => {
  const fake = fakeProcess(false)
  const { screen } = open(fake)
  assert.equal(fake.stdin.isRaw, false)
  assert.equal(fake.stdin.listenerCount('data'), 0)
  screen.close()
  assert.equal(written(fake), `${enter}${leave}`)
})
