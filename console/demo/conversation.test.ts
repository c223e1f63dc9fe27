import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Conversation, maxUnanswered } from './conversation.ts'

/** What each line that comes is taken for: the command it answers, or whose lines it is among. */
function heard(conversation: Conversation, lines: readonly string[]): string[] {
  return lines.map((line) => {
    const incoming = conversation.received(line)
    switch (incoming.type) {
      case 'message':
        return `message ${incoming.message.category} to ${incoming.answerTo?.line ?? 'all'}`
      case 'ok':
        return `ok to ${incoming.command.line}`
      case 'error':
        return `${incoming.code} to ${incoming.command?.line ?? 'nothing'}`
      case 'other':
        return 'other'
    }
  })
}

function after(...sent: string[]): Conversation {
  const conversation = new Conversation()
  for (const line of sent) conversation.sending(line)
  return conversation
}

test('answers go to commands in their order; messages come in between', () => {
  const conversation = after('s 1 r .', ':a x', '', 'nonsense', 's 2 z .', 'p hello')
  const lines = [
    ':a x',
    'ok subscribe 1 added',
    ':b',
    'error unknown-command - what',
    'error unknown-kind subscribe z is none',
    'info slow 3',
    'ok ping hello',
    'ok ping unasked',
  ]
  assert.deepEqual(heard(conversation, lines), [
    'message a to all',
    'ok to s 1 r .',
    'message b to all',
    'unknown-command to nonsense',
    'unknown-kind to s 2 z .',
    'other',
    'ok to p hello',
    'other',
  ])
})

test('the lines that an answer announces belong to it, and no more', () => {
  const conversation = after('last r .', 'w 7 is /a', 'm', 'l is /z')
  const lines = ['ok last 2', ':a 1', ':b 2', ':c 3', 'ok watch 7 replaced 1', ':/a 9', ':/a 10']
  assert.deepEqual(heard(conversation, lines), [
    'ok to last r .',
    'message a to last r .',
    'message b to last r .',
    'message c to all',
    'ok to w 7 is /a',
    'message /a to w 7 is /a',
    'message /a to all',
  ])
  assert.deepEqual(heard(conversation, ['ok mine 1', 'item mine 7 is /a', 'ok last 0', ':d 1']), [
    'ok to m',
    'other',
    'ok to l is /z',
    'message d to all',
  ])
})

test('errors about messages and about the connection answer no command', () => {
  const conversation = after('p', ': x')
  const lines = [
    'error empty-category message',
    'error shutting-down -',
    'error slow-reader -',
    'ok ping',
  ]
  assert.deepEqual(heard(conversation, lines), [
    'empty-category to nothing',
    'shutting-down to nothing',
    'slow-reader to nothing',
    'ok to p',
  ])
})

test('a line that was too long to be looked at is found by its length', () => {
  const long = `p ${'x'.repeat(70_000)}`
  assert.deepEqual(heard(after(long, 'p'), ['error line-too-long -', 'ok ping']), [
    `line-too-long to ${long}`,
    'ok to p',
  ])
  // It was a message.
  const conversation = after(`:a ${'x'.repeat(70_000)}`, 'p')
  assert.deepEqual(heard(conversation, ['error line-too-long -', 'ok ping']), [
    'line-too-long to nothing',
    'ok to p',
  ])
})

test('answers that never come do not hold up the others, nor memory', () => {
  // After `option replies off` only errors come.
  const conversation = after('s 1 r .', 's 2 r .', 'u 9')
  assert.deepEqual(heard(conversation, ['error no-such-subscription unsubscribe 9']), [
    'no-such-subscription to u 9',
  ])
  const many = after(...Array.from({ length: maxUnanswered + 1 }, (_, i) => `p ${i}`))
  assert.deepEqual(heard(many, ['ok ping 1']), ['ok to p 1'])
})

test('any lines that a stranger could send are taken', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (sent, received) => {
      const conversation = after(...sent)
      assert.equal(heard(conversation, received).length, received.length)
    }),
  )
})
