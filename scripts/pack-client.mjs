/**
 * Packs `@msgbus/client` (client, wire, model, base) into a tarball with its own package.json,
 * because whoever needs only the client must not download database engines.
 *
 *   node scripts/pack-client.mjs [folder]     default: dist/client-package
 *
 * The folder then holds the package as `package/` and the tarball beside it; prints the tarball's path.
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = resolve(process.argv[2] ?? join(root, 'dist/client-package'))
const folder = join(target, 'package')

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
compile()
makeDeclarationsPortable()
for (const file of ['LICENSE', 'src/client/README.md']) {
  copyFileSync(join(root, file), join(folder, file.slice(file.lastIndexOf('/') + 1)))
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`)
process.stdout.write(`${pack()}\n`)

function compile() {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const args = ['-p', join(root, 'tsconfig.client-package.json'), '--outDir', join(folder, 'lib')]
  execFileSync(process.execPath, [compiler, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** The compiler rewrites `./x.ts` in code only; declarations need it as well for older compilers. */
function makeDeclarationsPortable() {
  for (const name of readdirSync(join(folder, 'lib'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue
    const file = join(folder, 'lib', name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/(from ')(\.[^']*)\.ts(')/g, '$1$2.js$3'))
  }
}

function manifest() {
  const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return {
    name: '@msgbus/client',
    version: main.version,
    description: 'Client of msgbus, a durable, local-first message bus',
    license: main.license,
    type: 'module',
    engines: main.engines,
    sideEffects: false,
    files: ['lib'],
    exports: {
      '.': {
        // Bundlers for pages ask for it: the same names, over a WebSocket.
        browser: { types: './lib/client/browser.d.ts', default: './lib/client/browser.js' },
        types: './lib/client/index.d.ts',
        default: './lib/client/index.js',
      },
      './browser': { types: './lib/client/browser.d.ts', default: './lib/client/browser.js' },
      './busrt': {
        types: './lib/client/busrt/index.d.ts',
        default: './lib/client/busrt/index.js',
      },
      './tmb': {
        types: './lib/client/tmb/index.d.ts',
        default: './lib/client/tmb/index.js',
      },
      './core': { types: './lib/client/core.d.ts', default: './lib/client/core.js' },
    },
    dependencies: Object.fromEntries(
      ['@grpc/grpc-js', '@msgpack/msgpack'].map((name) => [name, main.dependencies[name]]),
    ),
  }
}

function pack() {
  const output = execFileSync('npm', ['pack', '--silent', '--pack-destination', target], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return join(target, output.trim().split('\n').at(-1))
}
