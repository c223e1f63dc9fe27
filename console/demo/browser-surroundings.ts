/** What the demo needs of the browser: a WebSocket to the host the page came from, timers, and its eye for colours. */

import type { SocketEvents, Socket, SocketSurroundings } from './reconnecting-socket.ts'

/** Sub-protocol of the text bus (spec/tmb.md 12.2). */
const protocol = 'tmb.v1'

export const browserSurroundings: SocketSurroundings = {
  open: openSocket,
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

function openSocket(events: SocketEvents): Socket {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(`${scheme}//${location.host}/tmb`, protocol)
  // Lines that are not UTF-8 come in binary messages.
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => events.opened())
  socket.addEventListener('close', () => events.closed())
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'string') events.message(data)
    else if (data instanceof ArrayBuffer) events.message(new Uint8Array(data))
  })
  return {
    get unsentBytes() {
      return socket.bufferedAmount
    },
    send: (text) => socket.send(text),
    close: () => socket.close(),
  }
}

/** Words that stand for a value from elsewhere, not for a colour. */
const indirect = /^(?:inherit|initial|unset|revert|revert-layer)$|\b(?:var|env|attr)\(/i

/** Longer than any colour that somebody means. */
const maxColourCharacters = 100

export function isColour(text: string): boolean {
  if (text.length > maxColourCharacters || indirect.test(text)) return false
  return CSS.supports('color', text)
}
