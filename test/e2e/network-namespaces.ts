/**
 * Two machines on one: network namespaces with a cable between them, for tests of what links do when networks fail.
 * Needs root and `ip`; where that is not permitted, `openMachines` says why.
 */

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { cleanUp, type Scope } from './clean-up.ts'

export interface Machine {
  /** Of its end of the cable. */
  readonly address: string
  /** The command that runs others on it. */
  readonly under: readonly string[]
  /** Nothing that it sends arrives (true), while what others send still does. */
  cutOutgoing(isCut: boolean): void
  /** Nobody can connect to it; it still connects to others. */
  refuseIncoming(): void
  /** The cable is out (false), or in again. */
  plug(isIn: boolean): void
}

function ip(...words: string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr.trim()) || `ip ${words.join(' ')}`
}

function must(...words: string[]): void {
  const fault = ip(...words)
  if (fault !== undefined) throw new Error(`ip ${words.join(' ')}: ${fault}`)
}

/** Two machines that reach each other, removed after the test; or why there are none. */
export function openMachines(t: Scope): readonly [Machine, Machine] | string {
  const names = ['a', 'b'].map((name) => `msgbus-${process.pid}-${name}`)
  const devices = ['a', 'b'].map((name) => `mb${process.pid}${name}`)
  const network = `10.${77 + (process.pid % 100)}.${(process.pid >> 8) % 256}`
  const addresses = [`${network}.1`, `${network}.2`]
  const remove = () => {
    for (const name of names) ip('netns', 'del', name)
  }
  const [a = '', b = ''] = names
  const [deviceA = '', deviceB = ''] = devices
  const fault =
    ip('netns', 'add', a) ??
    ip('netns', 'add', b) ??
    ip('link', 'add', deviceA, 'netns', a, 'type', 'veth', 'peer', 'name', deviceB, 'netns', b)
  if (fault !== undefined) {
    remove()
    return `network namespaces are not permitted here: ${fault}`
  }
  cleanUp(t, remove)
  const machine = (at: 0 | 1): Machine => {
    const [name = '', device = '', address = ''] = [names[at], devices[at], addresses[at]]
    const other = addresses[1 - at] ?? ''
    const inside = ['netns', 'exec', name, 'ip']
    const plug = (isIn: boolean) => must(...inside, 'link', 'set', device, isIn ? 'up' : 'down')
    must(...inside, 'addr', 'add', `${address}/24`, 'dev', device)
    must(...inside, 'link', 'set', 'lo', 'up')
    plug(true)
    return {
      address,
      under: ['ip', 'netns', 'exec', name],
      plug,
      cutOutgoing: (isCut) =>
        must(...inside, 'rule', isCut ? 'add' : 'del', 'to', other, 'blackhole'),
      // What listens is answered from a port below those of outgoing connections: such answers never leave.
      refuseIncoming: () => {
        const answers = ['to', `${network}.0/24`, 'ipproto', 'tcp', 'sport', '1-32767']
        must(...inside, 'rule', 'add', ...answers, 'prohibit')
      },
    }
  }
  return [machine(0), machine(1)]
}
