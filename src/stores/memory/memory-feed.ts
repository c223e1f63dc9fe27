/**
 * Reads several logs as one, in commit order: a merge of their arrays with a binary heap over the
 * next message of each. The cost grows with the logs that have something new and with what is read,
 * not with what is stored. One array over all messages was ruled out: a filter that matches one
 * quiet log would walk through everything.
 */

import type { FeedPage, ReadLimit } from '../../core/log-store.ts'
import type { StoredMessage } from '../../model/message.ts'
import type { MemoryLog } from './memory-log.ts'
import { MemoryPage } from './memory-page.ts'

interface Source {
  readonly log: MemoryLog
  next: StoredMessage
}

/** `end` is the position reached when nothing is left. */
export function readMemoryFeed(
  logs: readonly MemoryLog[],
  after: number,
  end: number,
  limit: ReadLimit,
): FeedPage {
  const heap: Source[] = []
  for (const log of logs) {
    const next = log.firstAfter(after)
    if (next !== undefined) heap.push({ log, next })
  }
  // A sorted array is a heap.
  heap.sort((a, b) => a.next.sequence - b.next.sequence)

  const page = new MemoryPage<StoredMessage>(limit)
  for (let source = heap[0]; source !== undefined; source = heap[0]) {
    const { log, next } = source
    if (!page.offer(next)) {
      return { messages: page.messages, nextAfter: lastSequence(page.messages), damaged: [] }
    }
    if (next.headId < log.head) source.next = log.at(next.headId + 1)
    else replaceTop(heap)
    sink(heap)
  }
  return { messages: page.messages, nextAfter: Math.max(after, end), damaged: [] }
}

function lastSequence(messages: readonly StoredMessage[]): number {
  return (messages[messages.length - 1] as StoredMessage).sequence
}

function replaceTop(heap: Source[]): void {
  const last = heap.pop() as Source
  if (heap.length > 0) heap[0] = last
}

/** Moves the top down to its place. */
function sink(heap: Source[]): void {
  let parent = 0
  for (;;) {
    let child = 2 * parent + 1
    if (child >= heap.length) return
    if (child + 1 < heap.length && sequenceAt(heap, child + 1) < sequenceAt(heap, child)) child += 1
    if (sequenceAt(heap, parent) <= sequenceAt(heap, child)) return
    const moved = heap[parent] as Source
    heap[parent] = heap[child] as Source
    heap[child] = moved
    parent = child
  }
}

const sequenceAt = (heap: readonly Source[], i: number) => (heap[i] as Source).next.sequence
