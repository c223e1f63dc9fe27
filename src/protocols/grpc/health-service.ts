/**
 * The standard health service, grpc.health.v1, from the state of the bus itself. The published
 * packages for it hold statuses that somebody must set, and load a reflection library; this asks
 * when it is asked, and looks again every second only while somebody watches.
 */

import { ProtoReader } from '../../base/proto-reader.ts'
import { type ProtoInit, ProtoWriter } from '../../base/proto-writer.ts'
import { systemClock, type Timer } from '../../core/clock.ts'
import type { Bus } from '../../core/bus.ts'
import { BusError } from '../../model/errors.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Calls } from './calls.ts'
import type { ResponseStream } from './response-stream.ts'

/** HealthCheckResponse.ServingStatus. */
export const servingStatus = { serving: 1, notServing: 2, serviceUnknown: 3 } as const

/** Names a client may ask for; the empty one means the daemon as a whole. */
const services = new Set([
  '',
  'msgbus.v1.MsgbusService',
  'msgbus.v2.BusService',
  'msgbus.v2.ClientService',
  'msgbus.v2.QueueService',
  'msgbus.v2.AdminService',
])
const lookAgainMs = 1_000

interface HealthCheckRequest {
  readonly service: string
}

interface HealthCheckResponse {
  readonly status: number
}

const codec = { requestDeserialize: decodeRequest, responseSerialize: encodeResponse }
export const healthService = {
  check: { path: '/grpc.health.v1.Health/Check', ...codec },
  watch: { path: '/grpc.health.v1.Health/Watch', ...codec },
}

export function addHealthService(calls: Calls, { bus }: AdapterContext): void {
  calls.probe(healthService.check, ({ service }) => {
    const status = statusOf(bus, service)
    if (status === servingStatus.serviceUnknown) {
      throw new BusError('not_found', 'not_found', `unknown service ${JSON.stringify(service)}`)
    }
    return { status }
  })
  const watchers = new Watchers(bus)
  calls.serverStream(healthService.watch, ({ service }, responses) => {
    watchers.add(service, responses)
  })
}

/** Serving means: the store is open and takes writes. */
function statusOf(bus: Bus, service: string): number {
  if (!services.has(service)) return servingStatus.serviceUnknown
  return bus.status().ready ? servingStatus.serving : servingStatus.notServing
}

/** Everybody who watches, on one timer. */
class Watchers {
  readonly #bus: Bus
  readonly #watching = new Map<ResponseStream, { readonly service: string; last: number }>()
  #timer: Timer | undefined

  constructor(bus: Bus) {
    this.#bus = bus
  }

  add(service: string, responses: ResponseStream): void {
    this.#watching.set(responses, { service, last: -1 })
    responses.onEnd(() => {
      this.#watching.delete(responses)
      if (this.#watching.size === 0) this.#timer?.cancel()
    })
    this.#look()
  }

  /** Tells those whose service has changed. */
  #look(): void {
    this.#timer?.cancel()
    for (const [responses, watch] of this.#watching) {
      const status = statusOf(this.#bus, watch.service)
      if (status === watch.last) continue
      watch.last = status
      responses.send([encodeResponse({ status })])
    }
    if (this.#watching.size > 0) this.#timer = systemClock.after(lookAgainMs, () => this.#look())
  }
}

function decodeRequest(bytes: Uint8Array): HealthCheckRequest {
  const reader = new ProtoReader(bytes)
  const end = bytes.length
  let service = ''
  while (reader.position < end) {
    const tag = reader.tag()
    if (tag === 0x0a) service = reader.string(end)
    else reader.skip(tag, end)
  }
  reader.check(end)
  return { service }
}

function encodeResponse({ status = 0 }: ProtoInit<HealthCheckResponse>): Uint8Array {
  const writer = new ProtoWriter()
  writer.uint32(0x08, status)
  return writer.finish()
}
