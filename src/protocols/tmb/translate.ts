/**
 * Categories and topics (spec/tmb 10.2), one to one in both directions: a category that is well-formed text is the
 * topic of that name; any other becomes `tmb-raw:` and its bytes in base64url, and a topic that is no category
 * becomes `topic-raw:` and its UTF-8 in base64url. Both prefixes stand for something else only where that has no
 * plain form, so no topic has two categories and no category two topics.
 *
 * Categories are written as byte strings here: each character is one byte.
 */

import { Buffer, isUtf8 } from 'node:buffer'
import { ByteTable } from '../../base/byte-table.ts'
import { copyOf } from '../../base/copy-of.ts'
import type { TopicText } from '../../core/live.ts'
import { isBlankName } from '../../model/name.ts'
import type { TextView } from '../../model/text-filter.ts'
import { decodeBase64url, encodeBase64url } from '../../wire/tmb/base64url.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'

const rawCategoryPrefix = 'tmb-raw:'
const rawTopicPrefix = 'topic-raw:'
/** Topics of the daemon itself. They have no category, since TMB clients never see them. */
const reservedPrefix = '$msgbus.'

const notPlain = /^(?:tmb-raw:|topic-raw:|\$msgbus\.)/
// oxlint-disable-next-line no-control-regex -- these are the white space bytes of the protocol
const whiteSpace = /[ \t\n\v\f\r]/

/** Topics as TMB filters see them: the category, each character a byte. */
export const tmbView: TextView = {
  name: 'tmb',
  of: categoryOf,
  topicOf,
}

/** The category that stands for a topic; undefined: TMB clients cannot see it. */
export function categoryOf(topic: string): string | undefined {
  if (topic.startsWith(reservedPrefix)) return undefined
  const form = toByteString(topic)
  if (isPlain(topic, form)) return form
  if (topic.startsWith(rawCategoryPrefix)) {
    const bytes = decodeBase64url(topic.slice(rawCategoryPrefix.length))
    const category = bytes === undefined ? undefined : byteStringOf(bytes)
    if (category !== undefined && topicOf(category) === topic) return category
  }
  const raw = rawTopicPrefix + encodeBase64url(Buffer.from(topic))
  return raw.length <= tmbLimits.categoryBytes ? raw : undefined
}

/** The topic that a category stands for; undefined: it is no category. */
export function topicOf(category: string): string | undefined {
  if (category === '' || category.length > tmbLimits.categoryBytes) return undefined
  if (whiteSpace.test(category)) return undefined
  const bytes = Buffer.from(category, 'latin1')
  if (isUtf8(bytes)) {
    const name = bytes.toString()
    if (isPlain(name, category)) return name
    if (name.startsWith(rawTopicPrefix)) {
      const topic = topicNamed(name.slice(rawTopicPrefix.length))
      if (topic !== undefined && categoryOf(topic) === category) return topic
    }
  }
  return rawCategoryPrefix + encodeBase64url(bytes)
}

/** Whether category and topic are the same text. */
function isPlain(topic: string, form: string): boolean {
  return (
    form.length <= tmbLimits.categoryBytes &&
    !whiteSpace.test(form) &&
    !topic.includes('\0') &&
    !notPlain.test(topic) &&
    !isBlankName(topic)
  )
}

/** The topic whose UTF-8 is this base64url. */
function topicNamed(text: string): string | undefined {
  const bytes = decodeBase64url(text)
  if (bytes === undefined || !isUtf8(bytes)) return undefined
  return Buffer.from(bytes.buffer).toString()
}

export function byteStringOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Text in UTF-8, each character a byte. */
export function toByteString(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/**
 * Whether `bytes[start..end)`, a category in ASCII without a zero, is not the name of its topic. Those in other
 * characters have to be looked at more closely.
 */
export function hasSpecialPrefix(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start]
  if (first !== 0x74 && first !== 0x24) return false
  return notPlain.test(byteStringOf(bytes, start, Math.min(end, start + rawTopicPrefix.length)))
}

interface TranslatedCategory {
  readonly bytes: Uint8Array
  /** Name of the topic in UTF-8. */
  readonly topic: Uint8Array
}

const rememberedCategories = 4_096

/** Topics of categories that are not simply ASCII, found by bytes. Forgets everything when it is full. */
export class CategoryTable {
  readonly #known = new ByteTable<TranslatedCategory>()

  /** The name of the topic of the category `bytes[start..end)`, in UTF-8. */
  topicOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const known = this.#known.get(bytes, start, end)
    if (known !== undefined) return known.topic
    const topic = Buffer.from(topicOf(byteStringOf(bytes, start, end)) ?? '')
    if (this.#known.size >= rememberedCategories) this.#known.clear()
    this.#known.set({ bytes: copyOf(bytes, start, end), topic })
    return topic
  }
}

/** Categories of topics, in bytes, as long as their topics are remembered. */
export class TopicTable {
  readonly #categories = new WeakMap<TopicText, Uint8Array>()

  /** Undefined: TMB clients cannot see it. */
  categoryOf(topic: TopicText): Uint8Array | undefined {
    let category = this.#categories.get(topic)
    if (category === undefined) {
      category = Buffer.from(categoryOf(topic.name) ?? '', 'latin1')
      this.#categories.set(topic, category)
    }
    return category.length === 0 ? undefined : category
  }
}
