/** Messages as lines: pretty for people, one JSON object each for programs. */

import type { Message, QueueMessage } from '../client/core.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { Colours } from './colours.ts'
import { escapeControls, formatPayload, payloadFields } from './payload-text.ts'

/** `time  topic  #head  payload`, in local time. */
export function formatMessage(message: Message, colours: Colours): string {
  const { topic, headId, createdAtMs, headers, deleted, payload } = message
  const parts = [
    colours.faint(formatTime(createdAtMs)),
    colours.name(escapeControls(topic)),
    colours.faint(`#${headId}`),
  ]
  for (const [key, value] of headers) parts.push(colours.faint(escapeControls(`${key}=${value}`)))
  parts.push(deleted ? colours.faint('(deleted)') : formatPayload(payload))
  return `${parts.join('  ')}\n`
}

/** The canonical JSON form; head ids are safe integers. */
export function messageToJson(message: Message): string {
  const { topic, origin, headId, id, createdAtMs, deleted, headers, payload } = message
  const value = {
    topic,
    headId: Number(headId),
    id,
    origin,
    createdAtMs,
    deleted,
    headers: Object.fromEntries(headers),
    ...payloadFields(payload),
  }
  return `${JSON.stringify(value)}\n`
}

/** `time  queue  #sequence  id  attempts  payload` */
export function formatQueueMessage(message: QueueMessage, colours: Colours): string {
  const { queue, sequence, id, createdAtMs, attempts, payload } = message
  const parts = [
    colours.faint(formatTime(createdAtMs)),
    colours.name(escapeControls(queue)),
    colours.faint(`#${sequence}`),
    escapeControls(id),
  ]
  if (attempts > 0) parts.push(colours.warning(`attempts=${attempts}`))
  parts.push(formatPayload(payload))
  return `${parts.join('  ')}\n`
}

export function queueMessageToJson(message: QueueMessage): string {
  const { headers, payload, ...rest } = message
  const value = { ...rest, headers: Object.fromEntries(headers), ...payloadFields(payload) }
  return `${JSON.stringify(value)}\n`
}

/** For tables: the node id as people write it. */
export function formatOrigin(origin: Message['origin']): string {
  return escapeControls(formatNodeId(origin))
}

/** Local date and time with milliseconds. */
export function formatTime(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000)
  return date.toISOString().slice(0, 23).replace('T', ' ')
}
