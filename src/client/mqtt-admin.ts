/** Sessions, retained messages and bridges of MQTT at the daemon, for administrators: `client.mqtt`. */

import { mqttServiceCalls } from '../wire/gen/msgbus-mqtt.ts'
import type {
  GetMqttRetainedResponse,
  GetMqttSessionResponse,
  ListMqttRetainedResponse,
  ListMqttSessionsResponse,
  MqttBridgeInfo,
} from '../wire/gen/msgbus-mqtt.ts'
import { callOnce, isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import type { Rpc } from './transport.ts'

/** All reject with BusError `permission_denied/access_denied` without the right, `unimplemented` without MQTT. */
export class MqttAdmin {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  /** By client id: those that begin with `prefix`, behind `after`; at most 1,000. */
  sessions(
    {
      prefix = '',
      after = '',
      limit = 0,
    }: { prefix?: string; after?: string; limit?: number } = {},
    options?: RequestOptions,
  ): Promise<ListMqttSessionsResponse> {
    return this.#call(mqttServiceCalls.listMqttSessions, { prefix, after, limit }, options)
  }

  /** Rejects with `not_found/no_such_session`. */
  session(clientId: string, options?: RequestOptions): Promise<GetMqttSessionResponse> {
    return this.#call(mqttServiceCalls.getMqttSession, { clientId }, options)
  }

  /** Ends it, with its connection if it has one. Rejects with `not_found/no_such_session`. */
  async removeSession(clientId: string, options?: RequestOptions): Promise<void> {
    await this.#call(mqttServiceCalls.removeMqttSession, { clientId }, options)
  }

  /** Without payloads; at most 1,000. */
  retained(filter = '', limit = 0, options?: RequestOptions): Promise<ListMqttRetainedResponse> {
    return this.#call(mqttServiceCalls.listMqttRetained, { filter, limit }, options)
  }

  /** Rejects with `not_found/no_retained_message`. */
  retainedMessage(topic: string, options?: RequestOptions): Promise<GetMqttRetainedResponse> {
    return this.#call(mqttServiceCalls.getMqttRetained, { topic }, options)
  }

  /** Resolves with how many there were. */
  async removeRetained(filter: string, options?: RequestOptions): Promise<number> {
    return (await this.#call(mqttServiceCalls.removeMqttRetained, { filter }, options)).removed
  }

  async bridges(options?: RequestOptions): Promise<readonly MqttBridgeInfo[]> {
    return (await this.#call(mqttServiceCalls.listMqttBridges, {}, options)).bridges
  }

  async #call<Q, R>(rpc: Rpc<Q, R>, request: Q, options?: RequestOptions): Promise<R> {
    try {
      return await callOnce(this.#context, rpc, request, options)
    } catch (error) {
      throw isUnimplemented(error) ? unsupported('MQTT', error) : error
    }
  }
}
