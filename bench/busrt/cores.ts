/**
 * One core for the broker, another for the load: then the scheduler moves neither, and what one
 * does is not measured in the other. On a machine with one core nothing is pinned.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Cores {
  readonly load: number
  readonly broker: number
}

/** Undefined where there are no two cores, or no taskset. */
export function pinnedCores(): Cores | undefined {
  const [load, broker] = allowedCores()
  const canPin = spawnSync('taskset', ['--version']).status === 0
  return load === undefined || broker === undefined || !canPin ? undefined : { load, broker }
}

/** Puts all threads of a running process on one core. */
export function pin(pid: number, core: number): void {
  const args = ['--all-tasks', '--pid', '--cpu-list', String(core), String(pid)]
  const { status, stderr } = spawnSync('taskset', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`taskset: ${stderr}`)
}

/** Cores this process may use: `0-2,7` is 0, 1, 2, 7. */
function allowedCores(): number[] {
  let status: string
  try {
    status = readFileSync('/proc/self/status', 'utf8')
  } catch {
    // Not Linux.
    return []
  }
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(status) ?? []
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}
