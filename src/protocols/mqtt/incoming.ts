/**
 * What one client publishes (spec/mqtt 6): topic aliases, messages on their way to the bus and the store, and their
 * acknowledgements, which leave in the order of the messages. Messages that ask for one wait for the disk together,
 * and what follows them goes on meanwhile.
 */

import { isUtf8 } from 'node:buffer'
import { copyOf } from '../../base/copy-of.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import type { Headers, OutgoingMessage } from '../../model/message.ts'
import { AckQueue } from './acks.ts'
import type { IncomingPublish } from './publish-in-place.ts'
import { answerHistory, historyPrefix, readQuestion } from './history.ts'
import { headersOf, mqttHeaders } from './message-properties.ts'
import { closedTopic, isOpenTopic } from './open-topics.ts'
import { type AckType, MqttError, packetTypes, protocolError, reasonCodes } from './packets.ts'
import { PacketReader } from './packet-reader.ts'
import { encodeProperties } from './packet-writer.ts'
import { parsePublishProperties } from './properties.ts'
import type { MqttCounters } from './counters.ts'
import type { MqttSession } from './session.ts'
import { isPassing, reasonOfError } from './translate.ts'

export interface IncomingOptions {
  /** For questions about history; undefined: there are none. */
  readonly bus: Bus | undefined
  readonly client: BusClient
  readonly session: MqttSession
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: MqttCounters
  readonly isVersion5: boolean
  readonly receiveMaximum: number
  readonly topicAliasMaximum: number
  /** Sends PUBACK, PUBREC or PUBCOMP. */
  readonly sendAck: (type: AckType, id: number, reasonCode?: number) => void
  /** Many acknowledgements are due (true): nothing more is to be taken for now. */
  readonly hold: (isHeld: boolean) => void
  /** A message was refused and its publisher cannot be told otherwise. */
  readonly end: (reason: string) => void
}

/** A message on its way to the bus. */
interface Pending {
  readonly message: OutgoingMessage
  readonly whenStored: (error: Error | undefined) => void
}

/** Publications of one client that may wait for the disk; beyond it nothing more is taken. */
const acksMost = 1_000
/** Messages given to the bus together. */
const batchMost = 100
/** Questions about history of one client that are being answered. */
const questionsMost = 8
const noBytes = new Uint8Array(0)
/** Of a message of QoS 1 that says nothing but topic and payload. */
const plainTraits = { qos: 1, retain: false, properties: noBytes, messageExpiry: -1 } as const

export class Incoming {
  readonly #options: IncomingOptions
  readonly #acks = new AckQueue()
  /** Names behind the aliases of the client. */
  readonly #aliases = new Map<number, Uint8Array>()
  /** Identifiers of QoS 1 and 2 that were not answered for good on this connection. */
  readonly #underWay = new Set<number>()
  /** Messages of QoS 1 that came in this turn: one promise serves all of them. */
  #batch: Pending[] = []
  #asking = 0
  #isOver = false

  constructor(options: IncomingOptions) {
    this.#options = options
  }

  /** The connection has ended: nothing is answered any more. */
  close(): void {
    this.flush()
    this.#isOver = true
    this.#acks.clear()
  }

  /** @throws MqttError */
  publish(publish: IncomingPublish): void {
    const { bytes, qos, start, end } = publish
    if (qos !== 1) this.flush()
    const alias = this.#topicOf(publish)
    const from = alias ?? bytes
    const topicStart = alias === undefined ? publish.topicStart : 0
    const topicEnd = alias === undefined ? publish.topicEnd : alias.length
    const { live } = this.#options.client
    this.#options.counters.received[qos] += 1
    live.receivedFrames += 1
    live.receivedBytes += topicEnd - topicStart + end - start
    if (qos > 0) {
      this.#publishAcknowledged(publish, from, topicStart, topicEnd)
      return
    }
    if (!isOpenTopic(from, topicStart, topicEnd)) {
      const refusal = this.#ask(publish, textOf(from, topicStart, topicEnd))
      if (refusal !== undefined) this.#options.counters.dropped.refused += 1
      return
    }
    if (publish.isText && !isUtf8(bytes.subarray(start, end))) {
      this.#options.counters.dropped.refused += 1
      return
    }
    const headers = this.#headersOf(publish)
    if (publish.retain) this.#retain(publish, textOf(from, topicStart, topicEnd), headers)
    if (alias === undefined) {
      live.publish(bytes, topicStart, topicEnd, start, end, false, undefined, headers)
      return
    }
    // An alias stands for a name that is not among these bytes.
    const whole = Buffer.concat([alias, bytes.subarray(start, end)])
    live.publish(whole, 0, topicEnd, topicEnd, whole.length, false, undefined, headers)
  }

  /** PUBREL: PUBCOMP goes out once it is on disk that the identifier is free. */
  release(id: number): void {
    const { session, sendAck, isVersion5 } = this.#options
    const released = session.release(id)
    this.#underWay.delete(id)
    if (released === false) {
      const code = isVersion5 ? reasonCodes.packetIdNotFound : reasonCodes.success
      this.#acks.push(() => sendAck(packetTypes.pubcomp, id, code))
    } else if (released === undefined) this.#acks.push(() => sendAck(packetTypes.pubcomp, id))
    else {
      const answer = this.#acks.reserve()
      released.then(
        () => {
          answer(() => sendAck(packetTypes.pubcomp, id))
          this.#ackMoved()
        },
        // It is released in memory; the client asks again on its next connection.
        (error: unknown) => this.#end(toBusError(error).message),
      )
    }
  }

  #publishAcknowledged(
    publish: IncomingPublish,
    from: Uint8Array,
    topicStart: number,
    topicEnd: number,
  ): void {
    const { client, session, isVersion5, receiveMaximum, sendAck } = this.#options
    const { qos, id, bytes, start, end, retain } = publish
    const isExactlyOnce = qos === 2
    const type = isExactlyOnce ? packetTypes.pubrec : packetTypes.puback
    if (!isExactlyOnce && this.#publishUnstored(publish, from, topicStart, topicEnd)) return
    this.#underWay.add(id)
    if (isVersion5 && this.#underWay.size > receiveMaximum) {
      const text = `more than ${receiveMaximum} messages under way`
      throw new MqttError(reasonCodes.receiveMaximumExceeded, text)
    }
    const answer = this.#acks.reserve()
    if (this.#acks.size >= acksMost) this.#options.hold(true)
    const settled = (error: Error | undefined) => {
      if (this.#isOver) return
      if (error !== undefined || !isExactlyOnce) this.#underWay.delete(id)
      if (error === undefined) answer(() => sendAck(type, id))
      else answer(() => this.#refuse(type, id, toBusError(error)))
      this.#ackMoved()
    }
    if (isExactlyOnce && session.received.has(id)) {
      session.received.whenSettled(id, settled)
      return
    }
    const topic = textOf(from, topicStart, topicEnd)
    if (!isOpenTopic(from, topicStart, topicEnd)) {
      const refusal = this.#ask(publish, topic)
      // A question that is asked twice is answered twice: of its identifier nothing needs to be kept on disk.
      if (refusal === undefined && isExactlyOnce) session.received.load(id)
      settled(refusal)
      return
    }
    if (publish.isText && !isUtf8(bytes.subarray(start, end))) {
      settled(payloadNotText())
      return
    }
    if (isExactlyOnce) {
      session.received.begin(id)
      session.received.whenSettled(id, settled)
    }
    const whenStored = (error: Error | undefined) => {
      if (isExactlyOnce) session.received.settle(id, error)
      else settled(error)
    }
    const payload = copyOf(bytes, start, end)
    const message = { topic, payload, headers: this.#headersOf(publish), history: true, retain }
    if (!isExactlyOnce) {
      this.#batch.push({ message, whenStored })
      if (this.#batch.length === 1) queueMicrotask(this.#publishBatch)
      if (this.#batch.length >= batchMost) this.flush()
      return
    }
    client.publish([message], session.receivedNotes(id)).then(
      ([outcome]) => whenStored(outcome?.kind === 'rejected' ? outcome.error : undefined),
      (error: unknown) => whenStored(toBusError(error)),
    )
  }

  /** Answers a question about history, soon; undefined: it will be. Other topics of this kind are closed. */
  #ask(publish: IncomingPublish, topic: string): BusError | undefined {
    const { bus, client, session, isVersion5 } = this.#options
    if (bus === undefined || !topic.startsWith(historyPrefix)) return closedTopic(topic)
    const { bytes, start, end, qos } = publish
    const properties = publish.hasProperties ? publish.properties() : noBytes
    const said = parsePublishProperties(new PacketReader(), properties)
    const payload = copyOf(bytes, start, end)
    const question = readQuestion({ topic: topic.slice(historyPrefix.length), payload })
    const { responseTopic: replyTo = question.replyTo, correlationData } = said
    if (replyTo === undefined || !session.listensTo(replyTo)) {
      const text = 'nobody would get the answer: name a response topic, and subscribe to it first'
      return new BusError('failed_precondition', 'bad_argument', text)
    }
    if (this.#asking >= questionsMost) {
      return new BusError('resource_exhausted', 'quota_exceeded', 'too many questions at a time')
    }
    this.#asking += 1
    void answerHistory(bus, client, question).then(({ payload: answer, error }) => {
      this.#asking -= 1
      if (this.#isOver) return
      const userProperties: [string, string][] = error ? [['msgbus-error', error.reason]] : []
      const encoded = encodeProperties({
        payloadFormat: 1,
        contentType: 'application/json',
        ...(correlationData !== undefined && { correlationData }),
        ...(userProperties.length > 0 && { userProperties }),
      })
      const traits = { qos, retain: false, properties: encoded, messageExpiry: -1 }
      const headers = headersOf(isVersion5 ? traits : { ...traits, properties: noBytes }, 0)
      // Nobody told the bus of its QoS otherwise.
      session.tell(replyTo, answer, new Map(headers).set(mqttHeaders.qos, String(qos)))
    })
    return undefined
  }

  /**
   * A message of QoS 1 on a topic that a rule keeps from being stored goes out at once, and is acknowledged: nothing is
   * kept of it. False: it takes the other way.
   */
  #publishUnstored(
    publish: IncomingPublish,
    from: Uint8Array,
    topicStart: number,
    topicEnd: number,
  ): boolean {
    const { id, bytes, start, end, retain } = publish
    const isPlain = !retain && !publish.hasProperties && publish.messageExpiry < 0
    // Behind others its acknowledgement would have to wait, and an alias is not among these bytes.
    if (!isPlain || from !== bytes || this.#batch.length > 0 || this.#acks.size > 0) return false
    if (this.#underWay.size > 0) return false
    if (!isOpenTopic(bytes, topicStart, topicEnd)) return false
    const { client, sendAck } = this.#options
    const headers = headersOf(plainTraits, 0)
    const { live } = client
    const outcome = live.publishUnstored(bytes, topicStart, topicEnd, start, end, headers)
    if (outcome === 'published') sendAck(packetTypes.puback, id)
    else if (outcome === 'denied') this.#refuse(packetTypes.puback, id, deniedByRule())
    // A refused one takes the other way, too, to find out why.
    return outcome === 'published' || outcome === 'denied'
  }

  /** Gives the bus what was collected: before anything else that the client does. */
  flush(): void {
    if (this.#batch.length > 0) this.#publishBatch()
  }

  readonly #publishBatch = (): void => {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#options.client.publish(batch.map(({ message }) => message)).then(
      (outcomes) => {
        for (const [i, { whenStored }] of batch.entries()) {
          const outcome = outcomes[i]
          whenStored(outcome?.kind === 'rejected' ? outcome.error : undefined)
        }
      },
      (error: unknown) => {
        for (const { whenStored } of batch) whenStored(toBusError(error))
      },
    )
  }

  /** A client of 5.0 is told; another one is not, and must not take for done what may succeed later. */
  #refuse(type: AckType, id: number, error: BusError): void {
    const { logger, counters, isVersion5, session, sendAck } = this.#options
    counters.dropped.refused += 1
    logger.info('mqtt_publish_refused', { client: session.clientId, reason: error.reason })
    if (isVersion5) sendAck(type, id, reasonOfError(error))
    else if (isPassing(error)) this.#end(error.message)
    else sendAck(type, id)
  }

  #retain({ bytes, start, end }: IncomingPublish, topic: string, headers: Headers): void {
    const { client, logger, session } = this.#options
    const payload = copyOf(bytes, start, end)
    client.retained.set({ topic, payload, headers }).catch((error: unknown) => {
      const { reason } = toBusError(error)
      logger.info('mqtt_retained_refused', { client: session.clientId, reason })
    })
  }

  /** Name that an alias stands for; undefined: the name is in the packet. */
  #topicOf({ bytes, topicStart, topicEnd, topicAlias }: IncomingPublish): Uint8Array | undefined {
    if (topicAlias === 0) return undefined
    if (topicAlias > this.#options.topicAliasMaximum) {
      throw new MqttError(reasonCodes.topicAliasInvalid, `topic alias ${topicAlias} is too large`)
    }
    if (topicEnd > topicStart) {
      this.#aliases.set(topicAlias, copyOf(bytes, topicStart, topicEnd))
      return undefined
    }
    const name = this.#aliases.get(topicAlias)
    if (name === undefined) throw protocolError(`topic alias ${topicAlias} stands for nothing`)
    return name
  }

  #headersOf(publish: IncomingPublish): Headers {
    const { qos, retain, messageExpiry } = publish
    const properties = publish.hasProperties ? publish.properties() : noBytes
    const nowMs = messageExpiry < 0 ? 0 : this.#options.clock.now()
    return headersOf({ qos, retain, properties, messageExpiry }, nowMs)
  }

  #ackMoved(): void {
    if (this.#acks.size < acksMost / 2) this.#options.hold(false)
  }

  #end(reason: string): void {
    if (!this.#isOver) this.#options.end(reason)
  }
}

function payloadNotText(): BusError {
  const text = 'the payload is said to be text and is not well-formed UTF-8'
  return new BusError('invalid_argument', 'payload_not_text', text)
}

function deniedByRule(): BusError {
  return new BusError('permission_denied', 'access_denied', 'a rule forbids it')
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
}
