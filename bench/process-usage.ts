/** What a process has used, from /proc; 0 where the system has none. */

import { readFileSync } from 'node:fs'

export interface Usage {
  /** User and system time of all threads, seconds. */
  readonly cpuSeconds: number
  /** What the process caused to be written to storage, bytes. */
  readonly writtenBytes: number
  readonly residentBytes: number
}

// USER_HZ, which Linux fixes at 100 for what it shows.
const ticksPerSecond = 100

export function usageOf(pid: number | 'self'): Usage {
  const stat = read(pid, 'stat')
  // The name in parentheses may hold blanks; what follows it is separated by them.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  return {
    cpuSeconds: ticks / ticksPerSecond,
    writtenBytes: Number(/^write_bytes: (\d+)/m.exec(read(pid, 'io'))?.[1] ?? 0),
    residentBytes: 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0),
  }
}

function read(pid: number | 'self', file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
