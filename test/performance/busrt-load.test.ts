/**
 * The load generator of the benchmarks believes nothing: a broker that loses, repeats, swaps or
 * changes something fails its run. Figures of a generator that does not look are worth nothing.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { startBroker } from '../../bench/busrt/brokers.ts'
import { runLoad, type StageName, stageNames } from '../../bench/busrt/load-run.ts'
import { type NativePrograms, nativePrograms } from '../../bench/busrt/native-programs.ts'
import { deliveryKinds, greeting, opcodes, results } from '../../src/wire/busrt/frames.ts'
import { cleanUp } from '../e2e/clean-up.ts'
import { temporaryFolder } from '../e2e/daemon-process.ts'

/** What becomes of the n-th message or acknowledgement (each from 0) that is for a client. */
type Fault = (frame: Buffer, n: number) => readonly Buffer[]

interface Case {
  readonly name: string
  readonly stage: StageName
  /** What the fault is applied to. */
  readonly to: 'messages' | 'acknowledgements'
  readonly fault: Fault
  readonly says: RegExp
}

/** The frame as `change` makes it. */
function changed(frame: Buffer, change: (copy: Buffer) => void): Buffer[] {
  const copy = Buffer.from(frame)
  change(copy)
  return [copy]
}

const at = 20

const cases: readonly Case[] = [
  {
    name: 'a lost message',
    stage: 'send+recv.qos.no',
    to: 'messages',
    fault: (frame, n) => (n === at ? [] : [frame]),
    says: /message \d+ of client \d, expected \d+/,
  },
  {
    name: 'a repeated message',
    stage: 'peer.qos.no',
    to: 'messages',
    fault: (frame, n) => (n === at ? [frame, frame] : [frame]),
    says: /message \d+ of client \d, expected \d+/,
  },
  {
    name: 'a message from somebody else',
    stage: 'send+recv.qos.no',
    to: 'messages',
    // The last digit of the sender's name.
    fault: (frame, n) =>
      n === at ? changed(frame, (copy) => (copy[copy.indexOf(0, 6) - 1]! ^= 1)) : [frame],
    says: /a message of client \d|a delivery from/,
  },
  {
    name: 'a message that is too short',
    stage: 'fanin',
    to: 'messages',
    fault: (frame, n) => {
      if (n !== at) return [frame]
      return changed(frame, (copy) => copy.writeUInt32LE(copy.readUInt32LE(1) - 1, 1)).map((copy) =>
        copy.subarray(0, -1),
      )
    },
    says: /a message of 99 bytes/,
  },
  {
    name: 'a message that never comes',
    stage: 'send+recv.qos.processed',
    to: 'messages',
    fault: (frame, n) => (n >= at ? [] : [frame]),
    says: /nothing came for 1 seconds/,
  },
  {
    name: 'an acknowledgement with the wrong code',
    stage: 'send.qos.processed',
    to: 'acknowledgements',
    fault: (frame, n) => (n === at ? changed(frame, (copy) => (copy[5] = results.ok)) : [frame]),
    says: /acknowledged with 01, expected 71/,
  },
  {
    name: 'an acknowledgement of another operation',
    stage: 'rpc.call0',
    to: 'acknowledgements',
    fault: (frame, n) => (n === at ? changed(frame, (copy) => (copy[1]! ^= 1)) : [frame]),
    says: /acknowledgement of \d+, expected \d+/,
  },
  {
    name: 'an answer to another call',
    stage: 'rpc.call+handle',
    to: 'messages',
    // After the sender's name: kind and call id. Requests stay as they are.
    fault: (frame, n) => {
      const body = frame.indexOf(0, 6) + 1
      if (n < at || frame[body] !== 0x11) return [frame]
      return changed(frame, (copy) => (copy[body + 1]! ^= 0x40))
    },
    says: /call \d+, expected \d+/,
  },
]

test('every stage passes against the relay', async (t) => {
  const native = programs(t)
  if (native === undefined) return
  const relay = await startBroker('relay', native)
  cleanUp(t, async () => relay.stop())
  for (const stage of stageNames) {
    const options = { stage, operations: 2_000, clients: 4, payloadBytes: 100, window: 50 }
    const result = await runLoad(native.load, relay, options)
    const senders = stage === 'fanin' || stage === 'mixed.latency' || stage === 'pub.fanout' ? 3 : 4
    assert.equal(result.operations, Math.floor(2_000 / senders) * senders, stage)
    assert.ok(result.serverCpuSeconds > 0, stage)
  }
})

test('a broker without faults passes', async (t) => {
  const native = programs(t)
  if (native === undefined) return
  for (const one of cases) {
    const outcome = await loadFaulty(t, native, { ...one, fault: (frame) => [frame] })
    assert.deepEqual({ stage: one.stage, ...outcome }, { stage: one.stage, code: 0, errors: '' })
  }
})

for (const one of cases) {
  test(`${one.name} fails the run`, async (t) => {
    const native = programs(t)
    if (native === undefined) return
    const { code, errors } = await loadFaulty(t, native, one)
    assert.equal(code, 1)
    assert.match(errors, one.says)
  })
}

function programs(t: TestContext): NativePrograms | undefined {
  const native = nativePrograms()
  if (!('missing' in native)) return native
  t.skip(native.missing)
  return undefined
}

/** Runs a stage against a broker with that fault. */
async function loadFaulty(
  t: TestContext,
  native: NativePrograms,
  { stage, to, fault }: Case,
): Promise<{ code: number | null; errors: string }> {
  const socket = join(temporaryFolder(t), 'faulty.sock')
  await startFaultyBroker(t, socket, to, fault)
  const args = ['--socket', socket, '--stage', stage, '--operations', '200', '--stall', '1']
  const child = spawn(native.load, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  cleanUp(t, () => child.kill('SIGKILL'))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, errors }
}

/** Relays messages between clients and acknowledges them; one of both passes through `fault`. */
async function startFaultyBroker(
  t: TestContext,
  path: string,
  faulty: Case['to'],
  fault: Fault,
): Promise<void> {
  const clients = new Map<string, Socket>()
  let count = 0
  const send = (to: Socket, frame: Buffer) => {
    const isAck = frame[0] === deliveryKinds.ack
    if (isAck !== (faulty === 'acknowledgements')) to.write(frame)
    else for (const one of fault(frame, count++)) to.write(one)
  }
  const server = createServer((socket) => {
    let name: string | undefined
    let isGreeted = false
    let rest: Buffer = Buffer.alloc(0)
    socket.write(Uint8Array.from(greeting))
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const length = stepLength(rest, isGreeted, name !== undefined)
        if (rest.length < length) return
        const step = rest.subarray(0, length)
        rest = rest.subarray(length)
        if (!isGreeted) {
          isGreeted = true
          socket.write(Uint8Array.of(results.ok))
        } else if (name === undefined) {
          name = step.toString('utf8', 2)
          clients.set(name, socket)
          socket.write(Uint8Array.of(results.ok))
        } else {
          take(socket, name, step)
        }
      }
    })
  })
  const take = (socket: Socket, sender: string, frame: Buffer) => {
    const flags = frame[4] ?? 0
    if ((flags & 0x3f) !== opcodes.message) return
    const end = frame.indexOf(0, 9)
    const target = clients.get(frame.toString('utf8', 9, end))
    if (target !== undefined) {
      const body = Buffer.concat([Buffer.from(`${sender}\0`), frame.subarray(end + 1)])
      const head = Buffer.alloc(6)
      head[0] = deliveryKinds.message
      head.writeUInt32LE(body.length, 1)
      send(target, Buffer.concat([head, body]))
    }
    if ((flags & 0x40) === 0) return
    const code = target === undefined ? results.notRegistered : results.ok
    send(socket, Buffer.from([deliveryKinds.ack, ...frame.subarray(0, 4), code]))
  }
  await new Promise<void>((resolve) => server.listen(path, resolve))
  cleanUp(t, () => {
    for (const socket of clients.values()) socket.destroy()
    server.close()
  })
}

/** Bytes of what a client sends next, as far as those that came tell. */
function stepLength(bytes: Buffer, isGreeted: boolean, isNamed: boolean): number {
  if (!isGreeted) return greeting.length
  if (!isNamed) return bytes.length < 2 ? 2 : 2 + bytes.readUInt16LE(0)
  return bytes.length < 9 || bytes[4] === opcodes.nop ? 9 : 9 + bytes.readUInt32LE(5)
}
