/**
 * Arguments of a call, or of an answer, on their way between a client of WAMP and somebody else (spec/wamp 13.2, 13.7).
 * Between two clients of WAMP the octets pass as they came; the natural form is made only for other protocols.
 */

import type { CallContent } from '../../core/calls.ts'
import type { Headers } from '../../model/message.ts'
import { ByteSink } from '../../wire/wamp/byte-sink.ts'
import { json } from '../../wire/wamp/json.ts'
import { payloadOf, writeNatural } from '../../wire/wamp/natural-form.ts'
import type { WampPayload } from '../../wire/wamp/payload.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'

/** The four keys of payload passthru (spec/wamp 9.14). */
export type Passthru = Readonly<Record<string, string>>

export class WampContent implements CallContent {
  /** Borrowed from the message it came in, unless it was kept. */
  readonly arguments: WampPayload
  /** Undefined: these are ordinary arguments. */
  readonly passthru: Passthru | undefined
  #natural: { readonly payload: Uint8Array; readonly headers: Headers } | undefined

  constructor(payload: WampPayload, passthru: Passthru | undefined) {
    this.arguments = payload
    this.passthru = passthru
  }

  get payload(): Uint8Array {
    return this.#inNaturalForm().payload
  }

  get headers(): Headers {
    return this.#inNaturalForm().headers
  }

  get byteLength(): number {
    return this.arguments.byteLength
  }

  keep(): WampContent {
    return new WampContent(this.arguments.toOwned(), this.passthru)
  }

  #inNaturalForm(): { readonly payload: Uint8Array; readonly headers: Headers } {
    if (this.#natural !== undefined) return this.#natural
    const sink = new ByteSink()
    const plain = writeNatural(sink, this.arguments, this.passthru !== undefined)
    const headers = this.passthru === undefined ? plain : withPassthru(plain, this.passthru)
    return (this.#natural = { payload: sink.toBytes(), headers })
  }
}

/** Of content that came from anywhere. @param serializer for what leaves a choice */
export function argumentsOf(content: CallContent, serializer: Serializer = json): WampPayload {
  if (content instanceof WampContent) return content.arguments
  const { payload: bytes, headers } = content
  return payloadOf({ bytes, start: 0, end: bytes.length, headers }, serializer)
}

export function passthruOfContent(content: CallContent): Passthru | undefined {
  if (content instanceof WampContent) return content.passthru
  if (content.headers.get('wamp') !== 'p') return undefined
  const found: Record<string, string> = {}
  for (const key of passthruKeys) {
    const value = content.headers.get(key.replace('_', '-'))
    if (value !== undefined) found[key] = value
  }
  return 'ppt_scheme' in found ? found : undefined
}

const passthruKeys = ['ppt_scheme', 'ppt_serializer', 'ppt_cipher', 'ppt_keyid'] as const

function withPassthru(headers: Headers, passthru: Passthru): Headers {
  const all = new Map(headers)
  for (const [key, value] of Object.entries(passthru)) all.set(key.replace('_', '-'), value)
  return all
}
