/** What a program of any protocol is to a test of all of them, and what their making has in common. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cleanUp, type Scope } from './clean-up.ts'
import type { DaemonProcess } from './daemon-process.ts'

export const rootTopic = 'every'

export interface Sample {
  /** Below `rootTopic`; without white space, so that it is a category of TMB, too. */
  readonly topic: string
  readonly payload: Buffer
  /**
   * What separates category and payload in TMB, where that is not a blank (spec/tmb 10.3): two hexadecimal digits; empty:
   * nothing does. Everywhere else it is the header `tmb-sep`.
   */
  readonly separator?: string | undefined
}

/** What a participant got. The separator is undefined for those that see no headers, too. */
export type Received = Sample

export interface Participant {
  /** By the name of the way: stored or not, with or without an acknowledgement. */
  readonly ways: Readonly<Record<string, Way>>
  /** The next message; undefined when it has lost its connection. */
  readonly next: () => Promise<Received | undefined>
  /** Sees headers, or their meaning. */
  readonly seesSeparator: boolean
  /** What it shows as it came. Default: everything. */
  readonly shows?: (sample: Sample) => boolean
}

export interface Way {
  readonly publish: (sample: Sample) => unknown
  /** What it can say. Default: everything. */
  readonly carries?: (sample: Sample) => boolean
}

export interface ParticipantKind {
  readonly name: string
  /** Why it cannot take part here; false: it can. */
  readonly skip: string | false
  /** Resolves when everything that is published from then on comes. Ended with the test. */
  readonly join: (t: Scope, daemon: DaemonProcess) => Promise<Participant>
}

/** Messages that came and were not asked for yet. */
export class Arrivals {
  readonly #waiting: Received[] = []
  #isOver = false
  #wake: () => void = () => undefined

  add(received: Received): void {
    this.#waiting.push(received)
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  async next(): Promise<Received | undefined> {
    for (;;) {
      const first = this.#waiting.shift()
      if (first !== undefined || this.#isOver) return first
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

export function addressOf(daemon: DaemonProcess, protocol: string): string {
  const found = daemon.info.listeners.find((listener) => listener.protocol === protocol)
  assert.ok(found !== undefined, `no listener for ${protocol}`)
  return found.address
}

export function start(t: Scope, program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanUp(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  return child
}

export function without(program: string, argument: string): string | false {
  const { error } = spawnSync(program, [argument], { stdio: 'ignore', timeout: 10_000, input: '' })
  return error === undefined ? false : `there is no ${program} on the PATH`
}

/** A promise that is settled from outside. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settle: (() => void) | undefined
  const promise = new Promise<void>((resolve) => (settle = resolve))
  return { promise, resolve: () => settle?.() }
}
