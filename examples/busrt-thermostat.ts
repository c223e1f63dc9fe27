/**
 * Programs that talk over BUS/RT: a thermostat follows a sensor and can be called; a panel sets it and
 * asks it. Here both are in one file; in life they are two, in any language that has a BUS/RT client.
 *
 *   node dist/examples/busrt-thermostat.js [address]
 */

import { RpcError, connect, rpcErrorCodes } from '../src/client/busrt/index.ts'

// Where `npm start` listens; any other BUS/RT broker does as well.
const address = process.argv[2] ?? 'msgbus-data/busrt.sock'

let measured = Number.NaN
let wanted = 20
const thermostat = await connect({
  address,
  name: 'hall.thermostat',
  onFrame: (frame) => {
    if (frame.topic === 'sensors/hall/temp') measured = Number(frame.text())
  },
})
await thermostat.subscribe('sensors/hall/+')
thermostat.rpc.handlePacked('state', () => ({ wanted, measured, isHeating: measured < wanted }))
thermostat.rpc.handlePacked('set', (params) => {
  if (typeof params !== 'number') throw new RpcError(rpcErrorCodes.invalidParams, 'not a number')
  wanted = params
})

const panel = await connect({ address, name: 'hall.panel' })
try {
  await panel.publish('sensors/hall/temp', '19.5')
  print(await panel.rpc.callPacked('hall.thermostat', 'state'))
  await panel.rpc.callPacked('hall.thermostat', 'set', 18)
  print(await panel.rpc.callPacked('hall.thermostat', 'state'))
  await panel.rpc.callPacked('hall.thermostat', 'set', 'warm').catch((error: unknown) => {
    if (!(error instanceof RpcError)) throw error
    print(`${error.rpcCode} ${error.message}`)
  })
  const clients = await panel.broker.clients('^hall')
  print(clients.map(({ name }) => name).join(', '))
} finally {
  await panel.close()
  await thermostat.close()
}

function print(value: unknown): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
}
