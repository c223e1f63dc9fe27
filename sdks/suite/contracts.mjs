// The contracts as grpc-js wants them, read from proto/ itself: fields keep the names of the contract,
// so that what stands in vectors/ is what goes over the wire.

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import protoLoader from '@grpc/proto-loader'

export const repository = join(dirname(fileURLToPath(import.meta.url)), '../..')

const files = ['msgbus/v1/msgbus.proto', 'msgbus/v2/msgbus.proto']
const options = { keepCase: true, longs: Number, defaults: true, oneofs: true }

const definitions = protoLoader.loadSync(files, {
  ...options,
  includeDirs: [join(repository, 'proto')],
})

export const services = {
  v1: definitions['msgbus.v1.MsgbusService'],
  bus: definitions['msgbus.v2.BusService'],
  client: definitions['msgbus.v2.ClientService'],
  queue: definitions['msgbus.v2.QueueService'],
  admin: definitions['msgbus.v2.AdminService'],
}
