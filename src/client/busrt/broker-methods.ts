/** What the broker itself answers: the methods of `.broker` (spec/busrt 5.1). */

import { BusError } from '../../model/errors.ts'
import { AnswerMap } from './answer-map.ts'
import { BrokerLog } from './broker-log.ts'
import type { BusrtRpc } from './busrt-rpc.ts'
import type { OperationOptions } from './connection.ts'

export interface BrokerInfo {
  readonly author: string
  readonly version: string
}

/** Frames and bytes, as the broker counts them. */
export interface Traffic {
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
}

/** Since the broker started. */
export interface BrokerStats extends Traffic {
  readonly uptimeSeconds: number
}

/** Received counts from this client, sent to it. */
export interface BrokerClient extends Traffic {
  /** Secondary clients are not listed but counted in `instances`. */
  readonly name: string
  /** `internal`, `local_ipc`, `tcp`, `websocket`. */
  readonly kind: string
  /** Address of the client; undefined where there is none. */
  readonly source: string | undefined
  /** Address of the listener it came by. */
  readonly port: string | undefined
  /** What waits for it to read: frames; bytes when the broker is msgbusd. */
  readonly queue: number
  /** 1 and its secondary clients. */
  readonly instances: number
}

export class BrokerMethods {
  /** What msgbusd stores; no other broker has that. */
  readonly log: BrokerLog
  readonly #rpc: BusrtRpc

  constructor(rpc: BusrtRpc) {
    this.#rpc = rpc
    this.log = new BrokerLog(rpc)
  }

  /** Resolves when the broker answers that all is well. @throws BusError `unavailable` when it is not */
  async test(options?: OperationOptions): Promise<void> {
    const answer = await this.#call('test', undefined, options)
    if (answer.boolean('ok')) return
    throw new BusError('unavailable', 'internal', 'the broker says that it is not well')
  }

  async info(options?: OperationOptions): Promise<BrokerInfo> {
    const info = await this.#call('info', undefined, options)
    return { author: info.text('author'), version: info.text('version') }
  }

  async stats(options?: OperationOptions): Promise<BrokerStats> {
    const stats = await this.#call('stats', undefined, options)
    return { uptimeSeconds: stats.number('uptime'), ...traffic(stats) }
  }

  /**
   * Clients by name, without secondary ones.
   * @param filter a regular expression searched in the names
   */
  async clients(filter?: string, options?: OperationOptions): Promise<BrokerClient[]> {
    const params = filter === undefined ? undefined : { filter }
    const answer = await this.#call('client.list', params, options)
    return answer.maps('clients').map((client) => ({
      name: client.text('name'),
      kind: client.text('kind'),
      source: client.optionalText('source'),
      port: client.optionalText('port'),
      ...traffic(client),
      queue: client.number('queue'),
      instances: client.number('instances'),
    }))
  }

  async #call(
    method: string,
    params: object | undefined,
    options: OperationOptions | undefined,
  ): Promise<AnswerMap> {
    return new AnswerMap(method, await this.#rpc.callPacked('.broker', method, params, options))
  }
}

function traffic(map: AnswerMap): Traffic {
  return {
    receivedFrames: map.number('r_frames'),
    receivedBytes: map.number('r_bytes'),
    sentFrames: map.number('w_frames'),
    sentBytes: map.number('w_bytes'),
  }
}
