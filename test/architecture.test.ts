/**
 * Who may import whom: the table of ARCHITECTURE.md as data, checked against every import statement.
 * It fails with `file -> import`, and also when it saw no files or a file in no layer.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'

import { packageRoot } from './package-root.ts'

// A folder may import itself and what stands here. `x/*` stands for each folder below x, which may
// not import its siblings; files directly in such a folder are open to all of them.
const layers: Record<string, readonly string[]> = {
  base: [],
  model: ['base'],
  core: ['model', 'base'],
  wire: ['model', 'base'],
  // Users, tokens, rules: what `core` asks by its ports.
  access: ['core', 'model', 'base'],
  journal: ['core', 'model', 'base'],
  // The list of the engines stands beside their folders.
  stores: ['stores/*', 'journal', 'core', 'model', 'base'],
  'stores/*': ['stores', 'journal', 'core', 'model', 'base'],
  embed: ['stores', 'journal', 'core', 'wire', 'model', 'base'],
  net: ['core', 'model', 'base'],
  protocols: ['core', 'net', 'wire', 'model', 'base'],
  'protocols/*': ['protocols', 'core', 'net', 'wire', 'model', 'base'],
  // Peers are other daemons: it stands beside the protocols, and knows none of them.
  sync: ['core', 'net', 'wire', 'model', 'base'],
  client: ['wire', 'model', 'base'],
  cli: ['client', 'wire', 'model', 'base'],
  // The web pages, which stand beside `src`: they are built by another tool and run in browsers.
  console: ['client', 'wire', 'model'],
  daemon: [
    'stores',
    'stores/*',
    'journal',
    'protocols',
    'protocols/*',
    'client',
    'sync',
    'access',
    'net',
    'wire',
    'core',
    'model',
    'base',
  ],
}

// Packages that only one place may use, because everybody else goes through that place.
const packageOwners: Record<string, readonly string[]> = {
  lmdb: ['stores/lmdb'],
  libsql: ['stores/sqlite'],
  '@grpc/grpc-js': ['protocols/grpc', 'client', 'sync'],
  'hash-wasm': ['access'],
  jose: ['access'],
  koffi: ['net'],
  'multicast-dns': ['sync'],
  'node-forge': ['cli'],
  '@msgpack/msgpack': ['protocols/busrt', 'client'],
  pino: ['daemon'],
  re2js: ['protocols/busrt', 'protocols/tmb'],
  'prom-client': ['daemon'],
  yaml: ['daemon'],
  zod: [
    'daemon',
    'access',
    'protocols/busrt',
    'protocols/grpc',
    'protocols/http',
    'protocols/mqtt',
    'protocols/tmb',
    'protocols/wamp',
    'net',
  ],
  commander: ['cli', 'daemon'],
  'find-my-way': ['protocols/http'],
  ws: ['net', 'sync'],
  preact: ['console'],
  '@preact/signals': ['console'],
}

// No socket, file or process in the core, and none in a browser.
const pureLayers = new Set(['base', 'model', 'core', 'wire', 'console'])
const allowedInPure = new Set(['node:crypto', 'node:zlib'])

const sourceRoot = join(packageRoot, 'src')
const pagesRoot = join(packageRoot, 'console')
const statement =
  /^\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

function layerOf(file: string): string {
  if (file.startsWith(pagesRoot + sep)) return 'console'
  const parts = relative(sourceRoot, file).split(sep)
  const [first = '', second] = parts
  return parts.length > 2 && `${first}/*` in layers ? `${first}/${second}` : first
}

function allowedFor(layer: string): readonly string[] | undefined {
  return layers[layer] ?? layers[`${layer.split('/')[0]}/*`]
}

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true
  const allowed = allowedFor(from) ?? []
  return allowed.includes(to) || allowed.includes(to.replace(/\/.*/, '/*'))
}

function* imports(file: string): Generator<string> {
  for (const match of readFileSync(file, 'utf8').matchAll(statement)) {
    const name = match[1] ?? match[2]
    if (name !== undefined) yield name
  }
}

function faultsOf(file: string): string[] {
  const layer = layerOf(file)
  const isTest = /\.test\.ts$|-suite\.ts$/.test(file)
  const faults: string[] = []
  const fault = (name: string) => faults.push(`${relative(packageRoot, file)} -> ${name}`)
  if (allowedFor(layer) === undefined) fault('(a layer that the table does not know)')
  for (const name of imports(file)) {
    if (name.startsWith('.')) {
      const target = layerOf(resolve(dirname(file), name))
      // A test may stand on any store; what is shipped may not.
      if (!isAllowed(layer, target) && !(isTest && target.startsWith('stores'))) fault(name)
    } else if (name.startsWith('node:')) {
      if (pureLayers.has(layer) && !isTest && !allowedInPure.has(name)) fault(name)
    } else {
      const packageName = name.split('/', name.startsWith('@') ? 2 : 1).join('/')
      const owners = packageOwners[packageName]
      if (!isTest && owners?.includes(layer) !== true) fault(name)
    }
  }
  return faults
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(root, file))
}

test('every import is one that the layers allow', () => {
  const sources = filesBelow(sourceRoot)
  assert.ok(sources.length > 30, `only ${sources.length} source files seen`)
  const pages = filesBelow(pagesRoot).filter((file) => file !== join(pagesRoot, 'vite.config.ts'))
  assert.ok(pages.length > 30, `only ${pages.length} files of pages seen`)
  const files = [...sources, ...pages]
  assert.deepEqual(files.flatMap(faultsOf), [])
})

test('a forbidden import is seen', () => {
  assert.equal(isAllowed('protocols/grpc', 'protocols/http'), false)
  assert.equal(isAllowed('core', 'stores/memory'), false)
  assert.equal(isAllowed('core', 'net'), false)
  assert.equal(isAllowed('stores/lmdb', 'stores/sqlite'), false)
  assert.equal(isAllowed('daemon', 'protocols/grpc'), true)
  assert.equal(isAllowed('daemon', 'cli'), false)
  assert.equal(isAllowed('console', 'core'), false)
  assert.equal(isAllowed('client', 'console'), false)
})
