/** Where the web console of a daemon is, seen from here. */

import type { DaemonStatus } from '../../client/core.ts'
import { parseTarget } from '../../client/target.ts'
import { reachableListener } from '../busrt-address.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'

/**
 * `http://host:port`, or https.
 * @param server address at which the daemon was asked
 * @throws CommandFailure that says what to do
 */
export function consoleAddress(listeners: DaemonStatus['listeners'], server: string): string {
  const http = listeners.filter(({ protocol }) => protocol === 'http')
  if (http.length === 0) {
    const text = `the daemon at ${server} does not listen for HTTP: start msgbusd without --http off`
    throw new CommandFailure(exitCodes.refused, text)
  }
  // A browser opens no Unix sockets.
  const ports = http.filter(({ address }) => !address.startsWith('unix:'))
  const address = reachableListener(ports, server, () => false)
  if (address === undefined) {
    const known = http.map(({ address: each }) => each).join(', ')
    const { host = 'the host' } = parseTarget(server)
    const text = `the daemon at ${server} listens for HTTP at ${known}, which no browser here can reach: run msgbus open on ${host}, or start msgbusd with another --http`
    throw new CommandFailure(exitCodes.refused, text)
  }
  const tls = 'tls+'
  return address.startsWith(tls) ? `https://${address.slice(tls.length)}` : `http://${address}`
}
