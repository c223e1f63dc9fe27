/** How a program in a worker thread gets a client of the bus that has attached it. */

import { MessagePort, parentPort } from 'node:worker_threads'
import { BusError } from '../model/errors.ts'
import { Client, type ClientOptions } from './client.ts'
import type { ClientInbox } from './inbox.ts'
import { PortLink } from './port-link.ts'
import { Turn } from './turn.ts'

/** What `Bus.attach` sends to a worker, on the channel that every worker has. */
export interface PortOffer {
  readonly msgbusPort: MessagePort
}

/**
 * Connects over a port whose other end was given to `Bus.attach`; without one, or with `parentPort`, over
 * the port that `Bus.attach(worker)` sends: call it then before the worker listens to `parentPort` itself, since what
 * came earlier is lost. Resolves when the bus has greeted; listen for messages right after that, or they
 * are dropped. An open client keeps the thread alive.
 *
 * @throws BusError `unavailable/connection_lost` when the bus closes the port instead
 */
export async function connectPort(
  port?: MessagePort | null,
  options: ClientOptions = {},
): Promise<Client> {
  const found = port == null || port === parentPort ? await offeredPort() : port
  let link: PortLink | undefined
  const turn = new Turn()
  const connect = (inbox: ClientInbox) => (link = new PortLink(inbox, found, turn))
  const client = new Client(options, { turn, keepsBytes: true }, connect)
  await link?.welcomed
  return client
}

function offeredPort(): Promise<MessagePort> {
  const parent = parentPort
  if (parent === null) {
    const text = 'connectPort needs a port outside of worker threads'
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  return new Promise((resolve) => {
    const listen = (message: unknown) => {
      if (!isOffer(message)) return
      parent.off('message', listen)
      resolve(message.msgbusPort)
    }
    parent.on('message', listen)
  })
}

function isOffer(message: unknown): message is PortOffer {
  return (
    typeof message === 'object' &&
    message !== null &&
    'msgbusPort' in message &&
    message.msgbusPort instanceof MessagePort
  )
}
