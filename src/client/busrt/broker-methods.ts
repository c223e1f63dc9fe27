/** What the broker itself answers: the methods of `.broker` (spec/busrt 5.1). */

import { BusError } from '../../model/errors.ts'
import type { BusrtRpc } from './busrt-rpc.ts'
import type { OperationOptions } from './connection.ts'

export interface BrokerInfo {
  readonly author: string
  readonly version: string
}

/** Frames and bytes since the broker started, as seen by it. */
export interface BrokerStats {
  readonly uptimeSeconds: number
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
}

export interface BrokerClient {
  /** Secondary clients are not listed but counted in `instances`. */
  readonly name: string
  /** `internal`, `local_ipc`, `tcp`, `websocket`. */
  readonly kind: string
  /** Address of the client; undefined where there is none. */
  readonly source: string | undefined
  /** Address of the listener it came by. */
  readonly port: string | undefined
  /** Received from it. */
  readonly receivedFrames: number
  readonly receivedBytes: number
  /** Sent to it. */
  readonly sentFrames: number
  readonly sentBytes: number
  /** Frames that wait for it to read. */
  readonly queue: number
  /** 1 and its secondary clients. */
  readonly instances: number
}

const broker = '.broker'

export class BrokerMethods {
  readonly #rpc: BusrtRpc

  constructor(rpc: BusrtRpc) {
    this.#rpc = rpc
  }

  /** Resolves when the broker answers that all is well. */
  async test(options?: OperationOptions): Promise<void> {
    const answer = await this.#call('test', undefined, options)
    if (answer['ok'] !== true) throw undecodable('test', 'ok')
  }

  async info(options?: OperationOptions): Promise<BrokerInfo> {
    const info = await this.#call('info', undefined, options)
    return { author: text(info, 'author'), version: text(info, 'version') }
  }

  async stats(options?: OperationOptions): Promise<BrokerStats> {
    const stats = await this.#call('stats', undefined, options)
    return { uptimeSeconds: number(stats, 'uptime'), ...traffic(stats) }
  }

  /**
   * Clients by name, without secondary ones.
   * @param filter a regular expression searched in the names
   */
  async clients(filter?: string, options?: OperationOptions): Promise<BrokerClient[]> {
    const params = filter === undefined ? undefined : { filter }
    const { clients } = await this.#call('client.list', params, options)
    if (!Array.isArray(clients)) throw undecodable('client.list', 'clients')
    return clients.map((client: unknown) => {
      if (!isMap(client)) throw undecodable('client.list', 'clients')
      return {
        name: text(client, 'name'),
        kind: text(client, 'kind'),
        source: optionalText(client, 'source'),
        port: optionalText(client, 'port'),
        ...traffic(client),
        queue: number(client, 'queue'),
        instances: number(client, 'instances'),
      }
    })
  }

  async #call(
    method: string,
    params: object | undefined,
    options: OperationOptions | undefined,
  ): Promise<Record<string, unknown>> {
    const result = await this.#rpc.callPacked(broker, method, params, options)
    if (!isMap(result)) throw undecodable(method, 'a map')
    return result
  }
}

function traffic(map: Record<string, unknown>) {
  return {
    receivedFrames: number(map, 'r_frames'),
    receivedBytes: number(map, 'r_bytes'),
    sentFrames: number(map, 'w_frames'),
    sentBytes: number(map, 'w_bytes'),
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(map: Record<string, unknown>, key: string): string {
  const value = map[key]
  if (typeof value !== 'string') throw undecodable('.broker', key)
  return value
}

function optionalText(map: Record<string, unknown>, key: string): string | undefined {
  return map[key] === null || map[key] === undefined ? undefined : text(map, key)
}

function number(map: Record<string, unknown>, key: string): number {
  const value = map[key]
  if (typeof value !== 'number') throw undecodable('.broker', key)
  return value
}

function undecodable(method: string, what: string): BusError {
  return new BusError('internal', 'undecodable', `the answer of ${method} lacks ${what}`)
}
