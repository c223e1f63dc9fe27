/** The packed client: installs, runs, type-checks; its core needs nothing else. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../package-root.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

test('the packed client works where it is installed', async (t) => {
  const folder = temporaryFolder(t)
  const script = join(packageRoot, 'scripts/pack-client.mjs')
  const printed = execFileSync(process.execPath, [script, folder], { encoding: 'utf8' }).trim()
  const modules = join(folder, 'node_modules')
  const installed = join(modules, '@msgbus/client')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', printed, '-C', installed, '--strip-components=1'])

  await t.test('holds the client and what it stands on, and nothing else', () => {
    assert.deepEqual(readdirSync(installed).sort(), ['LICENSE', 'README.md', 'lib', 'package.json'])
    assert.deepEqual(readdirSync(join(installed, 'lib')).sort(), [
      'base',
      'client',
      'model',
      'wire',
    ])
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      dependencies: object
    }
    assert.deepEqual(Object.keys(manifest.dependencies), ['@grpc/grpc-js', '@msgpack/msgpack'])
  })

  await t.test('the core loads without any dependency', () => {
    const program = `
      import { MsgbusClient, codecs } from '@msgbus/client/core'
      console.log(typeof MsgbusClient, codecs.text.decode(codecs.text.encode('ü')))`
    writeFileSync(join(folder, 'core.mjs'), program)
    const output = execFileSync(process.execPath, ['core.mjs'], { cwd: folder, encoding: 'utf8' })
    assert.equal(output, 'function ü\n')
  })

  await t.test('for pages needs nothing else, and type-checks without Node.js', () => {
    const program = `
      import { connect, connectLazy, type MsgbusClient } from '@msgbus/client'
      import { connect as same } from '@msgbus/client/browser'
      const bus: MsgbusClient = connectLazy('ws://127.0.0.1:1', { webSocket: WebSocket })
      bus.close()
      console.log(connect === same)`
    writeFileSync(join(folder, 'page.mts'), program)
    const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', '']
    const page = ['--customConditions', 'browser', '--lib', 'es2023,dom,esnext.disposable']
    execFileSync(process.execPath, [compiler, ...options, ...page, 'page.mts'], { cwd: folder })
    // Whatever runs this need not have one.
    const stub = `globalThis.WebSocket ??= class {}; await import('./page.mjs')`
    const args = ['--conditions=browser', '--input-type=module', '--eval', stub]
    assert.equal(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }), 'true\n')
  })

  await t.test('publishes to a daemon and type-checks in a strict program', async () => {
    mkdirSync(join(modules, '@grpc'), { recursive: true })
    symlinkSync(join(packageRoot, 'node_modules/@grpc/grpc-js'), join(modules, '@grpc/grpc-js'))
    mkdirSync(join(modules, '@types'))
    symlinkSync(join(packageRoot, 'node_modules/@types/node'), join(modules, '@types/node'))
    const program = `
      import { codecs, connect } from '@msgbus/client'
      const bus = await connect(process.argv[2])
      const message = await bus.publish('t', { n: 1 }, { codec: codecs.json<{ n: number }>() })
      const head: bigint = message.headId
      const [stored] = await bus.fetchAll('t', { codec: codecs.json<{ n: number }>() })
      console.log(head, stored?.value.n)
      bus.close()
      export {}`
    writeFileSync(join(folder, 'program.mts'), program)
    const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    execFileSync(process.execPath, [compiler, ...options, 'program.mts'], { cwd: folder })
    const { address } = await startDaemon(t, { args: ['--storage', 'memory'] })
    const args = ['program.mjs', address]
    assert.equal(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }), '1n 1\n')
  })

  await t.test('calls over BUS/RT and type-checks in a strict program', async () => {
    mkdirSync(join(modules, '@msgpack'), { recursive: true })
    symlinkSync(
      join(packageRoot, 'node_modules/@msgpack/msgpack'),
      join(modules, '@msgpack/msgpack'),
    )
    const program = `
      import { connect } from '@msgbus/client/busrt'
      const client = await connect({ address: process.argv[2] ?? '', name: 'a' })
      client.rpc.handlePacked('double', (params) => Number(params) * 2)
      const doubled: number = await client.rpc.callPacked<number>('a', 'double', 21)
      console.log(doubled)
      await client.close()
      export {}`
    writeFileSync(join(folder, 'calls.mts'), program)
    const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    execFileSync(process.execPath, [compiler, ...options, 'calls.mts'], { cwd: folder })
    const busrt = join(folder, 'bus.sock')
    const listen = ['--listen', 'off', '--busrt', `unix:${busrt}`]
    await startDaemon(t, { args: ['--storage', 'memory', ...listen] })
    const args = ['calls.mjs', busrt]
    assert.equal(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }), '42\n')
  })

  await t.test('speaks TMB and type-checks in a strict program', async () => {
    const program = `
      import { connect } from '@msgbus/client/tmb'
      const bus = await connect({ address: process.argv[2] ?? '' })
      await bus.subscribe('begins-with', '/a')
      await bus.publish('/a', '42')
      for await (const { categoryText, rest } of bus) {
        const bytes: Uint8Array = rest
        console.log(categoryText, bytes.length)
        break
      }
      await bus.close()
      export {}`
    writeFileSync(join(folder, 'lines.mts'), program)
    const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    execFileSync(process.execPath, [compiler, ...options, 'lines.mts'], { cwd: folder })
    const tmb = join(folder, 'tmb.sock')
    await startDaemon(t, { args: ['--storage', 'memory', '--tmb', `unix:${tmb}`] })
    const args = ['lines.mjs', `unix:${tmb}`]
    assert.equal(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }), '/a 2\n')
  })
})

test('the core and the entry for pages compile for browsers, without the types of Node.js', () => {
  const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [compiler, '-p', join(packageRoot, 'tsconfig.client.json')])
})
