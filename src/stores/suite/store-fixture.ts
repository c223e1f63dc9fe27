/**
 * What every test of the store suite stands on: a folder of its own, a clock moved by hand, the store
 * under test, and the checks that hold for any store at any time. What a test opens is closed and
 * removed here, also when it fails.
 */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogStore, LogStoreOptions } from '../../core/log-store.ts'
import type { LogFields, Logger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { BusError, type BusErrorCode, type ErrorReason } from '../../model/errors.ts'
import type { StoredMessage } from '../../model/message.ts'

export type OpenLogStore = (options: LogStoreOptions) => Promise<LogStore>

export type RestoreLogStore = (
  backup: AsyncIterable<Uint8Array>,
  options: LogStoreOptions,
) => Promise<LogStore>

/** A store on a disk that the test can break. */
export interface FaultyStore {
  readonly store: LogStore
  /** Every commit fails with this from now on; undefined mends it. */
  readonly fail: (fault: BusError | undefined) => void
}

/** How the engines differ, as data; the suite runs the tests that apply. */
export interface LogStoreTraits {
  /** What was acknowledged is there when the folder is opened again. Default: no. */
  readonly isPersistent?: boolean | undefined
  /** Opens a new store in an empty folder from a backup. */
  readonly restore?: RestoreLogStore | undefined
  /** Where a child process finds the engine: a module URL and the name of its `open…` function. */
  readonly crashChild?: { readonly module: string; readonly exportName: string } | undefined
  /** Opens the engine on a disk that the test can break (`FaultyEngine`). */
  readonly openFaulty?: ((options: LogStoreOptions) => Promise<FaultyStore>) | undefined
}

/** What the parts of the suite are registered with. */
export interface SuiteContext {
  readonly open: OpenLogStore
  readonly traits: LogStoreTraits
}

export const ownNode = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
export const foreignNode = { tenantId: 'tenant', blName: 'default', deviceId: 'node-b' }

/** Registers a test that gets a store of its own. */
export function storeTest(
  context: SuiteContext,
  name: string,
  run: (fixture: StoreFixture) => Promise<void>,
  options: Partial<LogStoreOptions> = {},
): void {
  test(name, async () => {
    const fixture = await StoreFixture.create(context, options)
    try {
      await run(fixture)
    } finally {
      await fixture.end()
    }
  })
}

export class StoreFixture {
  readonly clock = new ManualClock()
  readonly options: LogStoreOptions
  /** Every message that `onCommit` reported, in its order, over all openings. */
  readonly committed: StoredMessage[] = []
  /** `event` and fields of every log line at level warn or error. */
  readonly warnings: { readonly event: string; readonly fields: LogFields | undefined }[] = []
  readonly #context: SuiteContext
  readonly #baseFolder: string
  readonly #opened = new Set<LogStore>()
  #store: LogStore | undefined
  #restores = 0

  private constructor(
    context: SuiteContext,
    baseFolder: string,
    options: Partial<LogStoreOptions>,
  ) {
    this.#context = context
    this.#baseFolder = baseFolder
    const warn = (event: string, fields?: LogFields) => void this.warnings.push({ event, fields })
    const logger: Logger = { error: warn, warn, info: () => undefined, debug: () => undefined }
    this.options = {
      folder: join(baseFolder, 'store'),
      node: ownNode,
      // What the suite checks does not depend on it, and syncing the disk takes time.
      durability: 'os',
      clock: this.clock,
      logger,
      publishIdWindowMs: 600_000,
      publishIdCount: 1_000,
      ...options,
    }
  }

  static async create(
    context: SuiteContext,
    options: Partial<LogStoreOptions>,
  ): Promise<StoreFixture> {
    const folder = await mkdtemp(join(tmpdir(), 'msgbus-store-'))
    const fixture = new StoreFixture(context, folder, options)
    fixture.#use(await fixture.open())
    return fixture
  }

  get store(): LogStore {
    assert.ok(this.#store, 'no store is open')
    return this.#store
  }

  get traits(): LogStoreTraits {
    return this.#context.traits
  }

  /** Opens one more store; the test closes it or leaves it to the fixture. */
  async open(options: Partial<LogStoreOptions> = {}): Promise<LogStore> {
    const store = await this.#context.open({ ...this.options, ...options })
    this.#opened.add(store)
    return store
  }

  /** Restores into a new folder; the test closes it or leaves it to the fixture. */
  async restore(
    backup: AsyncIterable<Uint8Array>,
    options: Partial<LogStoreOptions> = {},
  ): Promise<LogStore> {
    assert.ok(this.traits.restore)
    this.#restores += 1
    const folder = join(this.#baseFolder, `restored-${this.#restores}`)
    const store = await this.traits.restore(backup, { ...this.options, folder, ...options })
    this.#opened.add(store)
    return store
  }

  /**
   * Closes the store and opens it again. A store in memory is taken through a backup instead, so that
   * its backups carry what a disk would.
   */
  async reopen(options: Partial<LogStoreOptions> = {}): Promise<void> {
    const { store } = this
    if (this.traits.isPersistent === true) {
      await store.close()
      this.#use(await this.open(options))
    } else if (this.traits.restore !== undefined) {
      const chunks: Uint8Array[] = []
      for await (const chunk of store.backup()) chunks.push(new Uint8Array(chunk))
      await store.close()
      this.#use(await this.restore(piecesOf(chunks), options))
    }
  }

  /** Checks something now and again after reopening. */
  async holds(check: (store: LogStore) => Promise<void>): Promise<void> {
    await check(this.store)
    await this.reopen()
    await check(this.store)
  }

  async end(): Promise<void> {
    await Promise.all([...this.#opened].map((store) => store.close()))
    await rm(this.#baseFolder, { recursive: true, force: true, maxRetries: 3 })
  }

  #use(store: LogStore): void {
    this.#store = store
    let last = store.lastSequence
    store.onCommit(({ messages }) => {
      for (const message of messages) {
        assert.ok(message.sequence > last, 'onCommit reports in the order of sequences')
        last = message.sequence
        this.committed.push(message)
        const head = store.head(message) ?? 0
        assert.ok(head >= message.headId, 'heads change before onCommit')
      }
      assert.equal(store.lastSequence, last, 'lastSequence changes before onCommit')
    })
  }
}

export async function* piecesOf(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks
}

/** Checks that a promise rejects with a `BusError` of this code and reason. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: BusErrorCode,
  reason: ErrorReason,
): Promise<BusError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BusError, `expected ${code}/${reason}, got ${String(error)}`)
  assert.equal(`${error.code}/${error.reason}`, `${code}/${reason}`)
  return error
}
