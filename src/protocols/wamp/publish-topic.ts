/** The topics that clients of a realm publish on, by their URIs: checked and converted once. */

import { isReservedUri, isUri, uriBytesMost, type UriCheck } from '../../wire/wamp/uri.ts'
import { uriToTopic } from '../../wire/wamp/topic.ts'

export interface PublishTopic {
  readonly name: string
  /** The name in UTF-8. */
  readonly bytes: Uint8Array
}

const remembered = 10_000
const encoder = new TextEncoder()

export class PublishTopics {
  readonly #check: UriCheck
  readonly #known = new Map<string, PublishTopic>()

  constructor(check: UriCheck) {
    this.#check = check
  }

  /** Undefined: nobody can publish there. */
  of(uri: string): PublishTopic | undefined {
    const known = this.#known.get(uri)
    if (known !== undefined) return known
    if (!isUri(uri, 'exact', this.#check) || isReservedUri(uri)) return undefined
    const name = uriToTopic(uri)
    const bytes = encoder.encode(name)
    if (bytes.length > uriBytesMost) return undefined
    const topic = { name, bytes }
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(uri, topic)
    return topic
  }
}
