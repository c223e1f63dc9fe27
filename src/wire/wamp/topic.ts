/**
 * Topics of the bus and URIs of WAMP, one to one (spec/wamp 13.1): segments are divided by `/` here and by `.` there,
 * and what would divide in one form is escaped in the other. A first segment `wamp` is `%77amp`, since `wamp.` is the
 * router's.
 */

import { decodeWampSegment, encodeWampSegment } from '../../model/wamp-segment.ts'

export function topicToUri(topic: string): string {
  const segments = topic.split('/').map((segment) => encodeWampSegment(decodeSlash(segment)))
  segments[0] = encodeFirst(segments[0] as string)
  return segments.join('.')
}

/** @param uri well formed, or a pattern: empty components become empty segments */
export function uriToTopic(uri: string): string {
  const segments = uri.split('.')
  segments[0] = decodeFirst(segments[0] as string)
  return segments.map((segment) => encodeSlash(decodeWampSegment(segment))).join('/')
}

/** A segment holding `/` writes it as `%2F`; what looks like that already gets one more `25`. */
function encodeSlash(segment: string): string {
  if (!segment.includes('/') && !segment.includes('%2')) return segment
  return segment.replace(/%((?:25)*)2F|\//g, (found, more: string | undefined) =>
    found === '/' ? '%2F' : `%25${more ?? ''}2F`,
  )
}

function decodeSlash(segment: string): string {
  if (!segment.includes('%2')) return segment
  return segment.replace(/%((?:25)*)2F/g, (_found, more: string) =>
    more === '' ? '/' : `%${more.slice(2)}2F`,
  )
}

function encodeFirst(segment: string): string {
  if (segment === 'wamp') return '%77amp'
  return segment.replace(/^%((?:25)*)77amp$/, '%25$177amp')
}

function decodeFirst(segment: string): string {
  if (segment === '%77amp') return 'wamp'
  return segment.replace(/^%25((?:25)*)77amp$/, '%$177amp')
}
