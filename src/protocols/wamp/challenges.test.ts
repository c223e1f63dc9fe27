/** The numbers of spec/wamp's vectors, and what is not quite them. */

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'

import {
  isCryptosignSignature,
  isWampCraSignature,
  scramMessage,
  scramVerifier,
} from './challenges.ts'

const challenge =
  '{"nonce":"LHRTC9zeOIrt_9U3","authprovider":"static","authid":"peter","timestamp":"2026-01-02T03:04:05.678Z","authrole":"user","authmethod":"wampcra","session":3251278072152162}'

test('WAMP-CRA, plain and salted', () => {
  const right: [key: string, signature: string][] = [
    ['secret1', 'cJo6AMGcW6fytzcqqPI5nmzjK5kCCrzioPKp4LcYRv8='],
    [
      'nythvFZ7EuM5sPCQrrgnz1oJiZXUNcZZFlDIdGSiNUs=',
      'EwzLZ6tIu1Dl18s2uzsCf28rPGFYsfBz1a+q8iI/xyw=',
    ],
  ]
  for (const [key, signature] of right) {
    assert.equal(isWampCraSignature(signature, challenge, key), true)
    assert.equal(isWampCraSignature(signature, `${challenge} `, key), false)
    assert.equal(isWampCraSignature(signature, challenge, `${key}x`), false)
    assert.equal(isWampCraSignature('', challenge, key), false)
  }
})

test('cryptosign, with and without a channel', () => {
  const publicKey = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
  const octets = Buffer.from(
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00112233445566778899aabbccddeeff',
    'hex',
  )
  const channel = Buffer.from(
    '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0',
    'hex',
  )
  const plain =
    'f8a292d9fe021af39e4953d1c7e17c135147567c30b95a073282c2d73098a729856066a4dccb45a13068cf5bdd30677e2d6935b4680c455f3c7f9fac7a1a0c03f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00112233445566778899aabbccddeeff'
  const bound =
    '4ef927c02744b1b9b0790eb7260a238c95add1febc6a13735732f1f5d00a164d8973b97c92d964105fc5483003e363612154b355ca89c0cd5d87ef24081d990cffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f'
  assert.equal(isCryptosignSignature(plain, octets, undefined, publicKey), true)
  assert.equal(isCryptosignSignature(plain.toUpperCase(), octets, undefined, publicKey), true)
  assert.equal(isCryptosignSignature(bound, octets, channel, publicKey), true)
  assert.equal(isCryptosignSignature(plain, octets, channel, publicKey), false)
  assert.equal(isCryptosignSignature(bound, octets, undefined, publicKey), false)
  assert.equal(isCryptosignSignature(plain.slice(0, 190), octets, undefined, publicKey), false)
  assert.equal(isCryptosignSignature(plain, octets, undefined, publicKey.replace('0', '1')), false)
  assert.equal(isCryptosignSignature(plain, octets, undefined, 'no key'), false)
  // Signed rightly, by somebody else.
  const { privateKey } = generateKeyPairSync('ed25519')
  const foreign = sign(null, octets, privateKey).toString('hex') + octets.toString('hex')
  assert.equal(isCryptosignSignature(foreign, octets, undefined, publicKey), false)
})

test('SCRAM', () => {
  const exchange = {
    authid: 'user',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    nonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    iterations: 4096,
    channelBinding: 'biws',
  }
  const keys = {
    storedKey: Buffer.from('WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=', 'base64'),
    serverKey: Buffer.from('wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=', 'base64'),
  }
  const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
  assert.equal(scramVerifier(exchange, proof, keys), '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  assert.equal(scramVerifier({ ...exchange, iterations: 4095 }, proof, keys), undefined)
  assert.equal(scramVerifier(exchange, '', keys), undefined)
  assert.equal(
    scramVerifier(exchange, `${proof.slice(0, 8)}AAAA${proof.slice(12)}`, keys),
    undefined,
  )
  assert.match(scramMessage({ ...exchange, authid: 'a=b,c' }), /^n=a=3Db=2Cc,r=/)
})
