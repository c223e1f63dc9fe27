/**
 * The publishing half of a broker (spec/wamp 7, 13.2, 13.4): what a client publishes becomes a publication of the bus.
 * Its payload there is in the natural form; WAMP clients who receive it at once get the very octets of the publisher,
 * since what is just being handed to the bus is remembered here until the call returns.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Publication } from '../../core/live.ts'
import { copyOf } from '../../base/copy-of.ts'
import { type BusError, ProtocolError, toBusError } from '../../model/errors.ts'
import type { Headers } from '../../model/message.ts'
import { ByteSink } from '../../wire/wamp/byte-sink.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type { PublishMessage } from '../../wire/wamp/messages.ts'
import { writeNatural } from '../../wire/wamp/natural-form.ts'
import type { WampPayload } from '../../wire/wamp/payload.ts'
import { headersOfPublish } from './event-details.ts'
import { newId } from './ids.ts'
import { type PublishOptions, publishOptions } from './options.ts'
import { publicationIdOf } from './publication-id.ts'
import { type PublishTopic, PublishTopics } from './publish-topic.ts'
import type { Realm } from './realm.ts'
import { isEligible } from './restrictions.ts'
import type { WampSession } from './session.ts'
import { errorUris, WampError } from './translate-error.ts'

/** What is being handed to the bus. */
export interface Handed {
  readonly bytes: Uint8Array
  readonly headers: Headers
  readonly publisher: WampSession
  readonly options: PublishOptions
  readonly payload: WampPayload
  /** 0: nobody has asked for it yet. */
  publicationId: number
}

export class Publishing {
  /** Refused without anybody being told. */
  refused = 0
  readonly #realm: Realm
  readonly #topics: PublishTopics
  readonly #scratch = new ByteSink()
  #isScratchUsed = false
  #handed: Handed | undefined

  constructor(realm: Realm) {
    this.#realm = realm
    this.#topics = new PublishTopics(realm.options.uriCheck)
  }

  /** The publication's own octets, when it is the one that is just being handed over. */
  handedAs({ headers, bytes }: Publication): Handed | undefined {
    const handed = this.#handed
    return handed?.headers === headers && handed.bytes === bytes ? handed : undefined
  }

  /** @throws ProtocolError */
  publish(session: WampSession, message: PublishMessage): void {
    const { payload, topic: uri } = message
    let options = publishOptions(message.options)
    checkPassthru(session, options, payload)
    const { disclose } = this.#realm.options
    const topic = this.#topics.of(uri)
    if (topic === undefined) {
      this.#refuse(
        session,
        message,
        options,
        new WampError(errorUris.invalidUri, `no topic: ${uri}`),
      )
      return
    }
    if (options.discloseMe && disclose === 'never') {
      const text = 'this realm does not tell who publishes'
      this.#refuse(session, message, options, new WampError(errorUris.discloseMeDisallowed, text))
      return
    }
    if (disclose === 'always') options = { ...options, discloseMe: true }
    if (options.acknowledge && options.durable && options.restrictions === undefined) {
      this.#store(session, message, topic, options)
      return
    }
    if (session.lane.isEmpty) this.#route(session, message, topic, options, payload)
    else {
      const own = payload.toOwned()
      session.lane.whenStored(() => this.#route(session, message, topic, options, own))
    }
  }

  /**
   * Publishes what a client left behind. The rights are those of the client that is given.
   * @returns why not
   */
  publishFor(
    session: WampSession,
    client: BusClient,
    publication: { uri: string; payload: WampPayload; options: PublishOptions },
  ): BusError | WampError | undefined {
    const { uri, payload, options } = publication
    const topic = this.#topics.of(uri)
    if (topic === undefined) return new WampError(errorUris.invalidUri, `no topic: ${uri}`)
    const handed = this.#hand(session, topic, options, payload, client)
    return handed instanceof Error ? handed : undefined
  }

  /** The topic of the bus behind a URI; undefined: nobody can publish there. */
  topicOf(uri: string): PublishTopic | undefined {
    return this.#topics.of(uri)
  }

  #route(
    session: WampSession,
    message: PublishMessage,
    topic: PublishTopic,
    options: PublishOptions,
    payload: WampPayload,
  ): void {
    const handed = this.#hand(session, topic, options, payload, session.client)
    if (handed instanceof Error) this.#refuse(session, message, options, handed)
    else if (options.acknowledge) this.#acknowledge(session, message.request, handed)
  }

  /** Hands it to the bus, which delivers at once; returns its publication id, 0 when nobody asked for one. */
  #hand(
    session: WampSession,
    topic: PublishTopic,
    options: PublishOptions,
    payload: WampPayload,
    client: BusClient,
  ): number | WampError {
    // A publication in the middle of another one needs octets of its own.
    const isOuter = !this.#isScratchUsed
    const sink = isOuter ? this.#scratch : new ByteSink()
    sink.clear()
    sink.append(topic.bytes)
    const topicEnd = sink.length
    const natural = writeNatural(sink, payload, options.passthru !== undefined)
    const headers = headersOfPublish(session, options, natural, false)
    const { bytes, length } = sink
    const { restrictions } = options
    const before = this.#handed
    const handed = { bytes, headers, publisher: session, options, payload, publicationId: 0 }
    this.#handed = handed
    this.#isScratchUsed = true
    const only =
      restrictions === undefined && options.durable
        ? undefined
        : (receiver: Parameters<typeof isEligible>[0]) =>
            restrictions === undefined || isEligible(receiver, restrictions)
    const outcome = client.live.publish(bytes, 0, topicEnd, topicEnd, length, false, only, headers)
    this.#handed = before
    if (isOuter) this.#isScratchUsed = false
    if (outcome === 'denied') {
      return new WampError(errorUris.notAuthorized, `you may not publish on ${topic.name}`)
    }
    if (outcome === 'refused') {
      return new WampError(
        errorUris.notAuthorized,
        `nobody publishes on ${topic.name}, or not so much`,
      )
    }
    if (options.retain && restrictions === undefined) {
      this.#retain(client, topic, copyOf(bytes, topicEnd, length), headers)
    }
    return handed.publicationId
  }

  #store(
    session: WampSession,
    { request, payload }: PublishMessage,
    topic: PublishTopic,
    options: PublishOptions,
  ): void {
    const sink = new ByteSink()
    const natural = writeNatural(sink, payload, options.passthru !== undefined)
    const headers = headersOfPublish(session, options, natural, true)
    const { name } = topic
    const bytes = sink.toBytes()
    const message = { topic: name, payload: bytes, headers, history: true, retain: options.retain }
    session.lane.store(message, (outcome) => {
      if (outcome instanceof Error) session.fail(messageTypes.publish, request, outcome)
      else if (outcome.kind === 'rejected')
        session.fail(messageTypes.publish, request, outcome.error)
      else this.#acknowledge(session, request, publicationIdOf(outcome.message.id))
    })
  }

  #retain(client: BusClient, topic: PublishTopic, payload: Uint8Array, headers: Headers): void {
    client.retained.set({ topic: topic.name, payload, headers }).catch((error: unknown) => {
      const { reason } = toBusError(error)
      this.#realm.options.logger.info('wamp_retained_refused', { reason })
    })
  }

  #acknowledge(session: WampSession, request: number, publication: number): void {
    const { published: type } = messageTypes
    session.send({ type, request, publication: publication === 0 ? newId() : publication })
  }

  #refuse(
    session: WampSession,
    { request }: PublishMessage,
    { acknowledge }: PublishOptions,
    error: BusError | WampError,
  ): void {
    if (acknowledge) session.fail(messageTypes.publish, request, error)
    else this.refused += 1
  }
}

/** @throws ProtocolError */
function checkPassthru(session: WampSession, options: PublishOptions, payload: WampPayload): void {
  if (options.passthru === undefined) return
  if (!session.has('publisher', 'payload_passthru_mode')) {
    throw new ProtocolError('ppt_scheme of a client that did not announce payload_passthru_mode')
  }
  if (payload.hasKwargs || payload.args.length !== 1 || !(payload.args[0] instanceof Uint8Array)) {
    throw new ProtocolError('a payload that is passed through is one binary argument')
  }
}
