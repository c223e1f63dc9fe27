/** The queue and admin services of `msgbus.v2`, health and reflection, over real sockets. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { suite, test, type TestContext } from 'node:test'
import { Client, credentials, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor/index.js'
import { ProtoWriter } from '../../base/proto-writer.ts'
import { BusCounters } from '../../core/counters.ts'
import { defaultHistoryBounds } from '../../core/history-trimmer.ts'
import { anonymous } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import {
  failure,
  type Plain,
  startTestDaemon,
  testNode,
  type TestDaemonOptions,
  until,
  withMethods,
} from './grpc-suite.ts'
import { framed, openRawSession } from './raw-http2-suite.ts'

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return daemon
}

suite('QueueService', () => {
  const queue = 'jobs'
  const enqueue = (payloads: string[]) => ({
    messages: payloads.map((text) => ({ queue, topic: 't', payload: Buffer.from(text) })),
  })

  test('enqueue, consume, settle', async (t) => {
    const daemon = await start(t)
    const client = daemon.connect('msgbus.v2.QueueService')
    const consuming = client.stream('Consume', { queue, maxInFlight: 2 })
    const { messages } = await client.call('Enqueue', enqueue(['a', 'b', 'c']))
    assert.deepEqual(
      messages.map(({ sequence }: Plain) => sequence),
      [1, 2, 3],
    )
    const [a, b] = await consuming.take(2)
    assert.deepEqual([a.message.payload.toString(), a.message.source], ['a', testNode])
    assert.equal(a.message.id, messages[0].id)
    assert.ok(a.leaseUntilMs > Date.now())
    const settle = async (settlements: object[]) =>
      (await client.call('Settle', { settlements })).accepted
    const lease = ({ leaseId }: Plain) => ({ queue, leaseId })
    const settled = await settle([
      { ...lease(a), acknowledge: {} },
      { ...lease(b), extend: { leaseMs: 60_000 } },
      { queue, leaseId: 'never', acknowledge: {} },
    ])
    assert.deepEqual(settled, [true, true, false])
    const c = await consuming.next()
    assert.equal(c.message.payload.toString(), 'c')
    assert.deepEqual(await settle([{ ...lease(b), release: {} }]), [true])
    const again = await consuming.next()
    assert.deepEqual([again.message.payload.toString(), again.message.attempts], ['b', 1])
    const { queues } = await client.call('ListQueues')
    assert.equal(queues.length, 1)
    const { depth, leased, lastSequence, consumers, oldestAtMs } = queues[0]
    assert.deepEqual([depth, leased, lastSequence, consumers], [2, 2, 3, 1])
    assert.ok(Math.abs(oldestAtMs - Date.now()) < 60_000)
    const error = await failure(settle([lease(c)]))
    assert.equal(error.code, status.INVALID_ARGUMENT)
    consuming.cancel()
  })

  test('a consumer that goes away gives its messages back at once', async (t) => {
    const daemon = await start(t)
    const client = daemon.connect('msgbus.v2.QueueService')
    await client.call('Enqueue', enqueue(['a']))
    const first = client.stream('Consume', { queue })
    await first.next()
    first.cancel()
    const second = client.stream('Consume', { queue })
    const { message } = await second.next()
    assert.deepEqual([message.payload.toString(), message.attempts], ['a', 0])
    second.cancel()
    await until(() => daemon.bus.counters.queueDelivered === 2)
    const purged = async () => (await client.call('PurgeQueue', { queue })).removed
    let removed = 0
    while (removed === 0) removed = await purged()
    assert.equal(removed, 1)
  })

  test('all of a request or nothing', async (t) => {
    const client = (await start(t)).connect('msgbus.v2.QueueService')
    const { messages } = enqueue(['a'])
    const bad = { queue: '', topic: 't' }
    const error = await failure(client.call('Enqueue', { messages: [...messages, bad] }))
    assert.equal(error.details, 'queue is empty')
    assert.deepEqual((await client.call('ListQueues')).queues, [])
    const partly = { ...messages[0], target: { tenantId: 't' } }
    const target = await failure(client.call('Enqueue', { messages: [partly] }))
    assert.equal(target.details, 'bl_name is empty')
  })

  test('consumers are told when the daemon stops', async (t) => {
    const daemon = await start(t)
    const client = daemon.connect('msgbus.v2.QueueService')
    const consuming = client.stream('Consume', { queue })
    await client.call('ListQueues')
    await daemon.shutdown(5_000)
    assert.equal((await consuming.status)?.code, status.UNAVAILABLE)
  })
})

suite('AdminService', () => {
  test('status and metrics', async (t) => {
    const startedAtMs = 1_767_225_600_000
    const listeners = [{ protocol: 'grpc', address: 'x:1', tls: true }]
    const folder = import.meta.dirname
    const describe = () => ({
      storage: 'memory',
      dataFolder: folder,
      startedAtMs,
      listeners,
      clients: 0,
      counters: new BusCounters(),
      topicRules: [],
      history: defaultHistoryBounds,
      peers: [],
    })
    const daemon = await start(t, { context: { describe, version: '1.2.3' } })
    const client = daemon.connect('msgbus.v2.AdminService')
    const before = await client.call('GetStatus')
    assert.equal(before.lastCommitAgeMs, 0)
    const bus = daemon.bus.connect(anonymous)
    await bus.publish([{ topic: 'a', payload: Buffer.from('x'), headers: noHeaders }])
    const answer = await client.call('GetStatus')
    const { residentBytes, freeDiskBytes, lastCommitAgeMs, lastSequence, ...rest } = answer
    assert.ok(residentBytes > 1e6 && freeDiskBytes > 0)
    assert.ok(lastCommitAgeMs > 0 && lastSequence > 0)
    assert.deepEqual(rest, {
      node: testNode,
      version: '1.2.3',
      storage: 'memory',
      durability: 'memory',
      epoch: daemon.store.epoch,
      dataFolder: folder,
      startedAtMs,
      ready: true,
      error: '',
      logs: 1,
      storedBytes: 0,
      damagedRecords: 0,
      subscriptions: 0,
      queues: 0,
      historyLogs: 0,
      historyBytes: 0,
      listeners,
    })
    assert.deepEqual(await client.call('GetMetrics'), { text: 'msgbus_up 1\n' })
  })

  test('a backup is the bytes of the store, in pieces of a size clients accept', async (t) => {
    const pieces = [Buffer.alloc(3_000_000, 1), Buffer.alloc(10, 2), Buffer.alloc(0)]
    const daemon = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        return withMethods(store, { backup: () => Readable.from(pieces, { objectMode: true }) })
      },
    })
    const client = daemon.connect('msgbus.v2.AdminService')
    const chunks = (await client.collect('Backup')).map(({ chunk }) => chunk)
    assert.ok(chunks.every(({ length }) => length <= 262_144))
    assert.equal(Buffer.compare(Buffer.concat(chunks), Buffer.concat(pieces)), 0)
  })

  test('a backup that nobody reads on stops being made', async (t) => {
    let made = 0
    let isEnded = false
    const endless = async function* () {
      try {
        for (;;) {
          made += 1
          yield Buffer.alloc(100_000)
        }
      } finally {
        isEnded = true
      }
    }
    const daemon = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        return withMethods(store, { backup: endless })
      },
    })
    const client = daemon.connect('msgbus.v2.AdminService')
    const stream = client.stream('Backup')
    await stream.next()
    await client.call('GetStatus')
    const madeFirst = made
    for (let i = 0; i < 10; i++) await client.call('GetStatus')
    assert.ok(made < madeFirst + 60, `${made} pieces made`)
    stream.cancel()
    await until(() => isEnded)
  })

  test('verify reports its progress and what is damaged', async (t) => {
    const damaged = [{ topic: 'a', origin: testNode, fromHead: 2, toHead: 3 }]
    const steps = [
      { recordsChecked: 10, damaged: [] },
      { recordsChecked: 15, damaged },
    ]
    const daemon = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        return withMethods(store, { verify: () => Readable.from(steps, { objectMode: true }) })
      },
    })
    const answers = await daemon.connect('msgbus.v2.AdminService').collect('Verify')
    assert.deepEqual(
      answers.map(({ recordsChecked, done, damaged: found }) => [
        recordsChecked,
        done,
        found.length,
      ]),
      [
        [10, false, 0],
        [15, false, 1],
        [15, true, 0],
      ],
    )
    assert.equal(answers[1].damaged[0].toHeadId, 3)
  })

  test('before the store is open', async (t) => {
    const daemon = await start(t, { isAttached: false })
    const client = daemon.connect('msgbus.v2.AdminService')
    assert.equal((await client.call('GetStatus')).ready, false)
    for (const method of ['Backup', 'Verify']) {
      const error = await failure(client.collect(method))
      assert.deepEqual([error.code, error.metadata.get('msgbus-reason')], [14, ['starting']])
    }
  })
})

const healthRequest = (service: string) => {
  const writer = new ProtoWriter()
  writer.string(0x0a, service)
  return writer.finish()
}

suite('grpc.health.v1', () => {
  test('check follows readiness', async (t) => {
    const daemon = await start(t, { isAttached: false })
    const raw = await openRawSession(daemon.address)
    const check = async (service: string) =>
      raw.call('/grpc.health.v1.Health/Check', healthRequest(service))
    assert.deepEqual([...(await check('')).body.subarray(5)], [8, 2])
    daemon.attach()
    assert.deepEqual([...(await check('')).body.subarray(5)], [8, 1])
    assert.deepEqual([...(await check('msgbus.v1.MsgbusService')).body.subarray(5)], [8, 1])
    assert.equal((await check('unknown')).status, status.NOT_FOUND)
    raw.close()
  })

  test('watch tells each change once', async (t) => {
    const daemon = await start(t, { isAttached: false })
    const client = new Client(daemon.address, credentials.createInsecure())
    t.after(() => client.close())
    const call = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (service: string) => Buffer.from(healthRequest(service)),
      (bytes) => [...bytes],
      '',
    )
    call.on('error', () => undefined)
    assert.deepEqual(await once(call, 'data'), [[8, 2]])
    const changed = once(call, 'data')
    daemon.attach()
    assert.deepEqual(await changed, [[8, 1]])
    call.cancel()
    const unknown = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (service: string) => Buffer.from(healthRequest(service)),
      (bytes) => [...bytes],
      'unknown',
    )
    unknown.on('error', () => undefined)
    assert.deepEqual(await once(unknown, 'data'), [[8, 3]])
    unknown.cancel()
  })
})

suite('server reflection', () => {
  // Messages of grpc.reflection.v1 as protobufjs reads them.
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message Request { oneof m { string file_by_filename = 3; string file_containing_symbol = 4;
      string all_extension_numbers_of_type = 6; string list_services = 7; } }
    message Files { repeated bytes file_descriptor_proto = 1; }
    message Service { string name = 1; }
    message Services { repeated Service service = 1; }
    message Extensions { string base_type_name = 1; repeated int32 extension_number = 2; }
    message Failure { int32 error_code = 1; string error_message = 2; }
    message Response { Request original_request = 2; Files file_descriptor_response = 4;
      Extensions all_extension_numbers_response = 5; Services list_services_response = 6;
      Failure error_response = 7; }
  `)
  const [Request, Response] = [root.lookupType('Request'), root.lookupType('Response')]

  for (const version of ['v1', 'v1alpha']) {
    test(`lists services and hands out their contracts (${version})`, async (t) => {
      const daemon = await start(t)
      const raw = await openRawSession(daemon.address)
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
      const ask = async (request: object): Promise<Plain> => {
        const body = framed(Request.encode(Request.fromObject(request)).finish())
        const answer = await raw.send(path, body)
        assert.equal(answer.status, status.OK)
        const response = Response.decode(answer.body.subarray(5))
        return Response.toObject(response, { arrays: true })
      }
      const { listServicesResponse } = await ask({ listServices: '*' })
      assert.deepEqual(
        listServicesResponse.service.map(({ name }: Plain) => name),
        [
          'msgbus.v1.MsgbusService',
          'msgbus.v2.LinkService',
          'msgbus.v2.MqttService',
          'msgbus.v2.BusService',
          'msgbus.v2.ClientService',
          'msgbus.v2.QueueService',
          'msgbus.v2.AdminService',
          'msgbus.v2.AccessService',
          'msgbus.v2.PeerService',
        ],
      )
      for (const request of [
        { fileContainingSymbol: 'msgbus.v1.MsgbusService' },
        { fileContainingSymbol: 'msgbus.v1.MessageEnvelope' },
        { fileContainingSymbol: 'msgbus.v1.MsgbusService.Publish' },
        { fileByFilename: 'msgbus/v1/msgbus.proto' },
      ]) {
        const { fileDescriptorResponse, originalRequest } = await ask(request)
        assert.deepEqual(originalRequest, request)
        const [bytes] = fileDescriptorResponse.fileDescriptorProto
        const file: Plain = descriptor.FileDescriptorProto.decode(bytes)
        assert.equal(file.name, 'msgbus/v1/msgbus.proto')
        assert.equal(file.service[0].method.length, 13)
      }
      const { errorResponse } = await ask({ fileContainingSymbol: 'nobody' })
      assert.equal(errorResponse.errorCode, status.NOT_FOUND)
      const { allExtensionNumbersResponse } = await ask({ allExtensionNumbersOfType: 'x' })
      assert.equal(allExtensionNumbersResponse.baseTypeName, 'x')
      raw.close()
    })
  }
})
