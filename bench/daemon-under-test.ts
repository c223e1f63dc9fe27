/** Starts the built daemon on a folder of its own and tells when it is ready. */

import { spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'daemon', 'main.js')

export interface DaemonUnderTest {
  readonly pid: number
  /** `host:port` of gRPC. */
  readonly address: string
  /** `http://host:port` of the metrics. */
  readonly http: string
  /** `host:port` of TMB. */
  readonly tmb: string
  /** Of any protocol; empty: it does not listen. */
  addressOf(protocol: string): string
  /** From the start of the process until the store was open, milliseconds. */
  readonly readyAfterMs: number
  stop(): Promise<void>
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'msgbus-bench-'))
}

/**
 * The folder is removed by `stop` unless it was given.
 * @param flags further ones of the daemon
 */
export async function startDaemonUnderTest(
  storage: string,
  folder?: string,
  flags: readonly string[] = [],
): Promise<DaemonUnderTest> {
  const data = folder ?? (await temporaryFolder())
  await mkdir(data, { recursive: true })
  const readyFile = join(data, 'ready.json')
  await rm(readyFile, { force: true })
  const watcher = watch(data)
  const startedAt = performance.now()
  const child = spawn(
    process.execPath,
    [main, '--data', data, '--storage', storage, '--device-id', 'bench'].concat([
      '--listen',
      '127.0.0.1:0',
      '--log-level',
      'warn',
      '--http',
      '127.0.0.1:0',
      '--tmb',
      '127.0.0.1:0',
      ...flags,
    ]),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  // It ends with us, however early we leave.
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  void exited.then(() => process.off('exit', killWithUs))
  const ready = await new Promise<string>((resolve, reject) => {
    void exited.then(() => reject(new Error('the daemon ended before it was ready')))
    const look = () => {
      readFile(readyFile, 'utf8').then(resolve, () => undefined)
    }
    watcher.on('change', look)
    look()
  }).finally(() => watcher.close())
  const readyAfterMs = performance.now() - startedAt
  const { listeners } = JSON.parse(ready) as {
    listeners: { protocol: string; address: string }[]
  }
  const addressOf = (protocol: string) =>
    listeners.find((listener) => listener.protocol === protocol)?.address ?? ''
  return {
    pid: child.pid ?? 0,
    address: addressOf('grpc'),
    http: `http://${addressOf('http')}`,
    tmb: addressOf('tmb'),
    addressOf,
    readyAfterMs,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      if (folder === undefined) await rm(data, { recursive: true, force: true })
    },
  }
}
