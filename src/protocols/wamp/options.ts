/**
 * Options of the broker's messages (spec/wamp 8.3, 9.11, 9.14). A known key of a wrong kind is a violation, unknown ones
 * are ignored; keys whose value is null were left out by the decoder.
 */

import { ProtocolError } from '../../model/errors.ts'
import { emptyDict, isDict, type WampDict, type WampValue } from '../../wire/wamp/value.ts'

/** @throws ProtocolError */
export function booleanOption(options: WampDict, key: string): boolean | undefined {
  const value = options.get(key)
  if (value === undefined || typeof value === 'boolean') return value
  throw new ProtocolError(`option ${key} is a boolean`)
}

/** @throws ProtocolError */
export function textOption(options: WampDict, key: string): string | undefined {
  const value = options.get(key)
  if (value === undefined || typeof value === 'string') return value
  throw new ProtocolError(`option ${key} is text`)
}

/** Of a non-negative integer. @throws ProtocolError */
export function countOption(options: WampDict, key: string): number | undefined {
  const value = options.get(key)
  if (value === undefined) return undefined
  const count = integerOf(value)
  if (count === undefined || count < 0) throw new ProtocolError(`option ${key} is an integer`)
  return count
}

/** @throws ProtocolError */
export function dictOption(options: WampDict, key: string): WampDict | undefined {
  const value = options.get(key)
  if (value === undefined || isDict(value)) return value
  throw new ProtocolError(`option ${key} is a dict`)
}

/** The four keys of payload passthru; undefined: the payload is an ordinary one. @throws ProtocolError */
export function passthruOf(options: WampDict): Readonly<Record<string, string>> | undefined {
  if (options.size === 0) return undefined
  const scheme = textOption(options, 'ppt_scheme')
  if (scheme === undefined) return undefined
  const found: Record<string, string> = { ppt_scheme: scheme }
  for (const key of ['ppt_serializer', 'ppt_cipher', 'ppt_keyid']) {
    const value = textOption(options, key)
    if (value !== undefined) found[key] = value
  }
  return found
}

/** Whom a publication may reach; a key that is absent restricts nothing. */
export interface Restrictions {
  readonly eligible: ReadonlySet<number> | undefined
  readonly eligibleAuthid: ReadonlySet<string> | undefined
  readonly eligibleAuthrole: ReadonlySet<string> | undefined
  readonly exclude: ReadonlySet<number> | undefined
  readonly excludeAuthid: ReadonlySet<string> | undefined
  readonly excludeAuthrole: ReadonlySet<string> | undefined
}

export interface PublishOptions {
  readonly acknowledge: boolean
  readonly excludeMe: boolean
  readonly discloseMe: boolean
  readonly retain: boolean
  /** False: never stored. */
  readonly durable: boolean
  readonly passthru: Readonly<Record<string, string>> | undefined
  readonly restrictions: Restrictions | undefined
  /** Headers for whoever reads the message by another protocol. */
  readonly headers: WampDict | undefined
}

const plainOptions: PublishOptions = {
  acknowledge: false,
  excludeMe: true,
  discloseMe: false,
  retain: false,
  durable: true,
  passthru: undefined,
  restrictions: undefined,
  headers: undefined,
}

/** @throws ProtocolError */
export function publishOptions(options: WampDict): PublishOptions {
  if (options === emptyDict || options.size === 0) return plainOptions
  return {
    acknowledge: booleanOption(options, 'acknowledge') ?? false,
    excludeMe: booleanOption(options, 'exclude_me') ?? true,
    discloseMe: booleanOption(options, 'disclose_me') ?? false,
    retain: booleanOption(options, 'retain') ?? false,
    durable: booleanOption(options, '_durable') ?? true,
    passthru: passthruOf(options),
    restrictions: restrictionsOf(options),
    headers: dictOption(options, '_headers'),
  }
}

function restrictionsOf(options: WampDict): Restrictions | undefined {
  const found: Restrictions = {
    eligible: idsOption(options, 'eligible'),
    eligibleAuthid: textsOption(options, 'eligible_authid'),
    eligibleAuthrole: textsOption(options, 'eligible_authrole'),
    exclude: idsOption(options, 'exclude'),
    excludeAuthid: textsOption(options, 'exclude_authid'),
    excludeAuthrole: textsOption(options, 'exclude_authrole'),
  }
  return Object.values(found).some((each) => each !== undefined) ? found : undefined
}

/** A list of ids, or one of them alone. */
function idsOption(options: WampDict, key: string): ReadonlySet<number> | undefined {
  return setOption(options, key, (value) => {
    const id = integerOf(value)
    if (id === undefined) throw new ProtocolError(`option ${key} is a list of ids`)
    return id
  })
}

function textsOption(options: WampDict, key: string): ReadonlySet<string> | undefined {
  return setOption(options, key, (value) => {
    if (typeof value !== 'string') throw new ProtocolError(`option ${key} is a list of texts`)
    return value
  })
}

function setOption<Item>(
  options: WampDict,
  key: string,
  read: (value: WampValue) => Item,
): ReadonlySet<Item> | undefined {
  const value = options.get(key)
  if (value === undefined) return undefined
  const items = Array.isArray(value) ? value : [value]
  return new Set(items.map((item: WampValue) => read(item)))
}

function integerOf(value: WampValue): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (typeof value === 'object' && value !== null && 'value' in value) {
    const { value: inner } = value
    if (typeof inner === 'number' && Number.isSafeInteger(inner)) return inner
  }
  return undefined
}
