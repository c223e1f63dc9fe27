/** A daemon started from an installed package, by the command that the package brings. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { cleanUp, type Scope } from '../e2e/clean-up.ts'

export interface InstalledDaemon {
  /** `host:port` of gRPC. */
  readonly address: string
  /** SIGTERM; it must end well. */
  stop(): Promise<void>
}

/** What runs in an empty environment is what was installed, with nothing of the machine. */
export const bareEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

/** Who a daemon runs as when root tests it: somebody who owns nothing. */
export const nobody = 65532

/** A command that does so, whoever runs the tests. */
export function asNobody(command: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [...command]
  return ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', ...command]
}

/** @param command program with its arguments; where it listens is added */
export async function startInstalled(
  t: Scope,
  command: readonly string[],
): Promise<InstalledDaemon> {
  const ports = ['--listen', '--http', '--tmb', '--mqtt'].flatMap((flag) => [flag, '127.0.0.1:0'])
  const [program = '', ...args] = [...command, ...ports]
  const child = spawn(program, args, { env: bareEnvironment, stdio: ['ignore', 'pipe', 'pipe'] })
  cleanUp(t, () => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  let text = ''
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += String(chunk)
      if (/^ready after/m.test(text)) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', () => reject(new Error(`the daemon ended: ${text}`)))
  })
  const [, address = ''] = /^grpc listens on (\S+)$/m.exec(text) ?? []
  return {
    address,
    async stop() {
      child.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      assert.equal(code, 0, text)
    },
  }
}

/** What a program of the package prints. */
export function output(command: readonly string[]): string {
  const [program = '', ...args] = command
  return execFileSync(program, args, { env: bareEnvironment, encoding: 'utf8' })
}
