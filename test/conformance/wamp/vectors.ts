/** The entries of vectors.json, by kind. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../package-root.ts'
import type { SerializerName } from './raw-client.ts'

interface Validity {
  readonly loose: boolean
  readonly strict: boolean
}

export interface Vectors {
  readonly messages: readonly ({ readonly name: string } & Readonly<
    Record<SerializerName, string>
  >)[]
  readonly accept: readonly {
    readonly name: string
    readonly serializer: SerializerName
    readonly hex: string
    /** JSON text of the message that means the same. */
    readonly same_as: string
  }[]
  readonly reject: readonly {
    readonly name: string
    readonly serializer: SerializerName
    readonly hex?: string
    readonly text?: string
  }[]
  readonly uris: readonly {
    readonly uri: string
    readonly exact: Validity
    readonly prefix: Validity
    readonly wildcard: Validity
  }[]
  readonly patterns: readonly {
    readonly match: 'prefix' | 'wildcard'
    readonly pattern: string
    readonly topic: string
    readonly matches: boolean
  }[]
  readonly topics: readonly { readonly core: string; readonly wamp: string }[]
  readonly payloads: {
    readonly wamp_to_bytes: readonly {
      readonly args: readonly unknown[]
      readonly kwargs: Readonly<Record<string, unknown>>
      readonly wamp_header: string
      readonly content_type: string
      readonly payload_hex: string
    }[]
    readonly bytes_to_wamp_auto: readonly {
      readonly payload_hex: string
      readonly content_type: string | null
      readonly args: readonly unknown[]
    }[]
  }
  readonly rawsocket: readonly {
    readonly name: string
    readonly client?: string
    readonly router?: string
    readonly octets?: string
  }[]
}

const file = join(packageRoot, 'test/conformance/wamp/vectors.json')

export const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
