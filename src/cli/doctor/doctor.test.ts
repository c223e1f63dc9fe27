/** Every check shown a sound and a broken machine; everything wrong comes with a remedy. */

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { DaemonStatus } from '../../client/core.ts'
import { judgeStatus } from './daemon-checks.ts'
import {
  checkClock,
  checkDisk,
  checkEngine,
  checkFolder,
  checkNode,
  checkPort,
  checkReadyFile,
  judgeDisk,
} from './machine-checks.ts'
import type { Finding } from './finding.ts'

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-doctor-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function expect(finding: Finding, level: Finding['level'], text: RegExp): void {
  assert.equal(finding.level, level, finding.text)
  assert.match(finding.text, text)
  assert.equal(finding.remedy !== undefined, level === 'wrong' || level === 'warning')
}

test('Node.js', () => {
  for (const version of ['20.19.0', '20.20.2', '24.1.0']) expect(checkNode(version), 'good', /v2/)
  for (const version of ['20.18.3', '18.20.1'])
    expect(checkNode(version), 'wrong', /older than v20\.19/)
})

const broken = () => Promise.reject(new Error('no native build\nmore'))

test('storage engines', async () => {
  expect(await checkEngine('lmdb', () => Promise.resolve({})), 'good', /lmdb can be loaded/)
  expect(await checkEngine('lmdb', broken), 'wrong', /lmdb cannot be loaded: no native build$/)
  expect(await checkEngine('libsql', broken), 'warning', /sqlite cannot be loaded/)
})

test('the clock', () => {
  expect(checkClock(Date.now()), 'good', /^20/)
  expect(checkClock(0), 'wrong', /^1970.*cannot be right/)
})

test('the data folder', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  expect(await checkFolder(folder), 'good', /msgbus-doctor/)
  expect(await checkFolder(join(folder, 'new')), 'note', /the daemon makes it/)
  expect(await checkFolder(file), 'wrong', /is a file/)
  expect(await checkFolder('/proc/nothing/here'), 'wrong', /cannot be made/)
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  expect(await checkFolder(open), 'warning', /every user/)
})

test('the disk', async (t) => {
  assert.notEqual((await checkDisk(join(temporaryFolder(t), 'not', 'there', 'yet'))).level, 'note')
  expect(judgeDisk(10 ** 10, 10 ** 11), 'good', /9\.3 GiB of 93\.1 GiB free/)
  expect(judgeDisk(10 ** 8, 10 ** 11), 'warning', /only 95\.4 MiB/)
  expect(judgeDisk(0, 10 ** 11), 'wrong', /^full/)
})

test('the ready file: none, of a killed daemon, of one that listens elsewhere, broken', async (t) => {
  const folder = temporaryFolder(t)
  expect(await checkReadyFile(folder, false), 'note', /none on/)
  const write = (pid: number) => {
    const listeners = [{ protocol: 'grpc', address: '127.0.0.1:7' }]
    writeFileSync(join(folder, 'ready.json'), JSON.stringify({ pid, listeners }))
  }
  // No process has a number above the largest the kernel gives.
  write(2 ** 30)
  expect(await checkReadyFile(folder, false), 'note', /was killed/)
  write(process.pid)
  expect(await checkReadyFile(folder, true), 'good', new RegExp(`process ${process.pid}`))
  const elsewhere = await checkReadyFile(folder, false)
  expect(elsewhere, 'wrong', /but not at --server/)
  assert.equal(elsewhere.remedy, 'name where it listens: --server 127.0.0.1:7')
  writeFileSync(join(folder, 'ready.json'), 'half')
  expect(await checkReadyFile(folder, false), 'warning', /not JSON/)
})

test('ports', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  t.after(() => server.close())
  expect(await checkPort(port), 'warning', /is taken by another program/)
  await new Promise((resolve) => server.close(resolve))
  expect(await checkPort(port), 'good', /is free/)
})

test('what the daemon tells', () => {
  const status: DaemonStatus = {
    node: { tenantId: 't', blName: 'b', deviceId: 'd' },
    version: '1',
    storage: 'lmdb',
    durability: 'disk',
    epoch: 'e',
    dataFolder: '/data',
    startedAtMs: Date.now() - 1_000,
    ready: true,
    error: '',
    logs: 1,
    lastSequence: 1,
    storedBytes: 1,
    lastCommitAgeMs: 1,
    damagedRecords: 0,
    subscriptions: 0,
    queues: 0,
    listeners: [{ protocol: 'grpc', address: '127.0.0.1:50051', tls: false }],
    residentBytes: 1,
    freeDiskBytes: 10 ** 10,
    historyLogs: 0,
    historyBytes: 0,
  }
  assert.ok(judgeStatus(status).every(({ level }) => level === 'good'))
  const troubled = judgeStatus({
    ...status,
    durability: 'os',
    damagedRecords: 3,
    freeDiskBytes: 10 ** 6,
    historyLogs: 0,
    historyBytes: 0,
    startedAtMs: Date.now() + 60_000,
    listeners: [{ protocol: 'grpc', address: '0.0.0.0:50051', tls: false }],
  })
  assert.deepEqual(
    troubled.map(({ check, level }) => [check, level]),
    [
      ['durability', 'warning'],
      ['records', 'wrong'],
      ["daemon's disk", 'warning'],
      ['clocks', 'warning'],
      ['access', 'warning'],
    ],
  )
  assert.ok(troubled.every(({ remedy }) => remedy !== undefined))
})
