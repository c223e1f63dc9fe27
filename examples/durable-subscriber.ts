/**
 * A subscriber that goes on where it left off, also after a crash: its position is kept in a file.
 * Give a number of messages after which it ends, to see it go on at the next start.
 *
 *   node dist/examples/durable-subscriber.js [address] [position file] [count]
 */

import { readFile, rename, writeFile } from 'node:fs/promises'
import { connect } from '../src/client/index.ts'
import type { Position, PositionStore } from '../src/client/index.ts'

/** One file per name; replaced in one step, so that a crash leaves the old or the new one. */
class FilePositionStore implements PositionStore {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  async load(): Promise<Position | undefined> {
    const text = await readFile(this.#file, 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as Position)
  }

  async save(_name: string, position: Position): Promise<void> {
    await writeFile(`${this.#file}.new`, JSON.stringify(position))
    await rename(`${this.#file}.new`, this.#file)
  }
}

const [address, file = 'durable-subscriber.json', count = 'Infinity'] = process.argv.slice(2)
const bus = await connect(address)
try {
  const store = new FilePositionStore(file)
  const subscription = bus.subscribe('examples/#', { positions: { store, name: 'example' } })
  let left = Number(count)
  for await (const message of subscription) {
    process.stdout.write(`${message.topic} ${message.headId} ${message.text()}\n`)
    left -= 1
    if (left > 0) continue
    // Without this, the message in hand would come again: it counts once the next is asked for.
    await subscription.save(message)
    break
  }
} finally {
  bus.close()
}
