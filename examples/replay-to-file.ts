/**
 * Copies what is stored in a topic to a file, one line per message, and stops at the head. The file
 * sets the pace: what it cannot take yet stays at the daemon.
 *
 *   node dist/examples/replay-to-file.js [address] [topic] [file]
 */

import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect } from '../src/client/index.ts'

const [address, topic = 'examples/batch', file = 'replay.txt'] = process.argv.slice(2)
const bus = await connect(address)
try {
  let count = 0
  const lines = async function* () {
    for await (const message of bus.fetch(topic)) {
      count += 1
      yield `${message.headId} ${message.text()}\n`
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(file))
  process.stdout.write(`${count} messages of ${topic} are in ${file}\n`)
} finally {
  bus.close()
}
