// Case 82 of spec/busrt 11: every command of the tool `busrt` against the real program, and what it
// prints (spec/busrt 9.3, 9.4).

import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { decode, encode } from '@msgpack/msgpack'
import {
  ack,
  broadcastFrom,
  hex,
  message,
  messageFrom,
  publicationFrom,
  publish,
  rpcReply,
  rpcRequest,
  subscribe,
} from '../../conformance/busrt/bytes.ts'
import { type BrokerProcess, startBrokerProcess } from '../../conformance/busrt/broker.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { RawClient } from '../../conformance/busrt/raw-client.ts'
import {
  type Program,
  type ProgramResult,
  runProgram,
  type RunningProgram,
  startProgram,
} from './child-program.ts'
import { commandLineTool } from './programs.ts'

const tool = commandLineTool()
const skip = 'missing' in tool && tool.missing
const program: Program = 'missing' in tool ? { command: '', args: [] } : tool

interface Scene {
  /** What the tool is told to connect to. */
  readonly address: string
  /** Runs a command as a client named `cli`. */
  readonly run: (words: readonly string[], input?: string | Uint8Array) => Promise<ProgramResult>
  /** A bare client to look at what the tool sends. */
  readonly client: (name: string) => Promise<RawClient>
  /** A command that goes on until it is stopped, once it listens. */
  readonly listen: (name: string, words: readonly string[]) => Promise<RunningProgram>
}

let broker: BrokerProcess | undefined
const stops: (() => unknown)[] = []
const whole: Scope = { after: (stop) => stops.push(stop), diagnostic: () => undefined }

before(async () => {
  if (skip === false) broker = await startBrokerProcess(whole, { timeoutMs: 5000 })
})
after(async () => {
  for (const stop of stops) await stop()
})

async function listener(
  t: TestContext,
  address: string,
  name: string,
  words: readonly string[],
): Promise<RunningProgram> {
  const running = startProgram(t, program, [address, '-n', name, ...words])
  await running.printed(/Listening to /)
  return running
}

test('case 82: what listen prints when the broker ends', { skip }, async (t) => {
  const own = await startBrokerProcess(t, { timeoutMs: 5000 })
  const running = await listener(t, own.unix.path, 'listener', ['listen'])
  await own.stop()
  await running.printed(/Publish from \.broker[^]+topic: \.broker\/warn[^]+"s": "shutdown"/)
  assert.equal((await running.ended).code, 0)
})

for (const transport of ['unix', 'tcp'] as const) {
  const scene = (title: string, body: (scene: Scene) => Promise<void>) => {
    void test(`case 82: ${title}, over ${transport}`, { skip, timeout: 120_000 }, async (t) => {
      if (broker === undefined) throw new Error('not started')
      const { unix, tcp, [transport]: own } = broker
      const address = transport === 'unix' ? unix.path : `${tcp.host}:${tcp.port}`
      await body({
        address,
        run: async (words, input) =>
          runProgram(t, program, [address, '-n', 'cli', ...words], input),
        client: async (name) => {
          const client = await (await RawClient.connect(own, name)).register()
          cleanUp(t, () => client.close())
          return client
        },
        listen: async (name, words) => listener(t, address, name, words),
      })
    })
  }

  scene('send, to one and to many', async ({ run, client }) => {
    const receiver = await client('g.a')
    isOk(await run(['send', 'g.a', 'hello']))
    await receiver.gets(messageFrom('cli', 'hello'))
    isOk(await run(['send', 'g.a'], hex('00 FF')))
    await receiver.gets(messageFrom('cli', hex('00 FF')))
    isOk(await run(['send', 'g.*', 'hello']))
    await receiver.gets(broadcastFrom('cli', 'hello'))
    isOk(await run(['send', '?.a', 'hello']))
    await receiver.gets(broadcastFrom('cli', 'hello'))
    isOk(await run(['send', 'nobody.*', 'hello']))
    const refused = await run(['send', 'nobody', 'hello'])
    assert.equal(refused.code, 101)
    assert.match(refused.stderr, /NotRegistered/)
  })

  scene('publish', async ({ run, client }) => {
    const receiver = await client('g.a')
    await receiver.send(subscribe('a/#'))
    await receiver.gets(ack())
    isOk(await run(['publish', 'a/b', 'hello']))
    await receiver.gets(publicationFrom('cli', 'a/b', 'hello'))
    isOk(await run(['publish', 'a/b'], 'from input'))
    await receiver.gets(publicationFrom('cli', 'a/b', 'from input'))
  })

  scene('listen, with topics and exclusions', async ({ listen, client }) => {
    const words = ['listen', '-t', 'a/#', '-t', 'b', '--exclude', 'a/x', '--exclude', 'a/+/x']
    const running = await listen('listener', words)
    const sender = await client('sender')
    const unheard = [publish('a/x', 'no'), publish('a/y/x', 'no'), publish('c', 'no')]
    for (const frame of [
      ...unheard,
      publish('a/y', '{"one":1}'),
      message('listener', 'two'),
      publish('b', encode({ three: true })),
    ]) {
      await sender.send(frame)
      await sender.gets(ack())
    }
    await sender.send(hex('02000000 53 0B000000 6C697374656E657200 C1FF'))
    await sender.gets(ack(1, 2))
    const text = await running.printed(/Broadcast from sender \(sender\)\nHEX: c1ff\n/)
    assert.match(text, /Publish from sender \(sender\)\ntopic: a\/y\nJSON:\n\{\s+"one": 1\s+\}\n/)
    assert.match(text, /Message from sender \(sender\)\nSTR: {2}two\n/)
    assert.match(text, /Publish from sender \(sender\)\ntopic: b\nMSGPACK:\n\{\s+"three": true/)
    assert.equal(text.match(/ from sender/g)?.length, 4)
  })

  scene('listen, without topics', async ({ listen, client }) => {
    const running = await listen('listener', ['listen'])
    const sender = await client('sender')
    // It has subscribed to the empty topic, and excluded it.
    await sender.send(publish('', 'unheard'))
    await sender.gets(ack())
    await sender.send(message('listener', 'heard'))
    await sender.gets(ack())
    await sender.send(message('listener%%0', 'x'))
    await sender.gets(ack(0x71))
    assert.doesNotMatch(await running.printed(/STR: {2}heard/), /unheard/)
  })

  scene('rpc call', async ({ run, client }) => {
    const tested = await run(['rpc', 'call', '.broker', 'test'])
    assert.equal(tested.code, 0, tested.stderr)
    assert.match(tested.stdout, /MSGPACK:\n\{\s+"ok": true\s+\}\n/)
    const silent = await run(['-s', 'rpc', 'call', '.broker', 'test'])
    assert.deepEqual([silent.code, silent.stdout], [0, '{"ok":true}\n'])

    const unknown = await run(['rpc', 'call', '.broker', 'no.such'])
    assert.equal(unknown.code, 1)
    assert.match(unknown.stdout, /RPC Error -32601: \n/)
    const params = await run(['rpc', 'call', '.broker', 'test', 'a=1'])
    assert.match(params.stdout, /RPC Error -32602: \n/)
    const nobody = await run(['rpc', 'call', 'nobody', 'm'])
    assert.equal(nobody.code, 1)
    assert.match(nobody.stdout, /RPC Error -32113: \n/)
    const filtered = await run(['-s', 'rpc', 'call', '.broker', 'client.list', 'filter=^c'])
    const { clients } = JSON.parse(filtered.stdout) as { clients: { name: string }[] }
    assert.deepEqual(
      clients.map(({ name }) => name),
      ['cli'],
    )

    const service = await client('service')
    const calling = run(['rpc', 'call', 'service', 'm', 'a=1', 'b=x', 'c=1.5', 'd=true', 'e=-7'])
    const call = await service.frame()
    const head = messageFrom('cli', rpcRequest(1, 'm', Buffer.alloc(call.length - 17)))
    assert.equal(call.subarray(0, 17).toString('hex'), head.subarray(0, 17).toString('hex'))
    assert.deepEqual(decode(call.subarray(17)), { a: 1, b: 'x', c: 1.5, d: true, e: -7 })
    await service.send(message('cli', rpcReply(1, encode([1, 2]))))
    await service.gets(ack())
    assert.match((await calling).stdout, /MSGPACK:\n\[\s+1,\s+2\s+\]\n/)
    const raw = run(['rpc', 'call', 'service', 'm', '-'], 'raw')
    await service.gets(messageFrom('cli', rpcRequest(1, 'm', 'raw')))
    await service.send(message('cli', rpcReply(1, '')))
    await service.gets(ack())
    assert.equal((await raw).code, 0)
  })

  scene('rpc listen, notify, call0 and call', async ({ listen, run, client }) => {
    const running = await listen('service', ['rpc', 'listen', '-t', 'q/+'])
    isOk(await run(['rpc', 'notify', 'service', 'a note']))
    await running.printed(/Notification from cli \(cli\)\nSTR: {2}a note\n/)
    isOk(await run(['rpc', 'call0', 'service', 'm0', 'a=1']))
    await running.printed(/method: m0\nfrom cli \(cli\)\nMSGPACK:\n\{\s+"a": 1\s+\}\n/)
    const answered = await run(['rpc', 'call', 'service', 'm1'])
    assert.equal(answered.code, 0, answered.stderr)
    assert.match(answered.stdout, /STR: {2}\n/)
    await running.printed(/method: m1\n/)
    isOk(await run(['publish', 'q/1', 'hello']))
    await running.printed(/Publish from cli \(cli\)\ntopic: q\/1\nSTR: {2}hello\n/)
    for (const words of [
      ['notify', 'nobody', 'x'],
      ['call0', 'nobody', 'm'],
    ])
      assert.equal((await run(['rpc', ...words])).code, 101)

    const caller = await client('caller')
    await caller.send(message('service', rpcRequest(5, 'm2', ''), { qos: 3 }))
    await caller.gets(ack(), messageFrom('service', rpcReply(5, ''), 1))
  })

  scene('broker client.list, info, stats and test', async ({ run, client, address }) => {
    const other = await client('other')
    const secondary = await client('other%%0')
    const list = await run(['broker', 'client.list'])
    assert.equal(list.code, 0, list.stderr)
    const columns = 'name type source port r_frames r_bytes w_frames w_bytes queue ins'
    assert.match(list.stdout, new RegExp(columns.split(' ').join(String.raw`\s+`)))
    const rows = list.stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const row = (name: string) => rows.find(([first]) => first === name)
    assert.deepEqual(row('.broker')?.slice(1, 2), ['internal'])
    assert.equal(row('other')?.at(-1), '2')
    assert.equal(row('cli'), undefined)
    assert.equal(row(secondary.name), undefined)
    const { localAddress, localPort } = other.socket
    const origin =
      transport === 'unix' ? ['local_ipc', address] : ['tcp', `${localAddress}:${localPort}`]
    assert.deepEqual(row('other')?.slice(1, 3), origin)

    const info = await run(['broker', 'info'])
    assert.match(info.stdout, /author +\S.*\n +version +\S/)
    const stats = await run(['broker', 'stats'])
    for (const field of ['r_frames', 'r_bytes', 'w_frames', 'w_bytes', 'uptime'])
      assert.match(stats.stdout, new RegExp(String.raw`\n ${field} +\d+ +\n`), field)
    const tested = await run(['broker', 'test'])
    assert.match(tested.stdout, /MSGPACK:\n\{\s+"ok": true\s+\}\n/)
    for (const { code } of [list, info, stats, tested]) assert.equal(code, 0)
  })
}

function isOk({ code, stdout, stderr }: ProgramResult): void {
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^OK$/m)
}
