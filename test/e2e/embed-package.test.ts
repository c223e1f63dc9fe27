/** What `import … from 'msgbus'` gives where the package is installed: it runs, and type-checks. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../package-root.ts'
import { temporaryFolder } from './daemon-process.ts'

/** Where this was compiled to. */
const build = join(dirname(fileURLToPath(import.meta.url)), '../..')
const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')

const program = `
  import { isMainThread, parentPort, Worker } from 'node:worker_threads'
  import { fileURLToPath } from 'node:url'
  import { Bus, BusError, connectPort, type Client, type Message } from 'msgbus'
  import { codecs } from 'msgbus/client'
  import { MsgbusClient } from 'msgbus/client/core'

  if (isMainThread) {
    const bus = await Bus.open({ topics: [{ filter: 'live/#', store: 'never' }] })
    const client: Client = bus.connect({ name: 'main' })
    const texts: string[] = []
    const done = new Promise<void>((resolve) => {
      client.subscribe('t/#', (message: Message) => {
        texts.push(message.text())
        if (texts.length === 2) resolve()
      })
    })
    const { headId } = await client.publish('t/main', codecs.text.encode('main'))
    bus.attach(new Worker(fileURLToPath(import.meta.url)), { name: 'worker' })
    await done
    const refused: unknown = await client.send('nobody', 'x').catch((error: unknown) => error)
    const head: number = headId
    console.log(head, texts.join(), refused instanceof BusError && refused.reason, typeof MsgbusClient)
    await bus.close()
  } else {
    const client = await connectPort(parentPort)
    await client.publish('t/worker', client.name)
  }`

test('the installed package runs and type-checks in a strict program', (t) => {
  const folder = temporaryFolder(t)
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'msgbus')
  mkdirSync(installed, { recursive: true })
  copyFileSync(join(packageRoot, 'package.json'), join(installed, 'package.json'))
  symlinkSync(build, join(installed, 'dist'))
  mkdirSync(join(modules, '@types'))
  symlinkSync(join(packageRoot, 'node_modules/@types/node'), join(modules, '@types/node'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'program.ts'), program)
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  execFileSync(process.execPath, [compiler, ...options, 'program.ts'], { cwd: folder })
  const output = execFileSync(process.execPath, ['program.js'], { cwd: folder, encoding: 'utf8' })
  assert.equal(output, '1 main,worker unknown_client function\n')
})

test('what is exported is packed, and no tests', (t) => {
  if (basename(build) !== 'dist') {
    t.skip('this is not the build that is packed')
    return
  }
  const options = { cwd: packageRoot, encoding: 'utf8' } as const
  const printed = execFileSync('npm', ['pack', '--dry-run', '--json'], options)
  const [packed] = JSON.parse(printed) as { files: { path: string }[] }[]
  const files = new Set(packed?.files.map((file) => file.path))
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>
  }
  for (const target of Object.values(manifest.exports)) {
    for (const path of typeof target === 'string' ? [target] : Object.values(target)) {
      if (path.includes('*')) continue
      assert.ok(files.has(path.replace('./', '')), `${path} is not packed`)
    }
  }
  assert.ok(files.has('proto/msgbus/v2/msgbus.proto'))
  for (const path of files) assert.doesNotMatch(path, /\.test\.|-suite\.|\/suite\//)
})
