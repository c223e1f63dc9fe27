// A real msgbusd, for tests that need more than a script: killed and started again on the same port
// and data, as a crash would. `MSGBUSD` names the program to run; default: the build of this repository.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

import { repository } from './contracts.mjs'

const program = process.env.MSGBUSD ?? join(repository, 'dist/src/daemon/main.js')

export async function startRealDaemon(args) {
  const daemon = new RealDaemon(args)
  await daemon.start('127.0.0.1:0')
  return daemon
}

class RealDaemon {
  address = ''
  #args
  #data = mkdtempSync(join(tmpdir(), 'msgbus-sdk-'))
  #child

  constructor(args) {
    this.#args = args
  }

  /** Resolves when it can store. */
  async start(listen) {
    const flags = ['--listen', listen, '--http', 'off', '--data', this.#data, ...this.#args]
    // Only gRPC is wanted, and tests run side by side.
    const env = { ...process.env, MSGBUS_TMB: 'off', MSGBUS_MQTT: 'off', MSGBUS_BUSRT: 'off' }
    const child = spawn(process.execPath, [program, ...flags], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let text = ''
    await new Promise((resolve, reject) => {
      const read = (chunk) => {
        text += chunk
        if (/^ready after/m.test(text)) resolve()
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('error', reject)
      child.once('close', (code, signal) => {
        reject(new Error(`msgbusd ended with ${code ?? signal}: ${text}`))
      })
    })
    const { listeners } = JSON.parse(readFileSync(join(this.#data, 'ready.json'), 'utf8'))
    this.address = listeners.find(({ protocol }) => protocol === 'grpc').address
  }

  async killAndRestart() {
    await this.#kill()
    await this.start(this.address)
  }

  async close() {
    await this.#kill()
    rmSync(this.#data, { recursive: true, force: true })
  }

  async #kill() {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await closed
  }
}
