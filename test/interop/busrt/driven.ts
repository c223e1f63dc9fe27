/**
 * A client program of another language that does what a test tells it: `python/client.py` and
 * `rust/`. One command per line, one answer per command, and events in between.
 */

import assert from 'node:assert/strict'
import type { Scope } from '../../e2e/clean-up.ts'
import { type Program, type RunningProgram, startProgram } from './child-program.ts'

export type Command =
  | { do: 'connect'; name: string; rpc?: boolean }
  /** Answers its name; commands with `as` go to it. Rust only. */
  | { do: 'secondary' }
  | { do: 'send' | 'broadcast'; target: string; payload: string; qos?: number; as?: 'secondary' }
  | { do: 'publish'; topic: string; payload: string; qos?: number; as?: 'secondary' }
  /** Rust only. */
  | { do: 'publish_for'; topic: string; target: string; payload: string; qos?: number }
  | { do: 'subscribe' | 'unsubscribe'; topics: readonly string[]; as?: 'secondary' }
  /** Rust only. */
  | { do: 'exclude' | 'unexclude'; topics: readonly string[]; as?: 'secondary' }
  | { do: 'call' | 'call0'; target: string; method: string; payload: string }
  | { do: 'notify'; target: string; payload: string }
  | { do: 'disconnect' | 'ping' }

/** What happened at the client, payloads as hex; what a library does not tell is missing. */
export interface DrivenEvent {
  readonly event: 'message' | 'broadcast' | 'publication' | 'notification' | 'call'
  readonly sender: string
  readonly primary?: string
  readonly topic?: string | null
  readonly method?: string
  readonly payload: string
  readonly realtime?: boolean
}

interface Answer {
  /** The result code of an acknowledgement, or what the command answers. */
  readonly result?: unknown
  readonly error?: string
}

export class DrivenClient {
  readonly #program: RunningProgram
  readonly #answers: Answer[] = []
  readonly #events: DrivenEvent[] = []
  /** How much of its output was taken apart. */
  #read = 0

  constructor(t: Scope, program: Program, args: readonly string[]) {
    this.#program = startProgram(t, program, args)
  }

  /** @throws with what the program said when the command failed */
  async do(command: Command): Promise<unknown> {
    this.#program.write(JSON.stringify({ qos: 1, ...command }))
    const { error, result } = await this.#next(this.#answers)
    if (error !== undefined) throw new Error(error)
    return result
  }

  /** The next event must be this, as far as it is given here. */
  async sees(expected: Partial<DrivenEvent>): Promise<void> {
    const event: Record<string, unknown> = { ...(await this.#next(this.#events)) }
    const keys = Object.keys(expected)
    assert.deepEqual(Object.fromEntries(keys.map((key) => [key, event[key]])), expected)
  }

  async #next<Item>(queue: Item[]): Promise<Item> {
    for (;;) {
      const item = queue.shift()
      if (item !== undefined) return item
      const seen = this.#read
      await this.#program.wrote(seen)
      this.#takeLines()
    }
  }

  #takeLines(): void {
    const text = this.#program.stdout()
    const end = text.lastIndexOf('\n') + 1
    for (const line of text.slice(this.#read, end).split('\n')) {
      if (line === '') continue
      const parsed = JSON.parse(line) as Answer | DrivenEvent
      if ('event' in parsed) this.#events.push(parsed)
      else this.#answers.push(parsed)
    }
    this.#read = end
  }
}
