/** Looks at a daemon again and again, for `msgbus top`. */

import type {
  ClientInfo,
  DaemonStatus,
  LogInfo,
  MsgbusClient,
  QueueInfo,
} from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { PacedSource } from './paced-source.ts'
import type { Timed } from './paced-source.ts'

/** What the daemon says of itself; parts may be older than others. */
export interface Observation {
  readonly status: Timed<DaemonStatus>
  /** Metrics without labels, by name. */
  readonly metrics: Timed<ReadonlyMap<string, number>>
  readonly clients: Timed<readonly ClientInfo[]>
  readonly logs: Timed<readonly LogInfo[]>
  readonly queues: Timed<readonly QueueInfo[]>
}

export class DaemonWatch {
  readonly #status: PacedSource<DaemonStatus>
  readonly #metrics: PacedSource<ReadonlyMap<string, number>>
  readonly #clients: PacedSource<readonly ClientInfo[]>
  readonly #logs: PacedSource<readonly LogInfo[]>
  readonly #queues: PacedSource<readonly QueueInfo[]>

  constructor(client: MsgbusClient, signal: AbortSignal) {
    const options = { signal }
    this.#status = new PacedSource(() => client.status(options), now)
    this.#metrics = new PacedSource(async () => parseMetrics(await client.metrics(options)), now)
    this.#clients = new PacedSource(() => ifOffered(client.clients('', options)), now)
    this.#logs = new PacedSource(() => client.listLogs(undefined, options), now)
    this.#queues = new PacedSource(() => client.listQueues(options), now)
  }

  /** @throws BusError when the daemon does not answer */
  async read(): Promise<Observation> {
    const [status, metrics, clients, logs, queues] = await Promise.all([
      this.#status.read(),
      this.#metrics.read(),
      this.#clients.read(),
      this.#logs.read(),
      this.#queues.read(),
    ])
    return { status, metrics, clients, logs, queues }
  }
}

function now(): number {
  return performance.now()
}

/** The text format of Prometheus; series with labels are left out. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const series = text.matchAll(/^([a-z_]\w*) (\S+)$/gim)
  return new Map(Array.from(series, ([, name = '', value]) => [name, Number(value)]))
}

/** Daemons of before clients had names list none. */
async function ifOffered<T>(list: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await list
  } catch (error) {
    if (error instanceof BusError && error.code === 'unimplemented') return []
    throw error
  }
}
