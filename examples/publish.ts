/**
 * Publishes a few messages, as text, JSON and with headers, and reads them back.
 *
 *   node dist/examples/publish.js [address]
 */

import { codecs, connect } from '../src/client/index.ts'

interface Reading {
  readonly celsius: number
}

const bus = await connect(process.argv[2])
try {
  const first = await bus.publish('sensors/hall/note', 'door open')
  print(`text is stored at head ${first.headId}`)

  const reading = codecs.json<Reading>()
  await bus.publish('sensors/hall/temp', { celsius: 21.5 }, { codec: reading })
  await bus.publish(
    'sensors/hall/temp',
    { celsius: 22 },
    { codec: reading, headers: { unit: '°C' } },
  )

  for await (const { headId, value, headers } of bus.fetch('sensors/hall/temp', {
    codec: reading,
  })) {
    print(`head ${headId}: ${value.celsius} ${headers.get('unit') ?? ''}`)
  }
} finally {
  bus.close()
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
