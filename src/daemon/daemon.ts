/**
 * Start and stop of the daemon, each readable on one screen. Adapters listen before the store is
 * open, so that health answers at once and everything else says `starting`; stopping goes the other
 * way round. What the process does about signals and defects stands in run-daemon.ts.
 */

import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemClock } from '../core/clock.ts'
import type { LastValueKeeper } from '../core/last-value-keeper.ts'
import type { Logger } from '../core/logger.ts'
import { MsgBus } from '../core/msg-bus.ts'
import { BusError } from '../model/errors.ts'
import { WebSocketGates } from '../net/web-socket-gates.ts'
import type { AdapterContext, BoundListener } from '../protocols/adapter.ts'
import type { Discovery } from '../sync/discovery/discovery.ts'
import type { MqttSlot } from '../protocols/mqtt-administration.ts'
import { LiveMesh } from '../sync/live/live-mesh.ts'
import { QueueForwarder } from '../sync/live/queue-forwarder.ts'
import type { SyncService } from '../sync/sync-service.ts'
import { DaemonAdministration } from './administration.ts'
import { startAdapters } from './adapters.ts'
import type { LoadedConfig } from './config.ts'
import { createMetrics } from './metrics.ts'
import { openAccess } from './open-access.ts'
import { openLastValues } from './open-last-values.ts'
import { nodeOf, openStore } from './open-store.ts'
import { needsRecovery, openDiscovery, openSync, recover, syncPeer } from './open-sync.ts'
import { serveOwnProcedures } from './own-procedures.ts'
import { PeerKeeper } from './peer-keeper.ts'
import type { PeerSpec } from './peer-spec.ts'
import { removeReadyFile, writeReadyFile } from './ready-file.ts'
import { Reloader } from './reloader.ts'
import { messageOf, StartError } from './start-error.ts'
import { readServerTls, TlsReloader } from './tls-files.ts'
import { version } from './version.ts'

export interface Daemon {
  readonly listeners: readonly BoundListener[]
  /** Settles when the store is open and `ready.json` is written; rejects with StartError. */
  readonly ready: Promise<void>
  /**
   * Reads configuration, users, tokens and certificates again. Answers what an operator should know; rejects with
   * BusError `failed_precondition/bad_config` that has all faults, and nothing has changed then.
   */
  reload(): Promise<readonly string[]>
  /**
   * Ends subscriptions, gives running calls the grace time, closes the store. Rejects only when the
   * store cannot be closed. May be called twice, also before `ready`.
   */
  stop(): Promise<void>
}

/**
 * Resolves when the adapters listen. `open` opens the store; tests put another in its place. `reread` loads the
 * configuration once more; without it reloading keeps to the one that is there.
 *
 * @throws StartError; nothing is left behind then
 */
export async function startDaemon(
  loaded: LoadedConfig,
  logger: Logger,
  open = openStore,
  reread?: () => Promise<LoadedConfig>,
): Promise<Daemon> {
  const { config } = loaded
  const { storage, shutdown } = config
  const node = nodeOf(config)
  const data = resolve(storage.data)
  const tls = readServerTls(config.tls, logger)
  const access = await openAccess(config, data, logger)
  const bus = new MsgBus({
    node,
    access,
    limits: config.limits,
    clock: systemClock,
    logger,
    topicRules: config.topics,
    queueRules: config.queues,
    deleteBeyondHead: storage.deleteBeyondHead,
    history: storage.history,
  })
  access.onChange(() => bus.accessChanged())
  serveOwnProcedures(bus)
  const opening = open(config, data, logger)
  // It may fail before anybody waits for it; whoever does hears of it all the same.
  opening.catch(() => undefined)
  let sync: SyncService | undefined
  let peers: PeerKeeper | undefined
  const mqtt: MqttSlot = { administration: undefined }
  const mesh = new LiveMesh({ bus: bus.live, clock: systemClock, logger })
  const metrics = createMetrics(bus, () => sync, mqtt, mesh)
  const startedAtMs = systemClock.now()
  const context: AdapterContext = {
    bus,
    logger,
    version,
    tls,
    authentication: access.authentication,
    administration: new DaemonAdministration({
      access,
      bus,
      clock: systemClock,
      reload: () => reload(),
    }),
    mqtt,
    metricsText: metrics.text,
    webSockets: new WebSocketGates(),
    peering: () => peers,
    acceptLink: (stream, identity) => {
      if (sync === undefined) stream.close(new BusError('unavailable', 'starting', 'it starts'))
      else sync.accept(stream, identity)
    },
    // Asked for by clients, who come when the adapters listen.
    describe: () => {
      return {
        storage: storage.engine,
        dataFolder: data,
        startedAtMs,
        listeners,
        clients: bus.live.registry.size,
        counters: bus.counters,
        topicRules: config.topics,
        history: storage.history,
        peers: peers?.endpoints ?? config.sync.peers.map(({ endpoint }) => endpoint),
      }
    },
  }
  // Sockets may lie in the data folder. If it cannot be made, whoever needs it says so better.
  await mkdir(data, { recursive: true, mode: 0o700 }).catch(() => undefined)
  const adapters = await startAdapters(context, loaded).catch(async (error: unknown) => {
    metrics.close()
    await access.close()
    // A store that is taken explains a port that is taken, so its error goes first.
    await (await opening).close()
    throw error
  })
  const { listeners } = adapters
  const tlsReloader = tls && new TlsReloader(config.tls, tls, logger, adapters.reloadTls)

  const reloader = new Reloader({ loaded, access, tls: tlsReloader, logger, reread })
  const reload = () => reloader.reload()

  let stopping: Promise<void> | undefined
  const isStopping = (): boolean => stopping !== undefined
  let keeper: LastValueKeeper | undefined
  let forwarder: QueueForwarder | undefined
  let discovery: Discovery | undefined
  const ready = opening.then(async (store) => {
    if (stopping !== undefined) return
    keeper = await openLastValues(bus, store, data, logger)
    await bus.retained.load(store)
    if (stopping !== undefined) return
    const recovers = await needsRecovery(config, store)
    if (recovers) {
      const text = 'peers are asked for messages of this node that were lost; try again'
      bus.fail(new BusError('unavailable', 'recovering', text))
      sync = await openSync(config, store, logger, mesh, access, true)
      await recover(sync, config, store, logger)
      if (isStopping()) return
    }
    bus.attach(store)
    keeper?.start()
    const common = { bus, store, clock: systemClock, logger }
    forwarder = await QueueForwarder.open({ ...common, mesh, random: Math.random })
    sync ??= await openSync(config, store, logger, mesh, access, false)
    discovery = openDiscovery(config, listeners, version, logger)
    const configured = config.sync.peers.map(({ endpoint }) => endpoint)
    const peerOf = (spec: PeerSpec) => syncPeer(spec, config)
    peers = await PeerKeeper.open({ store, sync, mesh, discovery, configured, peerOf })
    bus.syncStates = sync && (() => sync?.states() ?? [])
    const { durability } = store.guarantees
    const { pid } = process
    const found = { pid, version, node, data, storage: storage.engine, durability, listeners }
    await writeReadyFile(data, found).catch((error: unknown) => {
      throw new StartError(`cannot write to the data folder: ${messageOf(error)}`, { cause: error })
    })
  })
  ready.catch((error: unknown) => bus.fail(startFailure(error)))

  const stop = async (): Promise<void> => {
    tlsReloader?.close()
    await bus.shutdown()
    await Promise.all([adapters.stop(shutdown.graceMs), sync?.close()])
    // Whatever became of the start is over before its traces are removed.
    await Promise.allSettled([ready])
    await sync?.close()
    mesh.close()
    await discovery?.close()
    await forwarder?.close()
    await removeReadyFile(data)
    metrics.close()
    await keeper?.close()
    await access.close()
    const [store] = await Promise.allSettled([opening])
    if (store.status === 'fulfilled') await store.value.close()
  }
  return {
    listeners,
    ready,
    reload,
    stop: () => (stopping ??= stop()),
  }
}

/** What clients hear until the process is gone: why there will be no store. */
function startFailure(error: unknown): BusError {
  const cause = error instanceof Error ? error.cause : undefined
  const reason = cause instanceof BusError ? cause.reason : 'storage_failed'
  return new BusError('unavailable', reason, messageOf(error), { cause: error })
}
