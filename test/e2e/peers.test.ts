// Proves that peers are added and removed while a daemon runs, that this survives a restart, and that `msgbus peers`
// shows the links.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { BusError, connect, type ErrorReason } from '../../src/client/index.ts'
import { runMsgbus } from './cli-process.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

const off = ['--busrt', 'off', '--tmb', 'off', '--mqtt', 'off']
const isError = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

async function start(t: TestContext, device: string, data = temporaryFolder(t)) {
  const args = ['--device-id', device, '--listen', '127.0.0.1:0', ...off]
  const daemon = await startDaemon(t, { args, data })
  const client = await connect(daemon.address)
  t.after(() => client.close())
  return { daemon, client, address: daemon.address }
}

test('peers at run time', async (t) => {
  const outer = await start(t, 'outer')
  const data = temporaryFolder(t)
  let inner = await start(t, 'inner', data)
  const endpoint = `http://${outer.address}`
  const peer = `${endpoint}=tenant/default/outer`
  assert.deepEqual(await inner.client.listPeers(), [])
  await inner.client.addPeer(peer)
  await assert.rejects(inner.client.addPeer(endpoint), isError('peer_taken'))
  await inner.daemon.printed(/peer_connected/)
  await outer.daemon.printed(/peer_connected/)
  const [row] = await inner.client.listPeers()
  assert.equal(row?.node, 'tenant/default/outer')
  assert.deepEqual([row.keptIn, row.kind, row.state], ['store', 'link', 'up'])
  const [from] = await outer.client.listPeers()
  assert.deepEqual([from?.direction, from?.keptIn], ['incoming', ''])
  const [node] = await outer.client.listNodes()
  assert.deepEqual([node?.node, node?.hops], ['tenant/default/inner', 1])
  await inner.daemon.stop()
  inner = await start(t, 'inner', data)
  await inner.daemon.printed(/peer_connected/)
  const { stdout } = await runMsgbus(['--server', inner.address, 'peers'])
  assert.match(stdout, /tenant\/default\/outer +out +up +link .* store/)
  await inner.client.removePeer(endpoint)
  assert.deepEqual(await inner.client.listPeers(), [])
  await assert.rejects(inner.client.removePeer(peer), isError('not_found'))
  await assert.rejects(inner.client.listDiscovered(), isError('unsupported'))
})

test('peers of the configuration are changed there', async (t) => {
  const args = ['--device-id', 'a', '--peer', 'http://127.0.0.1:9', ...off]
  const daemon = await startDaemon(t, { args })
  const client = await connect(daemon.address)
  t.after(() => client.close())
  await assert.rejects(client.removePeer('http://127.0.0.1:9'), isError('peer_configured'))
  await assert.rejects(client.addPeer('http://127.0.0.1:9'), isError('peer_taken'))
  await assert.rejects(client.addPeer('nonsense'), isError('bad_config'))
})
