// Whole MQTT sessions over a real bus: whatever a client sends, nothing throws, the answers are well-formed packets and
// the same however the bytes were cut, and the connection ends. `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../src/net/outbox.ts'
import { Admission } from '../../src/protocols/admission.ts'
import { type ConnectionLink, MqttConnection } from '../../src/protocols/mqtt/connection.ts'
import { MqttCounters } from '../../src/protocols/mqtt/counters.ts'
import { mqttSettings } from '../../src/protocols/mqtt/index.ts'
import { Sessions } from '../../src/protocols/mqtt/sessions.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { fuzz } from './fuzz-runs.ts'
import { cut, mutated, stream } from './mqtt-inputs.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
const config = mqttSettings.parse({ listen: 'off', maxPacketBytes: 4_096 })
// What is stored is kept; a store that holds all of it is not the point.
const runsPerScene = 500

/** A daemon without sockets. Two of them that are told the same must say the same. */
class Scene {
  readonly bus: MsgBus
  readonly clock = new ManualClock()
  readonly sessions: Sessions
  readonly #counters = new MqttCounters()
  readonly #schedule = new FlushSchedule()
  #close: () => Promise<void> = async () => undefined

  private constructor() {
    const { clock } = this
    const logger = silentLogger
    this.bus = new MsgBus({ node, limits: defaultLimits, clock, logger })
    this.sessions = new Sessions({
      bus: this.bus,
      clock,
      logger,
      version: '0',
      counters: this.#counters,
    })
  }

  static async open(): Promise<Scene> {
    const scene = new Scene()
    const { publishIdWindowMs, publishIdCount } = defaultLimits
    const store = await openMemoryLogStore({
      folder: '',
      node,
      durability: 'memory',
      clock: scene.clock,
      logger: silentLogger,
      publishIdWindowMs,
      publishIdCount,
    })
    scene.bus.attach(store)
    scene.#close = async () => {
      await scene.sessions.close()
      await scene.bus.shutdown()
      await store.close()
    }
    return scene
  }

  close(): Promise<void> {
    return this.#close()
  }

  /** All pieces in one turn, then the end of the input; answers what came back. */
  async run(pieces: readonly Buffer[]): Promise<Buffer> {
    const written: Buffer[] = []
    const writer: BlockWriter = {
      pendingBytes: 0,
      write: (block) => {
        written.push(Buffer.from(block))
        return true
      },
    }
    const schedule = this.#schedule
    const outbox = new Outbox({ writer, schedule, highBytes: 1_048_576, onFull: () => undefined })
    const state = { isEnded: false }
    const link: ConnectionLink = {
      transport: 'local_ipc',
      source: undefined,
      listener: 'unix:/fuzz.sock',
      outbox,
      unsentBytes: 0,
      pause: () => undefined,
      resume: () => undefined,
      end: () => {
        outbox.flush()
        state.isEnded = true
      },
    }
    const connection = new MqttConnection({
      bus: this.bus,
      admission: new Admission(undefined, 'mqtt'),
      clock: this.clock,
      logger: silentLogger,
      config,
      link,
      sessions: this.sessions,
      counters: this.#counters,
      now: () => this.clock.monotonic(),
      onClosed: () => undefined,
    })
    for (const piece of pieces) connection.receive(piece, piece.length)
    for (let turns = 0; turns < 6 && !state.isEnded; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    connection.inputEnded()
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(state.isEnded, 'the connection does not end')
    return Buffer.concat(written)
  }
}

for (const version of [4, 5] as const) {
  test(
    `whatever a client of ${version === 5 ? '5.0' : '3.1.1'} sends`,
    { timeout: 7_200_000 },
    async (t) => {
      let scenes = [await Scene.open(), await Scene.open()] as const
      let runs = 0
      await fuzz<Buffer>(t, {
        runs: 250,
        make: (random) => mutated(random, stream(random, version)),
        check: async (input, random) => {
          if ((runs += 1) % runsPerScene === 0) {
            for (const scene of scenes) await scene.close()
            scenes = [await Scene.open(), await Scene.open()]
          }
          const whole = shown(await scenes[0].run([input]))
          assert.deepEqual(shown(await scenes[1].run(cut(random, input))), whole)
          assert.equal(scenes[0].bus.clients().length, 0)
        },
        show: (input) => input.toString('hex'),
      })
      for (const scene of scenes) await scene.close()
    },
  )
}

/** The packets of an answer, in hex; what is made up anew each time is left out. */
function shown(bytes: Buffer): string[] {
  const packets: string[] = []
  for (let at = 0; at < bytes.length;) {
    let length = 0
    let head = at + 1
    for (let shift = 0; ; shift += 7, head++) {
      const byte = bytes.readUInt8(head)
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const end = head + 1 + length
    assert.ok(end <= bytes.length, 'the last packet is whole')
    packets.push(bytes.toString('latin1', at, end).replaceAll(/auto-[0-9a-f-]{36}/g, 'auto'))
    at = end
  }
  return packets
}
