import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { parseFifoCommand } from './fifo-command.ts'

const parse = (line: string | Uint8Array) =>
  parseFifoCommand(typeof line === 'string' ? Buffer.from(line) : line)

function shown(line: string): string {
  const { kind, target, payload } = parse(line) ?? { kind: 'nothing', target: '', payload: [] }
  return `${kind} ${target} ${Buffer.from(payload).toString('hex')}`.trimEnd()
}

const hex = (text: string) => Buffer.from(text).toString('hex')

test('what a line asks for', () => {
  const lines: [string, string][] = [
    ['tgt hello world', `message tgt ${hex('hello')}`],
    ['tgt hello\r', `message tgt ${hex('hello')}`],
    ['  tgt hello', `message tgt ${hex('hello')}`],
    ['tgt ', 'message tgt'],
    ['tgt  hello', 'message tgt'],
    ['tgt \0é', `message tgt ${hex('\0é')}`],
    ['a%%b x', `message a%%b ${hex('x')}`],
    ['g.* hello', `broadcast g.* ${hex('hello')}`],
    ['?.b hello', `broadcast ?.b ${hex('hello')}`],
    ['=tp msg two', `publication tp ${hex('msg')}`],
    ['  =tp msg', `publication tp ${hex('msg')}`],
    ['=tp :m', `publication tp ${hex(':m')}`],
    ['=tp ', 'publication tp'],
    ['= msg', `publication  ${hex('msg')}`],
    ['tgt .note', `message tgt 00${hex('note')}`],
    ['tgt .', 'message tgt 00'],
    ['g.* .note', `message g.* 00${hex('note')}`],
    ['tgt :m0', 'message tgt 01000000006d300080'],
    ['tgt :m0 ', 'message tgt 01000000006d300080'],
    ['tgt :', 'message tgt 01000000000080'],
    ['tgt :m  a=1  b=2', 'message tgt 01000000006d0082a16101a16202'],
    ['tgt :m a=1 a=2', 'message tgt 01000000006d0081a16102'],
    ['', 'nothing'],
    ['   ', 'nothing'],
    ['\r', 'nothing'],
  ]
  for (const [line, expected] of lines) assert.equal(shown(line), expected, JSON.stringify(line))
})

test('the type of a parameter', () => {
  const values: [string, string][] = [
    ['true', 'c3'],
    ['false', 'c2'],
    ['True', `a4${hex('True')}`],
    ['0', '00'],
    ['-0', '00'],
    ['+5', '05'],
    ['007', '07'],
    ['-7', 'f9'],
    ['255', 'ccff'],
    ['-129', 'd1ff7f'],
    ['4294967296', 'cf0000000100000000'],
    ['9007199254740993', 'cf0020000000000001'],
    ['9223372036854775807', 'cf7fffffffffffffff'],
    ['-9223372036854775808', 'd38000000000000000'],
    ['+9223372036854775807', 'cf7fffffffffffffff'],
    ['9223372036854775808', 'cb43e0000000000000'],
    ['-9223372036854775809', 'cbc3e0000000000000'],
    ['1.5', 'cb3ff8000000000000'],
    ['1.0', 'cb3ff0000000000000'],
    ['1.', 'cb3ff0000000000000'],
    ['.5', 'cb3fe0000000000000'],
    ['-0.0', 'cb8000000000000000'],
    ['1E3', 'cb408f400000000000'],
    ['1e400', 'cb7ff0000000000000'],
    ['-inf', 'cbfff0000000000000'],
    ['Infinity', 'cb7ff0000000000000'],
    ['nan', 'cb7ff8000000000000'],
    ['0x10', `a4${hex('0x10')}`],
    ['1_000', `a5${hex('1_000')}`],
    ['.', 'a12e'],
    ['-', 'a12d'],
    ['', 'a0'],
    ['b=c', `a3${hex('b=c')}`],
    ['é', `a2${hex('é')}`],
  ]
  for (const [value, expected] of values) {
    assert.equal(shown(`t :m k=${value}`), `message t 01000000006d0081a16b${expected}`, value)
  }
})

test('many parameters', () => {
  const words = Array.from({ length: 300 }, (_, i) => `k${i}=${i}`)
  const payload = parse(`t :m ${words.join(' ')}`)?.payload ?? new Uint8Array()
  assert.equal(Buffer.from(payload.subarray(7, 10)).toString('hex'), 'de012c')
})

test('lines that are none', () => {
  const lines: [string | Uint8Array, RegExp][] = [
    ['tgt', /nothing stands behind the target/],
    ['=tp', /nothing stands behind the target/],
    ['tgt\tx', /nothing stands behind the target/],
    ['tgt :m a', /key=value/],
    ['t\0t x', /a zero/],
    ['=t\0t x', /a zero/],
    ['t :m\0m', /a zero/],
    [Uint8Array.of(0x74, 0x20, 0xff), /UTF-8/],
  ]
  for (const [line, message] of lines) {
    assert.throws(() => parse(line), { name: 'ProtocolError', message }, String(line))
  }
})

test('random bytes cost nothing but their line', () => {
  const piece = fc.constantFrom('=', ' ', ':', '.', '*', 'k=1', 'é', '\0', '9'.repeat(70), 'x')
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.array(piece).map((pieces) => Buffer.from(pieces.join(''))),
  )
  const property = fc.property(line, (bytes) => {
    try {
      parse(bytes)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error))
    }
  })
  fc.assert(property, { numRuns: 2_000 })
})
