// Proves that the command line clients of Mosquitto work against the real daemon, in both versions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noMosquitto, type Program, run, startMqtt } from './programs.ts'
import type { Scope } from '../../e2e/clean-up.ts'

const skip = noMosquitto()

for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
  const common = (port: string) => ['-h', '127.0.0.1', '-p', port, '-V', version]

  const publish = async (t: Scope, port: string, ...args: readonly string[]): Promise<void> => {
    const program = run(t, 'mosquitto_pub', [...common(port), ...args])
    assert.equal(await program.ended, 0, program.stderr())
  }

  /** A subscriber that has its SUBACK. */
  const subscribe = async (
    t: Scope,
    port: string,
    ...args: readonly string[]
  ): Promise<Program> => {
    const program = run(t, 'stdbuf', ['-oL', 'mosquitto_sub', ...common(port), '-d', ...args])
    await program.wrote(/Subscribed \(mid: 1\): [0-2]\n/)
    return program
  }

  test(`${version}: messages of every QoS`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    const program = await subscribe(t, port, '-t', 'a/+', '-q', '2', '-C', '3', '-F', '%t %q %p')
    for (const qos of ['0', '1', '2']) {
      await publish(t, port, '-t', `a/${qos}`, '-q', qos, '-m', `text ${qos}`)
    }
    assert.equal(await program.ended, 0, program.stderr())
    const got = program.stdout().match(/^a\/.*$/gm)
    assert.deepEqual(got, ['a/0 0 text 0', 'a/1 1 text 1', 'a/2 2 text 2'])
  })

  test(`${version}: a line each, many of them`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    const program = await subscribe(t, port, '-t', 'lines', '-q', '1', '-C', '500', '-F', '=%p')
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`)
    const args = [...common(port), '-t', 'lines', '-q', '1', '-l']
    const publisher = run(t, 'mosquitto_pub', args, lines.join('\n') + '\n')
    assert.equal(await publisher.ended, 0, publisher.stderr())
    assert.equal(await program.ended, 0, program.stderr())
    assert.deepEqual(
      program.stdout().match(/^=.*$/gm),
      lines.map((line) => `=${line}`),
    )
  })

  test(`${version}: retained messages come and go`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    await publish(t, port, '-t', 'kept', '-r', '-m', 'first')
    await publish(t, port, '-t', 'kept', '-q', '1', '-r', '-m', 'second')
    const program = await subscribe(t, port, '-t', 'kept', '-C', '1', '-F', '=%r %p')
    assert.equal(await program.ended, 0)
    assert.deepEqual(program.stdout().match(/^=.*$/gm), ['=1 second'])
    await publish(t, port, '-t', 'kept', '-r', '-n')
    const args = [...common(port), '-t', 'kept', '-t', 'end', '-C', '1']
    await publish(t, port, '-t', 'end', '-r', '-m', 'nothing before')
    const last = run(t, 'mosquitto_sub', args)
    assert.equal(await last.ended, 0)
    assert.equal(last.stdout(), 'nothing before\n')
  })

  test(`${version}: a session waits`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    const expiry = version === 'mqttv5' ? ['-x', '1000'] : []
    const session = ['-i', 'kept', '-c', ...expiry, '-t', 'away', '-q', '2']
    const args = [...common(port), ...session]
    const first = run(t, 'stdbuf', ['-oL', 'mosquitto_sub', ...args, '-E'])
    assert.equal(await first.ended, 0, first.stderr())
    for (const qos of ['0', '1', '2']) await publish(t, port, '-t', 'away', '-q', qos, '-m', qos)
    const back = run(t, 'stdbuf', ['-oL', 'mosquitto_sub', ...args, '-C', '2'])
    assert.equal(await back.ended, 0, back.stderr())
    assert.equal(back.stdout(), '1\n2\n')
  })

  test(`${version}: a will`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    const watcher = await subscribe(t, port, '-t', 'will', '-C', '1', '-F', '=%p')
    const will = ['--will-topic', 'will', '--will-payload', 'gone', '--will-qos', '1']
    const lost = await subscribe(t, port, '-t', 'a', ...will)
    lost.kill('SIGKILL')
    assert.equal(await watcher.ended, 0)
    assert.deepEqual(watcher.stdout().match(/^=.*$/gm), ['=gone'])
  })

  test(`${version}: a shared subscription`, { skip, timeout: 30_000 }, async (t) => {
    const port = await startMqtt(t)
    const member = ['-t', '$share/g/work', '-q', '1', '-C', '5', '-F', '=%p']
    const members = [await subscribe(t, port, ...member), await subscribe(t, port, ...member)]
    const jobs = Array.from({ length: 10 }, (_, i) => `${i}`)
    const args = [...common(port), '-t', 'work', '-q', '1', '-l']
    const publisher = run(t, 'mosquitto_pub', args, jobs.join('\n') + '\n')
    assert.equal(await publisher.ended, 0)
    const taken: string[] = []
    for (const each of members) {
      assert.equal(await each.ended, 0)
      taken.push(...(each.stdout().match(/^=.*$/gm) ?? []))
    }
    assert.deepEqual(
      taken.toSorted(),
      jobs.map((job) => `=${job}`),
    )
  })
}

test('mosquitto_rr: a request and its answer', { skip, timeout: 30_000 }, async (t) => {
  const port = await startMqtt(t)
  const common = ['-h', '127.0.0.1', '-p', port, '-V', 'mqttv5']
  const server = run(t, 'stdbuf', [
    '-oL',
    'mosquitto_sub',
    ...common,
    '-d',
    '-t',
    'ask',
    '-C',
    '1',
    '-F',
    '=%R %D %p',
  ])
  await server.wrote(/Subscribed/)
  const ask = ['-t', 'ask', '-e', 'answer', '-m', 'what', '-D', 'publish', 'correlation-data', 'c7']
  const asking = run(t, 'mosquitto_rr', [...common, ...ask])
  assert.equal(await server.ended, 0)
  assert.deepEqual(server.stdout().match(/^=.*$/gm), ['=answer c7 what'])
  const answer = ['-t', 'answer', '-m', 'that', '-D', 'publish', 'correlation-data', 'c7']
  const answering = run(t, 'mosquitto_pub', [...common, ...answer])
  assert.equal(await answering.ended, 0)
  assert.equal(await asking.ended, 0, asking.stderr())
  assert.equal(asking.stdout(), 'that\n')
})
