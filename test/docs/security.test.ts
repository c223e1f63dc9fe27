/** The five usual set-ups of docs/security.md, tried as they are written. */

import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { canIdentifyProcesses } from '../../src/net/process-credentials.ts'
import { followPage } from './page-runner.ts'

const missing = ['mosquitto_pub', 'bash'].find(
  (program) => spawnSync(program, ['--help']).error !== undefined,
)
const skip =
  (missing !== undefined && `there is no ${missing}`) ||
  (!canIdentifyProcesses() && 'processes cannot be told apart here')

test('what docs/security.md says', { skip }, async (t) => followPage(t, 'docs/security.md'))
