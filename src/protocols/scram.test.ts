// Proves the exchange by the example of RFC 7677 section 3, and that a wrong answer is one.

import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import { BusError } from '../model/errors.ts'
import { parseScramBegin, ScramExchange } from './scram.ts'

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256')
const clientKey = createHmac('sha256', salted).update('Client Key').digest()
const verifiers = {
  scram: {
    salt,
    iterations: 4096,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: createHmac('sha256', salted).update('Server Key').digest(),
  },
}
const begin = 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO'
const end =
  'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='

const exchange = (): ScramExchange =>
  new ScramExchange(parseScramBegin(begin), verifiers, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')

test('the example of RFC 7677', () => {
  assert.equal(
    exchange().challenge,
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  )
  assert.equal(exchange().verify(end), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

test('a wrong proof, and the nonce of another exchange', () => {
  assert.equal(exchange().verify(end.replace('p=dH', 'p=dI')), undefined)
  assert.equal(exchange().verify(end.replace('r=rO', 'r=rP')), undefined)
  assert.equal(exchange().verify(end.replace(/p=.*/, 'p=AAAA')), undefined)
  assert.equal(new ScramExchange(parseScramBegin(begin), verifiers).verify(end), undefined)
})

test('names with commas, and what is no message of SCRAM', () => {
  assert.equal(parseScramBegin('y,,n=a=2Cb=3Dc,r=x').user, 'a,b=c')
  for (const text of [
    '',
    'n,,n=user',
    'p=tls-unique,,n=u,r=x',
    'n,a=other,n=u,r=x',
    'n,,r=x,n=u',
  ]) {
    assert.throws(() => parseScramBegin(text), BusError, text)
  }
  assert.throws(() => exchange().verify('c=biws,r=x'), BusError)
})
