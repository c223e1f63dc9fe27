/** Reads several logs together from their ends, in the reverse of the commit order. */

import type { LogInfo, LogStore } from '../../core/log-store.ts'
import type { LogKey, StoredMessage } from '../../model/message.ts'

/** Messages of a log that are read at a time. */
const chunkMessages = 100

/** Deleted and trimmed ones are left out. @param until place in the commit order from which on it reads back */
export async function* newestFirst(
  store: LogStore,
  wants: (log: LogKey) => boolean,
  until: number,
): AsyncGenerator<StoredMessage> {
  const logs = [...store.logs()].filter((log) => log.head > log.trimmedTo && wants(log))
  const open = logs.map((log) => new LogEnd(store, log, until))
  for (;;) {
    const newest = newestOf(open)
    if (newest === undefined) return
    if (newest.isLoaded) yield newest.take()
    else if (!(await newest.load())) open.splice(open.indexOf(newest), 1)
  }
}

function newestOf(open: readonly LogEnd[]): LogEnd | undefined {
  let newest: LogEnd | undefined
  for (const each of open) if (newest === undefined || each.bound > newest.bound) newest = each
  return newest
}

/** One log, read from its end. */
class LogEnd {
  /** Nothing that is still to come has a greater sequence. */
  bound: number
  readonly #store: LogStore
  readonly #log: LogInfo
  readonly #until: number
  /** The head before which everything was read. */
  #before: number
  #loaded: StoredMessage[] = []

  constructor(store: LogStore, log: LogInfo, until: number) {
    this.#store = store
    this.#log = log
    this.#until = until
    this.#before = log.head + 1
    this.bound = Math.min(log.lastSequence, until)
  }

  get isLoaded(): boolean {
    return this.#loaded.length > 0
  }

  take(): StoredMessage {
    const message = this.#loaded.pop()
    if (message === undefined) throw new Error('nothing was loaded')
    this.bound = this.#loaded.at(-1)?.sequence ?? message.sequence - 1
    return message
  }

  /** False: there is nothing more. */
  async load(): Promise<boolean> {
    const { trimmedTo } = this.#log
    while (this.#loaded.length === 0) {
      const from = Math.max(trimmedTo + 1, this.#before - chunkMessages)
      if (from >= this.#before) return false
      for (let next = from; next < this.#before;) {
        const messages = this.#before - next
        const found = await this.#store.read(this.#log, next, { messages })
        this.#loaded.push(...found.messages.filter((message) => this.#isMeant(message)))
        if (found.nextHead <= next) break
        next = found.nextHead
      }
      this.#before = from
    }
    this.bound = this.#loaded.at(-1)?.sequence ?? 0
    return true
  }

  #isMeant({ sequence, deleted, headId }: StoredMessage): boolean {
    return !deleted && sequence > 0 && sequence <= this.#until && headId < this.#before
  }
}
