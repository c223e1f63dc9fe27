// Proves that a peer written from the contract alone, in another language, and the real daemon
// synchronise both ways: a Python program serves and pulls; the daemon pulls and serves.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { packageRoot } from '../../../src/daemon/version.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { startDaemon } from '../../e2e/daemon-process.ts'
import { connectV1 } from '../../e2e/v1-client.ts'
import { cached, mustRun, output, type Toolchain, tryRun } from '../toolchain.ts'

interface LogDigest {
  readonly head: number
  readonly deleted: readonly number[]
  readonly content: string
}
type Digest = Readonly<Record<string, LogDigest>>

type Command =
  | { do: 'add'; topic: string; count: number }
  | { do: 'delete'; topic: string; from: number; to: number }
  | { do: 'lie'; kind: 'gap' | 'no origin' | null }
  | { do: 'digest' }
  | { do: 'pull'; address: string }

function pythonPeer(): Toolchain {
  const version = output('python3', ['--version'])
  if (version === undefined) return { missing: 'python3 is not installed' }
  if (output('python3', ['-c', 'import ensurepip, venv']) === undefined) {
    return { missing: 'python3 has no venv (on Debian: apt-get install python3-venv)' }
  }
  return cached('sync/python', version, (folder) => {
    mustRun('python3', ['-m', 'venv', 'venv'], folder)
    const python = join(folder, 'venv/bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']
    const fetched = tryRun(python, install, folder)
    if (fetched !== undefined) return { missing: `Python packages cannot be fetched: ${fetched}` }
    const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`]
    const proto = [`-I${join(packageRoot, 'proto')}`, ...out, 'msgbus/v1/msgbus.proto']
    mustRun(python, ['-m', 'grpc_tools.protoc', ...proto], folder)
    return { command: python, args: [join(folder, 'peer.py')] }
  })
}

/** Undefined when it cannot run here; the test is skipped then. */
async function startPeer(t: TestContext, device: string) {
  const program = pythonPeer()
  if ('missing' in program) {
    t.skip(program.missing)
    return undefined
  }
  const child = spawn(program.command, [...program.args, device], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const { done, value } = await lines.next()
    if (done === true) throw new Error('the peer has ended')
    return JSON.parse(value)
  }
  const { port } = (await next()) as { port: number }
  return {
    endpoint: `http://127.0.0.1:${port}=tenant/default/${device}`,
    do: async (command: Command): Promise<Digest> => {
      child.stdin.write(`${JSON.stringify(command)}\n`)
      return ((await next()) as { answer: Digest }).answer
    },
  }
}

async function startNode(t: TestContext, peers: readonly string[]) {
  const names = ['--device-id', 'ours', '--sync-interval-ms', '100']
  const off = ['--busrt', 'off', '--tmb', 'off']
  const args = [...names, ...off, ...peers.flatMap((peer) => ['--peer', peer])]
  return startDaemon(t, { args })
}

test('the daemon pulls from a foreign peer, and gives back byte for byte what it got', async (t) => {
  const peer = await startPeer(t, 'python')
  if (peer === undefined) return
  await peer.do({ do: 'add', topic: 'events', count: 250 })
  await peer.do({ do: 'add', topic: 'a/é/🙂', count: 3 })
  const daemon = await startNode(t, [peer.endpoint])
  const theirs = await peer.do({ do: 'digest' })
  assert.equal(theirs['events of python']?.head, 250)
  await daemon.printed(/"event":"peer_connected"/)
  let back = await peer.do({ do: 'pull', address: daemon.address })
  assert.deepEqual(back, theirs)
  // A delete, and more messages, while it runs.
  await peer.do({ do: 'delete', topic: 'events', from: 10, to: 20 })
  await peer.do({ do: 'add', topic: 'events', count: 5 })
  const now = await peer.do({ do: 'digest' })
  while (JSON.stringify(back) !== JSON.stringify(now)) {
    back = await peer.do({ do: 'pull', address: daemon.address })
  }
  assert.equal(back['events of python']?.deleted.length, 11)
})

test('a foreign peer pulls from the daemon: contiguous logs, markers, stubs', async (t) => {
  const peer = await startPeer(t, 'python')
  if (peer === undefined) return
  const daemon = await startNode(t, [])
  const client = connectV1(t, daemon.address)
  const publish = async (topic: string, count: number) => {
    const request = { topic, payload: Buffer.from('x'), headers: { a: 'b' } }
    for (let i = 0; i < count; i += 1) await client.call('Publish', request)
  }
  await publish('events', 230)
  await publish('other', 1)
  await client.call('DeleteRange', { topic: 'events', from_head_id: 3, to_head_id: 5 })
  const pulled = await peer.do({ do: 'pull', address: daemon.address })
  assert.deepEqual(
    Object.entries(pulled).map(([log, { head, deleted }]) => [log, head, deleted]),
    [
      ['$msgbus.delete of ours', 1, []],
      ['events of ours', 230, [3, 4, 5]],
      ['other of ours', 1, []],
    ],
  )
})

for (const kind of ['gap', 'no origin'] as const) {
  test(`a foreign peer that lies (${kind}) is cut off`, async (t) => {
    const peer = await startPeer(t, 'python')
    if (peer === undefined) return
    await peer.do({ do: 'add', topic: 'events', count: 5 })
    await peer.do({ do: 'lie', kind })
    const daemon = await startNode(t, [peer.endpoint])
    await daemon.printed(/"event":"peer_cut_off"/)
    assert.deepEqual(await peer.do({ do: 'pull', address: daemon.address }), {})
  })
}
