/** Messages of the router to octets, in any serializer. Ids are always written as integers (spec/wamp 2.1). */

import type { ByteSink } from './byte-sink.ts'
import { messageTypes } from './message-types.ts'
import type { DictInput, RouterMessage } from './messages.ts'
import type { WampPayload } from './payload.ts'
import type { Serializer } from './serializer.ts'

/** Appends the message. */
export function encodeMessage(
  sink: ByteSink,
  serializer: Serializer,
  message: RouterMessage,
): void {
  switch (message.type) {
    case messageTypes.welcome:
      write(sink, serializer, [message.type, message.session, message.details])
      return
    case messageTypes.abort:
    case messageTypes.goodbye:
      write(sink, serializer, [message.type, message.details, message.reason])
      return
    case messageTypes.challenge:
      write(sink, serializer, [message.type, message.method, message.extra])
      return
    case messageTypes.error: {
      const { type, requestType, request, details, error, payload } = message
      write(sink, serializer, [type, requestType, request, details, error], payload)
      return
    }
    case messageTypes.published:
      write(sink, serializer, [message.type, message.request, message.publication])
      return
    case messageTypes.subscribed:
      write(sink, serializer, [message.type, message.request, message.subscription])
      return
    case messageTypes.registered:
      write(sink, serializer, [message.type, message.request, message.registration])
      return
    case messageTypes.unsubscribed:
    case messageTypes.unregistered: {
      const { type, request, details } = message
      write(sink, serializer, details === undefined ? [type, request] : [type, request, details])
      return
    }
    case messageTypes.event: {
      const { type, subscription, publication, details, payload } = message
      write(sink, serializer, [type, subscription, publication, details], payload)
      return
    }
    case messageTypes.result:
      write(sink, serializer, [message.type, message.request, message.details], message.payload)
      return
    case messageTypes.invocation: {
      const { type, request, registration, details, payload } = message
      write(sink, serializer, [type, request, registration, details], payload)
      return
    }
    case messageTypes.interrupt:
      write(sink, serializer, [message.type, message.request, message.options])
  }
}

function write(
  sink: ByteSink,
  serializer: Serializer,
  elements: readonly (number | string | DictInput)[],
  payload?: WampPayload,
): void {
  const own = payload?.in(serializer)
  serializer.beginList(sink, elements.length + (own?.count ?? 0))
  for (let i = 0; i < elements.length; i++) {
    if (i > 0) serializer.separate(sink)
    serializer.encode(sink, elements[i])
  }
  if (own !== undefined) appendPayload(sink, serializer, own)
  serializer.endList(sink)
}

/** Appends the arguments behind the other elements, in octets as they are. */
export function appendPayload(sink: ByteSink, serializer: Serializer, payload: WampPayload): void {
  const { bytes, argsStart, argsEnd, kwargsStart, kwargsEnd } = payload
  if (argsEnd === argsStart) return
  serializer.separate(sink)
  sink.append(bytes, argsStart, argsEnd)
  if (kwargsEnd === kwargsStart) return
  serializer.separate(sink)
  sink.append(bytes, kwargsStart, kwargsEnd)
}
