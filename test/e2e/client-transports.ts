/** The two ways of the client to a daemon, so that what it promises is tested over both. */

import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import * as browser from '../../src/client/browser.ts'
import { connect } from '../../src/client/index.ts'
import type { ClientOptions, MsgbusClient } from '../../src/client/index.ts'
import { type DaemonOptions, type DaemonProcess, startDaemon } from './daemon-process.ts'

export interface ClientTransport {
  readonly name: string
  /** A daemon that can be reached by it. */
  start(t: TestContext, options?: DaemonOptions): Promise<DaemonProcess>
  /** Starts a daemon on the addresses of one that has ended; on its folder, unless another is given. */
  startAgain(t: TestContext, ended: DaemonProcess, options?: DaemonOptions): Promise<DaemonProcess>
  connect(daemon: DaemonProcess, options?: ClientOptions): Promise<MsgbusClient>
  /** Address text of the listener that clients come by. */
  listener(daemon: DaemonProcess): string
}

const overGrpc: ClientTransport = {
  name: 'gRPC',
  start: startDaemon,
  startAgain: (t, { data, address }, options = {}) =>
    startDaemon(t, { data, ...options, args: [...(options.args ?? []), '--listen', address] }),
  connect: (daemon, options) => connect(daemon.address, options),
  listener: ({ address }) => address,
}

// From Node.js 22 on its own, as a program would.
const ownWebSocket = 'WebSocket' in globalThis ? {} : { webSocket: WebSocket }

export const overWebSocket: ClientTransport = {
  name: 'WebSocket',
  start: (t, options = {}) =>
    startDaemon(t, { ...options, args: [...(options.args ?? []), '--http', '127.0.0.1:0'] }),
  startAgain: (t, ended, options = {}) => {
    const addresses = ['--listen', ended.address, '--http', httpAddress(ended)]
    const { data } = ended
    return startDaemon(t, { data, ...options, args: [...(options.args ?? []), ...addresses] })
  },
  connect: (daemon, options = {}) =>
    browser.connect(httpAddress(daemon), { ...options, ...ownWebSocket }),
  listener: httpAddress,
}

/** `host:port` of its first HTTP listener. */
export function httpAddress({ info }: DaemonProcess): string {
  return info.listeners.find(({ protocol }) => protocol === 'http')?.address ?? ''
}

/** A test for each of them. */
export function testOverAll(
  name: string,
  run: (t: TestContext, over: ClientTransport) => Promise<void>,
): void {
  for (const over of [overGrpc, overWebSocket]) {
    test(`${name} (${over.name})`, (t) => run(t, over))
  }
}
