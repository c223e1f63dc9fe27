import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { silentLogger } from '../core/logger.ts'
import { ManualClock } from '../core/manual-clock.ts'
import { AuditLog, verifyAudit } from './audit-log.ts'

function open(t: TestContext, fileBytes?: number, given?: string) {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'msgbus-audit-'))
  if (given === undefined) t.after(() => rmSync(folder, { recursive: true }))
  const clock = new ManualClock()
  const log = new AuditLog({ folder, clock, logger: silentLogger, fileBytes })
  return { folder, clock, log, path: join(folder, 'audit.log') }
}

const refused = { event: 'refused', user: 'bob', action: 'publish', resource: 't', rule: 'rule 1' }

describe('the record', () => {
  test('has one line for each refusal, counts the same again, and goes on after a restart', async (t) => {
    const { folder, clock, log, path } = open(t)
    for (let i = 0; i < 1_000; i++) log.refusal(refused)
    log.refusal({ ...refused, resource: 'u' })
    log.act({ event: 'user_added', user: 'root', detail: 'bob' })
    clock.advance(60_001)
    await log.close()
    const again = open(t, undefined, folder).log
    again.act({ event: 'reloaded', user: 'root' })
    assert.deepEqual((await again.verify()).faults, [])
    await again.close()
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      parsed.map(({ n, event, resource, repeats }) => [n, event, resource, repeats]),
      [
        [1, 'refused', 't', undefined],
        [2, 'refused', 'u', undefined],
        [3, 'user_added', undefined, undefined],
        [4, 'refused', 't', 999],
        [5, 'reloaded', undefined, undefined],
      ],
    )
  })

  test('is bounded on the disk, and what is left of it verifies', async (t) => {
    const { folder, log } = open(t, 1_000)
    for (let i = 0; i < 200; i++) {
      log.act({ event: 'user_added', user: 'root', detail: `user ${i}` })
      await log.verify()
    }
    await log.close()
    const files = readdirSync(folder).filter((name) => name.startsWith('audit.log'))
    assert.equal(files.length, 9)
    const { faults, head } = await verifyAudit(folder)
    assert.deepEqual([faults, head.number], [[], 200])
  })

  test('kinds of refusal that are beyond the bound are counted together', async (t) => {
    const { clock, log, path } = open(t)
    for (let i = 0; i < 6_000; i++) log.refusal({ ...refused, resource: `t${i}` })
    clock.advance(60_001)
    await log.close()
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    assert.equal(lines.length, 5_001)
    assert.match(lines.at(-1) ?? '', /"more_refused".*1000 other refusals/)
  })

  test('control characters do not make lines', async (t) => {
    const { log, path } = open(t)
    log.refusal({ ...refused, resource: 'a\n{"n":2}\u001b[2J' })
    await log.close()
    assert.equal(readFileSync(path, 'utf8').split('\n').length, 2)
  })
})

describe('what somebody did to it is found', () => {
  const damages: Record<string, [change: (lines: string[]) => string[], fault: RegExp]> = {
    'a changed line': [
      (lines) => lines.map((line, i) => (i === 2 ? line.replace('user 2', 'user 9') : line)),
      /line 3 was changed/,
    ],
    'a missing line': [(lines) => lines.filter((_, i) => i !== 2), /line 3 follows 1 missing/],
    'two lines in the other order': [
      ([a = '', b = '', ...rest]) => [b, a, ...rest],
      /line 2 is out of order/,
    ],
    'a cut end': [(lines) => lines.slice(0, -2), /the last 2 lines are missing/],
    'a line cut in half': [
      (lines) => lines.map((line, i) => (i === 4 ? line.slice(0, 40) : line)),
      /line 5 is cut off/,
    ],
  }
  for (const [name, [change, fault]] of Object.entries(damages)) {
    test(name, async (t) => {
      const { folder, log, path } = open(t)
      for (let i = 0; i < 5; i++) log.act({ event: 'user_added', user: 'r', detail: `user ${i}` })
      await log.close()
      assert.deepEqual((await verifyAudit(folder)).faults, [])
      const lines = readFileSync(path, 'utf8').trim().split('\n')
      writeFileSync(path, `${change(lines).join('\n')}\n`)
      assert.match((await verifyAudit(folder)).faults.join('\n'), fault)
    })
  }
})
