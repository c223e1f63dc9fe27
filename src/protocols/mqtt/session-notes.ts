/**
 * Sessions as notes of the store (spec/mqtt 14): one about what a client asked for, which changes rarely, and one
 * about its window and place, which changes with every message of QoS 2. JSON, so that a support case can read it.
 */

import type { Note, NoteChange } from '../../core/log-store.ts'
import type { Qos, Version, Will } from './packets.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'
import type { InFlight } from './window.ts'

export const sessionTable = 'mqtt.sessions'
export const windowTable = 'mqtt.windows'
export const groupTable = 'mqtt.groups'

/** What a client asked for. */
export interface SessionRecord {
  readonly version: Version
  /** Infinity: for ever. */
  readonly expirySeconds: number
  /** Milliseconds since 1970; undefined: it is connected, or was when the daemon ended. */
  readonly disconnectedAtMs: number | undefined
  readonly subscriptions: readonly Subscription[]
  /** Is sent if the connection is lost; due at a time of its own once it is. */
  readonly will: Will | undefined
  readonly willDueAtMs: number | undefined
  readonly user: string
  /** Of the user, for a will that is sent when nobody is there any more; absent: none. */
  readonly groups?: readonly string[] | undefined
}

export interface WindowRecord {
  /** History of the store that the places belong to. */
  readonly epoch: string
  readonly position: number
  readonly inFlight: readonly InFlight[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const present = Uint8Array.of(1)

export function sessionNote(clientId: string, record: SessionRecord | undefined): NoteChange {
  const key = clientId
  if (record === undefined) return { table: sessionTable, key, value: undefined }
  const { will, expirySeconds, ...rest } = record
  const kept = {
    ...rest,
    expirySeconds: expirySeconds === Infinity ? null : expirySeconds,
    will: will && { ...will, payload: toBase64(will.payload), properties: packProperties(will) },
  }
  return { table: sessionTable, key, value: encoder.encode(JSON.stringify(kept)) }
}

/** Undefined: not written by `sessionNote`. */
export function readSessionNote({ value }: Pick<Note, 'value'>): SessionRecord | undefined {
  const kept = parse(value) as KeptSession | undefined
  if (kept === undefined) return undefined
  const { will, expirySeconds } = kept
  return {
    version: kept.version,
    disconnectedAtMs: kept.disconnectedAtMs,
    subscriptions: kept.subscriptions,
    willDueAtMs: kept.willDueAtMs,
    user: kept.user,
    groups: kept.groups,
    expirySeconds: expirySeconds ?? Infinity,
    will: will && { ...will, payload: fromBase64(will.payload), properties: unpack(will) },
  }
}

export function windowNote(session: MqttSession, epoch: string): NoteChange {
  const inFlight = [...session.window.values()].map((each) => ({
    ...each,
    ids: toBase64(each.ids),
    message: each.message && {
      topic: toBase64(each.message.topic),
      payload: toBase64(each.message.payload),
      headers: [...each.message.headers],
    },
  }))
  const kept = { epoch, position: session.position, inFlight }
  const value = encoder.encode(JSON.stringify(kept))
  return { table: windowTable, key: session.clientId, value }
}

export function noWindow(clientId: string): NoteChange {
  return { table: windowTable, key: clientId, value: undefined }
}

export function readWindowNote(value: Uint8Array): WindowRecord | undefined {
  const kept = parse(value) as KeptWindow | undefined
  if (kept === undefined) return undefined
  const inFlight = kept.inFlight.map((each) => ({
    ...each,
    group: each.group,
    ids: fromBase64(each.ids),
    message: each.message && {
      topic: fromBase64(each.message.topic),
      payload: fromBase64(each.message.payload),
      headers: new Map(each.message.headers),
    },
  }))
  return { epoch: kept.epoch, position: kept.position, inFlight }
}

/**
 * Identifiers of QoS 2 that were received and not released: a note each, written with the message, since a client
 * may have thousands of them.
 */
export function receivedNote(clientId: string, id: number, isKept: boolean): NoteChange {
  const value = isKept ? present : undefined
  return { table: receivedTable(clientId), key: String(id), value }
}

export function receivedTable(clientId: string): string {
  return `mqtt.received/${clientId}`
}

/** A stored message that a group of a shared subscription has to give out yet. */
export interface Place {
  readonly sequence: number
  readonly topic: string
}

/** Where a group of a shared subscription is. */
export interface GroupRecord {
  readonly epoch: string
  /** Everything up to here has been looked at. */
  readonly position: number
  /** Of that, what no member is done with. */
  readonly waiting: readonly Place[]
}

export function groupNote(filter: string, record: GroupRecord | undefined): NoteChange {
  const value = record === undefined ? undefined : encoder.encode(JSON.stringify(record))
  return { table: groupTable, key: filter, value }
}

export function readGroupNote(value: Uint8Array): GroupRecord | undefined {
  return parse(value) as GroupRecord | undefined
}

interface KeptSession extends Omit<SessionRecord, 'will' | 'expirySeconds'> {
  readonly expirySeconds: number | null
  readonly will:
    | { topic: string; payload: string; qos: Qos; retain: boolean; properties: KeptProperties }
    | undefined
}

interface KeptWindow extends Omit<WindowRecord, 'inFlight'> {
  readonly inFlight: readonly KeptInFlight[]
}

interface KeptInFlight extends Omit<InFlight, 'ids' | 'message'> {
  readonly ids: string
  readonly message:
    | { readonly topic: string; readonly payload: string; readonly headers: [string, string][] }
    | undefined
}

type KeptProperties = Omit<Will['properties'], 'correlationData'> & { correlationData?: string }

function packProperties({ properties }: Will): KeptProperties {
  const { correlationData, ...rest } = properties
  return correlationData === undefined
    ? rest
    : { ...rest, correlationData: toBase64(correlationData) }
}

function unpack({ properties }: { readonly properties: KeptProperties }): Will['properties'] {
  const { correlationData, ...rest } = properties
  return correlationData === undefined
    ? rest
    : { ...rest, correlationData: fromBase64(correlationData) }
}

function parse(value: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(value))
  } catch {
    // Checksums vouch for the bytes: this is a form of another version.
    return undefined
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}
