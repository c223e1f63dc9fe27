/** The three brokers that are compared, each a process of its own on a Unix socket. */

import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'

import { startDaemonUnderTest, temporaryFolder } from '../daemon-under-test.ts'
import { pin } from './cores.ts'

/**
 * `ours`: this repository's daemon; `reference`: the implementation of the protocol's authors;
 * `relay`: what the kernel costs and hardly more (native/relay.c).
 */
export const brokerNames = ['reference', 'relay', 'ours'] as const
export type BrokerName = (typeof brokerNames)[number]

/** Paths of the programs; a broker whose program is missing takes no part. */
export interface BrokerPrograms {
  readonly reference?: string | undefined
  readonly relay?: string | undefined
}

export interface Broker {
  readonly name: BrokerName
  readonly pid: number
  /** Path of its socket. */
  readonly socket: string
  stop(): Promise<void>
}

/** Starts a broker and resolves when it takes connections. @param core where it runs; absent: anywhere */
export async function startBroker(
  name: BrokerName,
  programs: BrokerPrograms,
  core?: number,
): Promise<Broker> {
  const folder = await temporaryFolder()
  const socket = join(folder, `${name}.sock`)
  try {
    const broker =
      name === 'ours'
        ? await startOurs(socket, join(folder, 'data'))
        : await startProgram(name, programs[name], socket)
    if (core !== undefined) pin(broker.pid, core)
    // After the process has been killed, which was registered earlier.
    const removeWithUs = () => rmSync(folder, { recursive: true, force: true })
    process.once('exit', removeWithUs)
    return {
      name,
      pid: broker.pid,
      socket,
      stop: async () => {
        await broker.stop()
        process.off('exit', removeWithUs)
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

type Process = Pick<Broker, 'pid' | 'stop'>

async function startOurs(socket: string, data: string): Promise<Process> {
  const daemon = await startDaemonUnderTest('lmdb', data, ['--busrt', `unix:${socket}`])
  return { pid: daemon.pid, stop: async () => daemon.stop() }
}

async function startProgram(
  name: 'reference' | 'relay',
  program: string | undefined,
  socket: string,
): Promise<Process> {
  if (program === undefined) throw new Error(`the program of ${name} is missing`)
  const args = name === 'reference' ? ['--bind', socket, '-t', '5'] : [socket]
  // As many connections as the system allows; the shell becomes the broker.
  const script = 'ulimit -n "$(ulimit -H -n)"; exec "$0" "$@"'
  const child = spawn('sh', ['-c', script, program, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  void exited.then(() => process.off('exit', killWithUs))
  await untilListening(socket, child)
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Tries until somebody answers: the reference does not say when it is ready. */
async function untilListening(socket: string, child: ChildProcess): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const connection = connect(socket)
      connection.once('connect', () => {
        connection.destroy()
        resolve(true)
      })
      connection.once('error', () => resolve(false))
    })
    if (isThere) return
    if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`)
    if (performance.now() - startedAt > 10_000) {
      child.kill('SIGKILL')
      throw new Error('the broker did not open its socket within 10 seconds')
    }
    await wait(10)
  }
}
