/**
 * The query of a request: its decoding, its check against the schema of an operation, and the kinds of parameters.
 * Blanks are written as `+` or `%20`, as forms write them. In filters a `+` that is a whole level stays the wildcard, so
 * that `filter=rooms/+/temperature` can be typed as it is; a blank level would be of no use to anybody.
 */

import { z } from 'zod'
import { BusError } from '../../model/errors.ts'
import type { NodeId } from '../../model/node-id.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'

/** Parameters by name as they stand in the target, values not decoded yet. */
export type RawQuery = ReadonlyMap<string, string>

/** @throws BusError `invalid_argument` for what is not well encoded, or there twice */
export function splitQuery(url: string): RawQuery {
  const raw = new Map<string, string>()
  const start = url.indexOf('?')
  if (start === -1) return raw
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeForm(equals === -1 ? pair : pair.slice(0, equals))
    if (raw.has(name)) throw badQuery(`the parameter ${JSON.stringify(name)} is there twice`)
    raw.set(name, equals === -1 ? '' : pair.slice(equals + 1))
  }
  return raw
}

/** @throws BusError `invalid_argument` that names every parameter at fault */
export function parseQuery<Query extends z.ZodObject>(
  schema: Query,
  raw: RawQuery,
): z.output<Query> {
  const values: Record<string, string> = {}
  for (const [name, value] of raw) {
    values[name] = name === 'filter' ? decodeFilter(value) : decodeForm(value)
  }
  const parsed = schema.safeParse(values)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => {
    if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')} ${issue.message}`
    return `there is no parameter ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
  })
  throw badQuery(faults.join('; '))
}

function integer(min: number, max: number) {
  return z.preprocess(
    (value) => {
      return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    },
    z
      .int('must be a whole number')
      .min(min, `must be at least ${min}`)
      .max(max, `must be at most ${max}`),
  )
}

function flag() {
  return z.preprocess((value) => {
    return value === 'true' ? true : value === 'false' ? false : value
  }, z.boolean('must be true or false'))
}

/** The kinds of parameters, each with its text. */
export const param = {
  // Values are texts, so one of another type is none at all.
  text: (description: string) => z.string('is missing').describe(description),
  integer: (description: string, min = 0, max = Number.MAX_SAFE_INTEGER) =>
    integer(min, max).describe(description),
  flag: (description: string) => flag().describe(description),
  choice: <const Choices extends readonly [string, ...string[]]>(
    choices: Choices,
    description: string,
  ) => z.enum(choices, `must be one of ${choices.join(', ')}`).describe(description),
}

export const topicParam = param.text('Topic.')

export const filterParam = param
  .text(
    'Topic filter as in MQTT: `+` is one level, a trailing `#` the rest and the parent (write it as `%23`). Default: `#`, every topic that does not begin with `$`.',
  )
  .optional()

export const originParam = param
  .text(
    'Node that published, as `tenant/bl/device`, with `%2F` for a `/` in a part. Default: this daemon.',
  )
  .optional()

export function filterOf(text: string | undefined) {
  return parseTopicFilter(text ?? '#')
}

/** @throws BusError `invalid_argument/bad_argument` */
export function parseNode(text: string): NodeId {
  const [tenantId, blName, deviceId, ...more] = text.split('/').map(decodePart)
  if (deviceId === undefined || more.length > 0 || !tenantId || !blName || deviceId === '') {
    const expected = 'expected tenant/bl/device'
    throw new BusError('invalid_argument', 'bad_argument', `origin: ${expected}, not ${text}`)
  }
  return { tenantId, blName, deviceId }
}

function decodePart(part: string): string {
  return decodePercent(part, part)
}

/** As forms are encoded: `+` is a blank. */
function decodeForm(text: string): string {
  return decodePercent(text.replaceAll('+', ' '), text)
}

/** A `+` that is a whole level is the wildcard, another one a blank. */
function decodeFilter(text: string): string {
  const levels = text.split('/')
  return levels.map((level) => (level === '+' ? level : decodeForm(level))).join('/')
}

function decodePercent(text: string, shown: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badQuery(`${JSON.stringify(shown)} is not percent-encoded UTF-8`)
  }
}

function badQuery(message: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', message)
}
