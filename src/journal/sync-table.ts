/** The rows about peers (spec/msgbus-v1 5.5): few, so all of them are in memory. */

import { createHash } from 'node:crypto'
import { nextSyncState } from '../core/sync-state.ts'
import { nodeKey } from '../model/node-id.ts'
import type { PeerSyncResult, PeerSyncState } from '../model/peer-sync-state.ts'
import type { Group } from './group.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import { kindKey, rowKinds } from './row-keys.ts'

const version = 1

export class SyncTable {
  readonly #rows = new Map<string, PeerSyncState>()
  /** What the group being formed makes of them. */
  #staged: { readonly group: Group; readonly rows: Map<string, PeerSyncState> } | undefined

  list(): PeerSyncState[] {
    return [...this.#rows.values()]
  }

  stage(group: Group, results: readonly PeerSyncResult[]): void {
    if (this.#staged?.group !== group) {
      const rows = new Map<string, PeerSyncState>()
      this.#staged = { group, rows }
      group.onSeal(() => {
        for (const [name, row] of rows) group.row(rowKey(name), encodeSyncState(row))
      })
      group.onApplied(() => {
        for (const [name, row] of rows) this.#rows.set(name, row)
      })
    }
    const { rows } = this.#staged
    for (const result of results) {
      const name = nameOf(result)
      rows.set(name, nextSyncState(rows.get(name) ?? this.#rows.get(name), result))
    }
  }

  /** Takes in a stored row. Answers false when it is damaged. */
  load(value: Uint8Array): boolean {
    const row = decodeSyncState(value)
    if (row !== undefined) this.#rows.set(nameOf(row), row)
    return row !== undefined
  }
}

function nameOf({ peer, log }: Pick<PeerSyncState, 'peer' | 'log'>): string {
  const suffix = log === undefined ? '' : `${nodeKey(log.origin)}${log.topic}`
  return `${peer.length}:${peer}${suffix}`
}

/** Names are too long for keys; of a SHA-256 half is as good as unique. */
function rowKey(name: string): Uint8Array {
  const hash = createHash('sha256').update(name).digest()
  return Buffer.concat([kindKey(rowKinds.sync), hash.subarray(0, 16)])
}

function encodeSyncState(row: PeerSyncState): Uint8Array {
  const writer = new RowWriter(version).text(row.peer).number(row.log === undefined ? 0 : 1)
  if (row.log !== undefined) {
    const { tenantId, blName, deviceId } = row.log.origin
    writer.text(row.log.topic).text(tenantId).text(blName).text(deviceId)
  }
  return writer
    .number(row.localHead)
    .number(row.remoteHead)
    .number(row.lastSyncedHead)
    .number(row.lastAttemptAtMs)
    .number(row.lastSuccessAtMs)
    .number(row.consecutiveFailures)
    .text(row.lastError)
    .finish()
}

function decodeSyncState(value: Uint8Array): PeerSyncState | undefined {
  const row = RowReader.open(value, version)
  if (row === undefined) return undefined
  const peer = row.text()
  let log: PeerSyncState['log']
  if (row.number() === 1) {
    const topic = row.text()
    log = {
      topic,
      origin: { tenantId: row.text(), blName: row.text(), deviceId: row.text() },
    }
  }
  return {
    peer,
    log,
    localHead: row.number(),
    remoteHead: row.number(),
    lastSyncedHead: row.number(),
    lastAttemptAtMs: row.number(),
    lastSuccessAtMs: row.number(),
    consecutiveFailures: row.number(),
    lastError: row.text(),
  }
}
