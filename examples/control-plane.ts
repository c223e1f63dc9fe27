/**
 * One bus over two daemons: a tablet that nobody can reach, and a desk that it can reach. The tablet's daemon dials the
 * desk's (`msgbusd --peer http://desk:50051`); then components on either side, by whatever protocol, publish to each
 * other, send to each other by name, and call each other, as if there were one daemon. Run one on each side:
 *
 *   node dist/examples/control-plane.js desk <grpc> <busrt> <tmb>
 *   node dist/examples/control-plane.js tablet <grpc> <busrt> <tmb>
 *
 * with the addresses of that side's own daemon. Each ends by itself when the story is told.
 */

import { once } from 'node:events'
import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectBusrt } from '../src/client/busrt/index.ts'
import { connect } from '../src/client/index.ts'

const [side = '', grpc, busrt = '', tmb = ''] = process.argv.slice(2)
const print = (text: string) => process.stdout.write(`${text}\n`)

/** A line of somebody with telnet: everything that comes on a topic, and a way to write. */
async function telnet(topic: string) {
  const { hostname, port } = new URL(`tcp://${tmb}`)
  const socket = createConnection({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  const lines = createInterface({ input: socket })
  const told = lines[Symbol.asyncIterator]()
  socket.write(`s 1 is ${topic}\n`)
  await told.next()
  return {
    write: (line: string) => socket.write(`${line}\n`),
    next: async () => String((await told.next()).value),
    close: () => socket.destroy(),
  }
}

/** Tries until it works: the other side may still be starting. */
async function until<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch {
      await delay(100)
    }
  }
}

async function desk(): Promise<void> {
  const client = await connect(grpc)
  const approvals = await client.register('desk.approve', (call) => `approved: ${call.text()}`)
  let finish: (() => void) | undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const operator = await connectBusrt({
    address: busrt,
    name: 'desk.operator',
    onFrame: (frame) => {
      if (frame.topic !== undefined) return
      print(`a message for the operator: ${frame.text()}`)
      if (frame.text() === 'done') finish?.()
    },
  })
  const line = await telnet('tablet/light')
  // BUS/RT there, BUS/RT here: a method of a component on the tablet.
  print(
    `the motor says: ${String(await until(() => operator.rpc.callPacked('tablet.motor', 'state')))}`,
  )
  // gRPC there, gRPC here: a procedure by its name.
  print(`the planner says: ${(await until(() => client.call('tablet.route', 'home'))).text()}`)
  await operator.send('tablet.motor', 'go')
  print(`on the line: ${await line.next()}`)
  line.write(':desk/lamp green')
  // What asks to be kept is stored here and arrives there as soon as there is a link, today or next week.
  await client.publish('desk/orders', 'two boxes')
  await finished
  line.close()
  await approvals.close()
  await operator.close()
  client.close()
}

async function tablet(): Promise<void> {
  const client = await connect(grpc)
  const routes = await client.register('tablet.route', (call) => `the way ${call.text()}`)
  let go: (() => void) | undefined
  const gone = new Promise<void>((resolve) => (go = resolve))
  const motor = await connectBusrt({
    address: busrt,
    name: 'tablet.motor',
    onFrame: (frame) => {
      if (frame.topic !== undefined) return
      print(`a message for the motor: ${frame.text()}`)
      go?.()
    },
  })
  motor.rpc.handlePacked('state', () => 'ready')
  const line = await telnet('desk/lamp')
  const orders = client.subscribe('desk/orders')[Symbol.asyncIterator]()
  await gone
  line.write(':tablet/light on')
  print(`on the line: ${await line.next()}`)
  const order = await orders.next()
  print(`an order: ${order.done === true ? '' : order.value.text()}`)
  print(`the desk says: ${(await client.call('desk.approve', 'a nap')).text()}`)
  await motor.send('desk.operator', 'done')
  line.close()
  await routes.close()
  await motor.close()
  client.close()
}

await (side === 'tablet' ? tablet() : desk())
