/**
 * A bus inside this program, without a daemon: what is published is in a folder and still there the next
 * time. Run it twice.
 *
 *   node dist/examples/embedded-bus.js [data folder]
 */

import { Bus } from '../src/embed/index.ts'

const bus = await Bus.open({ data: process.argv[2] ?? './embedded-bus-data' })
try {
  const sensor = bus.connect({ name: 'sensor' })
  const display = bus.connect({ name: 'display' })

  // Stored, on disk when it resolves.
  const { headId } = await sensor.publish('sensors/hall/temp', '21.5')
  print(`stored at head ${headId}`)

  // Everything stored so far, this program's earlier runs included.
  for await (const message of display.subscribe('sensors/#')) {
    print(`${message.topic} ${message.headId}: ${message.text()} °C`)
    if (message.headId === headId) break
  }

  // Not stored: a message to a name, and a call.
  await display.register('scale', (call) => `${Number(call.text()) * 1.8 + 32} °F`)
  display.onMessage((message) => print(`${message.from} says ${message.text()}`))
  await sensor.send('display', 'hello')
  print((await sensor.call('scale', '21.5')).text())
} finally {
  await bus.close()
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
