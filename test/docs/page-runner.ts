/**
 * Follows a page of the documentation as it is written, in a folder of its own: files are written, commands typed, and what the
 * page shows has to come.
 *
 * - `sh` is typed into the first terminal and has to end well; `sh terminal-2` goes on in a terminal of that name;
 * - a block without a language right after it is what it prints, `text terminal-2` what is printed there at last;
 * - a block of another language that has a name is a file; without one it is only looked at by people.
 *
 * Ports of the page become free ones, `msgbus` and `msgbusd` are those of this build.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../e2e/daemon-process.ts'
import { packageRoot } from '../package-root.ts'
import { linePattern, pageBlocks, type PageBlock } from './page-blocks.ts'
import { Terminal } from './terminal.ts'

const build = join(dirname(fileURLToPath(import.meta.url)), '../../src')

/** Where the daemon listens when a page does not say. */
const usual = { LISTEN: 50051, HTTP: 8711, TMB: 4711, MQTT: 1883 }

/** @param path of the page, from the folder of the package */
export async function followPage(t: TestContext, path: string): Promise<void> {
  const blocks = pageBlocks(readFileSync(join(packageRoot, path), 'utf8'))
  const reader = await Reader.sitDown(t, blocks)
  for (const [index, block] of blocks.entries()) await reader.follow(block, blocks[index - 1])
}

class Reader {
  readonly #t: TestContext
  readonly #folder: string
  readonly #logs: string
  readonly #ports: ReadonlyMap<number, number>
  readonly #env: Readonly<Record<string, string>>
  readonly #terminals = new Map<string, Terminal>()
  #daemons = 0
  #printed = ''

  private constructor(t: TestContext, ports: ReadonlyMap<number, number>) {
    this.#t = t
    this.#ports = ports
    this.#folder = temporaryFolder(t)
    this.#logs = temporaryFolder(t)
    const programs = temporaryFolder(t)
    writeProgram(join(programs, 'msgbus'), `${node('cli')} "$@"`)
    // What a daemon says is in the way of what is compared.
    const daemon = `case "$1" in config | hash-password) ${node('daemon')} "$@" ;; esac`
    writeProgram(
      join(programs, 'msgbusd'),
      `${daemon}\n${node('daemon')} "$@" >"${this.#logs}/$$" 2>&1`,
    )
    writeProgram(join(programs, 'npx'), 'exec "$@"')
    const own = Object.entries(usual).map(([name, port]) => [
      `MSGBUS_${name}`,
      `127.0.0.1:${ports.get(port)}`,
    ])
    this.#env = {
      PATH: `${programs}${delimiter}${process.env['PATH']}`,
      MSGBUS_SERVER: `127.0.0.1:${ports.get(usual.LISTEN)}`,
      MSGBUS_TMB_SERVER: `127.0.0.1:${ports.get(usual.TMB)}`,
      ...Object.fromEntries(own),
    }
    installClient(this.#folder)
  }

  static async sitDown(t: TestContext, blocks: readonly PageBlock[]): Promise<Reader> {
    const named = blocks.flatMap(({ text }) => [...text.matchAll(portPattern)])
    const wanted = new Set([...Object.values(usual), ...named.map(([, , port]) => Number(port))])
    const free = await freePorts(wanted.size)
    return new Reader(t, new Map([...wanted].map((port, index) => [port, free[index] ?? 0])))
  }

  async follow(block: PageBlock, before: PageBlock | undefined): Promise<void> {
    const { language, name } = block
    const text = this.#withFreePorts(block.text)
    if (language === 'sh' && name === '') await this.#run(text)
    else if (language === 'sh') this.#terminal(name).start(text)
    else if (language === 'text') await this.#comes(this.#terminal(name), block.text)
    else if (language === '' && before?.language === 'sh') this.#compare(block.text)
    else if (name !== '') {
      mkdirSync(dirname(join(this.#folder, name)), { recursive: true })
      writeFileSync(join(this.#folder, name), text)
    }
  }

  #terminal(name: string): Terminal {
    const known = this.#terminals.get(name)
    if (known !== undefined) return known
    const made = new Terminal(this.#t, this.#folder, this.#env)
    this.#terminals.set(name, made)
    return made
  }

  async #run(commands: string): Promise<void> {
    this.#printed = await this.#terminal('').run(commands)
    this.#daemons += [...commands.matchAll(/^(npx )?msgbusd .*&$/gm)].length
    await this.#daemonsAreReady()
  }

  /** As somebody waits who sees the line. */
  async #daemonsAreReady(): Promise<void> {
    const isReady = () => {
      const logs = readdirSync(this.#logs).map((name) =>
        readFileSync(join(this.#logs, name), 'utf8'),
      )
      return logs.filter((log) => /^ready after/m.test(log)).length >= this.#daemons
    }
    const watcher = watch(this.#logs)
    while (!isReady()) await once(watcher, 'change')
    watcher.close()
  }

  #compare(shown: string): void {
    const printed = this.#withPagePorts(this.#printed).trimEnd().split('\n')
    let at = 0
    for (const line of shown.trimEnd().split('\n')) {
      // A line of its own: whatever comes.
      if (line.trim() === '…') {
        at = printed.length
        continue
      }
      assert.match(printed[at] ?? '', linePattern(line), `of ${printed.join('\n')}`)
      at += 1
    }
    assert.equal(at, printed.length, `the page does not show all of ${printed.join('\n')}`)
  }

  async #comes(terminal: Terminal, shown: string): Promise<void> {
    const wanted = shown.trimEnd().split('\n').map(linePattern)
    await terminal.printed((output) => {
      const lines = this.#withPagePorts(output).split('\n')
      return wanted.every((pattern) => lines.some((line) => pattern.test(line))) ? true : undefined
    })
  }

  #withFreePorts(text: string): string {
    return text.replaceAll(
      portPattern,
      (_, before: string, port: string) => before + String(this.#ports.get(Number(port))),
    )
  }

  #withPagePorts(text: string): string {
    const pages = new Map([...this.#ports].map(([page, free]) => [String(free), String(page)]))
    return text.replaceAll(/\d{4,5}/g, (number) => pages.get(number) ?? number)
  }
}

const portPattern = /(127\.0\.0\.1:|localhost:|-p )(\d{4,5})\b/g

const node = (program: string) => `exec '${process.execPath}' '${join(build, program, 'main.js')}'`

function writeProgram(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

/** So that programs of the page can import what they name. */
function installClient(folder: string): void {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@msgbus/client'), { recursive: true })
  const exports = { '.': './client/index.js', './busrt': './client/busrt/index.js' }
  const manifest = { name: '@msgbus/client', type: 'module', exports }
  writeFileSync(join(modules, '@msgbus/client/package.json'), JSON.stringify(manifest))
  for (const part of ['client', 'wire', 'model', 'base']) {
    symlinkSync(join(build, part), join(modules, '@msgbus/client', part))
  }
  for (const name of ['mqtt', 'autobahn', 'wampy']) {
    symlinkSync(join(packageRoot, 'node_modules', name), join(modules, name))
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(async (server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')))
  return ports
}
