/** The daemon with MQTT, and other people's MQTT programs on it, for the interop tests. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { startDaemon } from '../../e2e/daemon-process.ts'
import { cached, mustRun, output, type Toolchain, tryRun } from '../toolchain.ts'
import { delimiter, join } from 'node:path'

/** Port of a daemon that lives as long as the test. */
export async function startMqtt(t: Scope): Promise<string> {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', '--mqtt', '127.0.0.1:0'] })
  const bound = daemon.info.listeners.find(({ protocol }) => protocol === 'mqtt')
  return bound?.address.split(':')[1] ?? ''
}

export interface Program {
  /** Resolves when what it wrote to stdout matches; rejects when it ends before. */
  wrote(pattern: RegExp): Promise<void>
  stdout(): string
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>
  readonly stderr: () => string
  kill(signal: NodeJS.Signals): void
}

const nobody = () => undefined

export function run(t: Scope, command: string, args: readonly string[], input?: string): Program {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input ?? '')
  let text = ''
  let errors = ''
  let wake: () => void = nobody
  let isEnded = false
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
  const ended = once(child, 'close').then(() => {
    isEnded = true
    wake()
    return child.exitCode
  })
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    stdout: () => text,
    stderr: () => errors,
    ended,
    kill: (signal) => void child.kill(signal),
    wrote: async (pattern) => {
      while (!pattern.test(text)) {
        if (isEnded) throw new Error(`${command} ended after ${text}${errors}`)
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

/** Why there is no Mosquitto client here; false: there is. */
export function noMosquitto(): string | false {
  const isThere = output('sh', ['-c', 'command -v mosquitto_pub']) !== undefined
  return isThere ? false : 'mosquitto_pub is not installed (on Debian: mosquitto-clients)'
}

/** Paho in an environment of its own. */
export function pahoClient(): Toolchain {
  const version = output('python3', ['--version'])
  if (version === undefined) return { missing: 'python3 is not installed' }
  if (output('python3', ['-c', 'import ensurepip, venv']) === undefined) {
    return { missing: 'python3 has no venv (on Debian: apt-get install python3-venv)' }
  }
  return cached('mqtt/python', version, (folder) => {
    const made = tryRun('python3', ['-m', 'venv', 'venv'], folder)
    if (made !== undefined) throw new Error(made)
    const python = join(folder, 'venv/bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']
    const fetched = tryRun(python, install, folder)
    if (fetched !== undefined) return { missing: `Paho cannot be fetched: ${fetched}` }
    return { command: python, args: [join(folder, 'client.py')] }
  })
}

/** Paho's two clients for Go in one program. */
export function pahoGoClient(): Toolchain {
  const version = output('go', ['version'])
  if (version === undefined) return { missing: 'go is not installed' }
  return cached('mqtt/go', version, (folder) => {
    const fetched = tryRun('go', ['mod', 'download'], folder)
    if (fetched !== undefined) return { missing: `Paho for Go cannot be fetched: ${fetched}` }
    mustRun('go', ['build', '-o', 'client', '.'], folder)
    return { command: join(folder, 'client'), args: [] }
  })
}

/** Paho's two clients for Java in one program. */
export function pahoJavaClient(): Toolchain {
  const version = output('javac', ['-version'])
  if (version === undefined) return { missing: 'javac is not installed' }
  if (output('mvn', ['-version']) === undefined) return { missing: 'mvn is not installed' }
  return cached('mqtt/java', version, (folder) => {
    const fetch = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib']
    const fetched = tryRun('mvn', fetch, folder)
    if (fetched !== undefined) return { missing: `Paho for Java cannot be fetched: ${fetched}` }
    mustRun('javac', ['-cp', 'lib/*', '-d', 'classes', 'Client.java'], folder)
    const classPath = [join(folder, 'lib/*'), join(folder, 'classes')].join(delimiter)
    return { command: 'java', args: ['-cp', classPath, 'Client'] }
  })
}
