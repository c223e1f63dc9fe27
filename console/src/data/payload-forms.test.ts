import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bestForm, hexDump, previewPayload, readPayload, showPayload } from './payload-forms.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('the form that says most', () => {
  const cases: readonly [Uint8Array, string][] = [
    [bytes(''), 'text'],
    [bytes('hello'), 'text'],
    [bytes('21.5'), 'text'],
    [bytes(' {"a":1}'), 'json'],
    [bytes('[1,2'), 'text'],
    [bytes('Größe\tin\r\nmm 😀 \u001b[1m'), 'text'],
    [Uint8Array.of(0xff, 0x41), 'hex'],
    [Uint8Array.of(0x41, 0x00, 0x42), 'hex'],
  ]
  for (const [payload, form] of cases) assert.equal(bestForm(payload), form, String(payload))
})

test('JSON is laid out; what is none comes as text', () => {
  assert.deepEqual(showPayload(bytes('{"a":[1]}'), 'json'), {
    text: '{\n  "a": [\n    1\n  ]\n}',
    hiddenBytes: 0,
  })
  assert.equal(showPayload(bytes('{"a"'), 'json').text, '{"a"')
})

test('hex has position, bytes and what is printable', () => {
  assert.equal(
    hexDump(bytes('0123456789abcdef\nZ')),
    [
      '000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef',
      '000010  0a 5a                                             .Z',
    ].join('\n'),
  )
})

test('large payloads are cut, and it is said by how much', () => {
  const payload = new Uint8Array(1_000_000).fill(0x61)
  const shown = showPayload(payload, 'text')
  assert.equal(shown.text.length + shown.hiddenBytes, payload.length)
  assert.ok(shown.hiddenBytes > 0)
  const hex = showPayload(payload, 'hex')
  assert.equal(hex.text.split('\n').length * 16 + hex.hiddenBytes, payload.length)
})

test('hex that was typed is what was shown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (payload) => {
      const digits = Array.from(payload, (byte) => byte.toString(16).padStart(2, '0'))
      for (const separator of ['', ' ', '\n', ':', ', 0x']) {
        const typed =
          (separator.endsWith('0x') && digits.length > 0 ? '0x' : '') + digits.join(separator)
        assert.deepEqual(readPayload(typed, 'hex'), payload)
      }
    }),
  )
})

test('what cannot be read says why', () => {
  assert.throws(() => readPayload('4g', 'hex'), /“g” is not a hexadecimal digit/)
  assert.throws(() => readPayload('414', 'hex'), /one is missing/)
  assert.throws(() => readPayload('{a:1}', 'json'), /^Error: This is not JSON: /)
  assert.deepEqual(readPayload('{ "a": 1 }', 'json'), bytes('{ "a": 1 }'), 'as it was typed')
})

test('a preview is one line, also where it cuts a character in two', () => {
  assert.equal(previewPayload(bytes('a\n  b\tc')), 'a b c')
  assert.equal(previewPayload(bytes('x'.repeat(1_000)), 10), 'xxxxxxxxxx')
  for (let length = 1; length < 9; length++) {
    for (const text of ['ä'.repeat(50), '€'.repeat(50), '😀'.repeat(50), `x${'€'.repeat(50)}`]) {
      const shown = previewPayload(bytes(text), length)
      assert.equal(shown, Array.from(text).slice(0, length).join(''), `${text} to ${length}`)
    }
  }
  assert.equal(previewPayload(Uint8Array.of(0xff, 0x00, 0x10), 30), 'ff 00 10')
})
