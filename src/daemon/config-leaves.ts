/**
 * The schema as a flat list of settings, for printing, for suggestions and for the reference page.
 * It goes through JSON Schema, the one form in which zod tells its structure, defaults and texts
 * without wrappers.
 */

import { z } from 'zod'
import { configSchema } from './config-schema.ts'

export interface ConfigLeaf {
  /** `storage.engine`; `topics[].filter` for settings of list items. */
  readonly path: string
  /** What it takes, for people. */
  readonly type: string
  /** As it would stand in the file; undefined when there is none. */
  readonly defaultValue: unknown
  /** How the default is written for people. */
  readonly defaultText: string
  readonly text: string
}

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly defaultText?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

let known: readonly ConfigLeaf[] | undefined

/** All settings in the order of the schema; a list of objects is followed by those of its items. */
export function configLeaves(): readonly ConfigLeaf[] {
  known ??= [...walk('', z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema)]
  return known
}

function* walk(path: string, schema: JsonSchema): Iterable<ConfigLeaf> {
  if (schema.properties === undefined) {
    yield {
      path,
      type: describeType(schema),
      defaultValue: schema.default,
      defaultText: schema.defaultText ?? describeDefault(schema.default),
      text: schema.description ?? '',
    }
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield* walk(path === '' ? name : `${path}.${name}`, child)
  }
  // An item may also be a text that stands for all of it.
  const item =
    schema.items?.anyOf?.find(({ properties }) => properties !== undefined) ?? schema.items
  if (item?.properties !== undefined) yield* walk(`${path}[]`, item)
}

function describeType(schema: JsonSchema): string {
  const { type, items } = schema
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeType).join(' or ')
  if (type === 'boolean') return '`true` or `false`'
  if (type === 'array') {
    if (items?.anyOf !== undefined) return 'list of texts or settings'
    return items?.properties === undefined ? 'list of texts' : 'list'
  }
  if (type !== 'integer') return 'text'
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
  return `number from ${minimum}${maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`}`
}

function describeDefault(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value) && value.length === 0) return 'none'
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}
