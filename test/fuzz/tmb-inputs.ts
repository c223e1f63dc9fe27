/** Lines as TMB clients might send them, and as nobody would. */

import { tmbCommands, tmbKinds } from '../../src/wire/tmb/words.ts'
import type { Random } from './random.ts'

const commands = Object.keys(tmbCommands)
const categories = [
  '/upper/shape',
  '/upper/colour',
  '/lower/shape',
  'a',
  ':',
  'größe',
  '\xff',
  'a\0b',
  'tmb-raw:_w',
  'topic-raw:YSBi',
  '$msgbus.delete',
  '.broker/reg',
  '#',
  '+/x',
].map((one) => Buffer.from(one, 'latin1'))
const expressions = [
  '.',
  '^/upper',
  '(a+)+$',
  'a.{20}b',
  '(a?){200}a{200}',
  '(',
  '[^/]*$',
  '\\b\\w',
  '(?=a)',
]
const blanks = [' ', ' ', ' ', '\t', '\x0b', '\r', '  ']
const ends = ['\n', '\n', '\n', '\r\n', '\r\r\n']

/** One line with its end. */
export function line(random: Random): Buffer {
  const body = random.once(3) ? command(random) : message(random)
  const spoilt = random.once(6) ? damaged(random, body) : body
  return Buffer.concat([spoilt, Buffer.from(random.one(ends), 'latin1')])
}

/** A message of a WebSocket: some lines, the last of which may lack its end. */
export function webSocketMessage(random: Random): Buffer {
  const lines = Array.from({ length: 1 + random.below(4) }, () => line(random))
  const all = Buffer.concat(lines)
  return random.once(2) ? all : all.subarray(0, Math.max(1, all.length - 1 - random.below(3)))
}

/** The same bytes in pieces. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  const count = random.once(2) ? 1 : 1 + random.below(5)
  const cuts = Array.from({ length: count - 1 }, () => random.below(bytes.length + 1))
  const borders = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
  return borders.slice(1).map((end, i) => Buffer.from(bytes.subarray(borders[i], end)))
}

function message(random: Random): Buffer {
  const category = random.once(4)
    ? random.bytes(random.once(50) ? 1_100 : 30)
    : random.one(categories)
  const rest = random.bytes(random.once(1_000) ? 70_000 : 60)
  return Buffer.concat([Buffer.from(':'), category, Buffer.from(random.one(blanks)), rest])
}

function command(random: Random): Buffer {
  const word = random.one(commands)
  // Ends its connection, so it is rare.
  const typed = word === 'quit' && !random.once(20) ? 'mine' : word
  const short = typed.slice(0, 1 + random.below(typed.length))
  const words = [random.once(10) ? short.toUpperCase() : short]
  if (/^[sw]/.test(typed)) words.push(String(random.below(30)))
  if (/^[swlfc]/.test(typed)) {
    const kind = random.one(tmbKinds)
    words.push(kind.slice(0, 1 + random.below(kind.length)))
    words.push(random.once(2) ? random.one(expressions) : random.one(categories).toString('latin1'))
  } else if (/^[upho]/.test(typed)) {
    words.push(random.one(['1', '*', 'echo', 'binary', 'replies', 'x'.repeat(random.below(5_000))]))
    words.push(random.one(['', 'on', 'off', 'base64', 'skip']))
  }
  return Buffer.from(words.join(random.one(blanks)), 'latin1')
}

function damaged(random: Random, bytes: Buffer): Buffer {
  const spoilt = Buffer.from(bytes)
  for (let times = 1 + random.below(3); times > 0 && spoilt.length > 0; times--) {
    spoilt[random.below(spoilt.length)] = random.below(256)
  }
  const cut = random.once(3) ? spoilt.subarray(0, random.below(spoilt.length + 1)) : spoilt
  return random.once(5) ? Buffer.concat([cut, random.bytes(40)]) : cut
}
