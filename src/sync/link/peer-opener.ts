/**
 * Opens the next session with a peer: a link where the peer knows links, msgbus.v1 where it does not, and none while
 * another link to the same node is up.
 */

import type { NodeId } from '../../model/node-id.ts'
import { BusError } from '../../model/errors.ts'
import type { OpenSession, PeerSession } from '../peer-link.ts'
import type { DialV1, V1Peer } from '../v1-port.ts'
import { V1Session, type V1SessionOptions } from '../v1-session.ts'
import { within } from '../waiting.ts'
import { type LinkOptions, LinkSession } from './link-session.ts'
import { StandbySession } from './standby-session.ts'

export function peerOpener(dial: DialV1, link: LinkOptions, v1: V1SessionOptions): OpenSession {
  /** Who answered last. */
  let node: NodeId | undefined = link.pin
  return async (signal): Promise<PeerSession> => {
    const other = node && link.table.get(node)
    if (other !== undefined) return new StandbySession(other)
    const peer = await connect(dial, v1, signal)
    try {
      const session = await openLink(peer, link, signal)
      if (session !== undefined) {
        node = session.node
        return session
      }
      return await V1Session.open(() => Promise.resolve(peer), v1, signal)
    } catch (error) {
      peer.close()
      throw error
    }
  }
}

async function connect(
  dial: DialV1,
  { clock, connectMs }: V1SessionOptions,
  signal: AbortSignal,
): Promise<V1Peer> {
  const giveUp = new AbortController()
  const abort = (): void => giveUp.abort()
  signal.addEventListener('abort', abort)
  try {
    const dialing = dial(giveUp.signal)
    // A connection that stands too late is of no use to anybody.
    dialing.then(
      (late) => giveUp.signal.aborted && late.close(),
      () => undefined,
    )
    return await within(clock, connectMs, 'the connection', dialing)
  } catch (error) {
    abort()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Undefined when the peer knows no links. */
async function openLink(
  peer: V1Peer,
  options: LinkOptions,
  signal: AbortSignal,
): Promise<LinkSession | undefined> {
  const stream = peer.openLink?.()
  if (stream === undefined) return undefined
  try {
    return await LinkSession.open(stream, options, signal)
  } catch (error) {
    if (error instanceof BusError && error.code === 'unimplemented') return undefined
    throw error
  }
}
