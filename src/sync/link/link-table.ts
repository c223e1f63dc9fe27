/**
 * Which links are up, one for each peer. Two daemons that have dialled each other keep the link that the node with the
 * smaller id dialled, whichever came first; both sides decide alike. A node that dials again replaces its own link,
 * since the old one may be dead without anybody having noticed.
 */

import { BusError } from '../../model/errors.ts'
import { formatNodeId, nodeKey, type NodeId } from '../../model/node-id.ts'
import type { LinkSession } from './link-session.ts'

export class LinkTable {
  readonly #own: string
  readonly #links = new Map<string, LinkSession>()

  constructor(own: NodeId) {
    this.#own = nodeKey(own)
  }

  get(node: NodeId): LinkSession | undefined {
    return this.#links.get(nodeKey(node))
  }

  values(): Iterable<LinkSession> {
    return this.#links.values()
  }

  /**
   * Answers whether the link may stay; the one that it replaces is ended.
   * @throws BusError `failed_precondition/node_id_taken`: the node has another store than the one that is linked
   */
  admit(session: LinkSession): boolean {
    const key = nodeKey(session.node)
    const other = this.#links.get(key)
    if (other !== undefined) {
      // Two daemons with one node id would replace each other for ever, and mix their histories.
      if (other.epoch !== session.epoch) throw nodeIdTaken(session.node)
      const wins = (link: LinkSession) => link.isOutgoing === this.#own < key
      if (wins(other) && !wins(session)) return false
      // Of two that we dialled the first stays: they are two names of one node.
      if (session.isOutgoing && other.isOutgoing) return false
      other.replaced()
    }
    this.#links.set(key, session)
    return true
  }

  remove(session: LinkSession): void {
    const key = nodeKey(session.node)
    if (this.#links.get(key) === session) this.#links.delete(key)
  }
}

function nodeIdTaken(node: NodeId): BusError {
  const text = `a daemon with the node id ${formatNodeId(node)} and another store has a link here`
  return new BusError('failed_precondition', 'node_id_taken', text)
}
