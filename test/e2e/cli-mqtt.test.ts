/** `msgbus mqtt` and the metrics of MQTT, against the real daemon. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, connect, disconnect, puback, publish } from '../conformance/mqtt/bytes.ts'
import { RawClient } from '../conformance/mqtt/raw-client.ts'
import { runMsgbus } from './cli-process.ts'
import { startDaemon } from './daemon-process.ts'

test(
  'sessions and retained messages are listed, shown and removed',
  { timeout: 60_000 },
  async (t) => {
    const args = ['--storage', 'memory', '--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0']
    const daemon = await startDaemon(t, {
      args: [...args, '--bridge', 'mqtt://127.0.0.1:1?name=gone'],
    })
    const addressOf = (name: string) =>
      daemon.info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
    const port = Number(addressOf('mqtt').split(':')[1])
    const cli = (...command: string[]) =>
      runMsgbus(command, { env: { MSGBUS_SERVER: daemon.address } })
    const away = await RawClient.open(port, 4)
    await away.connect({ id: 'away', clean: false })
    await away.subscribe(['a/#', { qos: 1 }])
    away.send(bytes(disconnect()))
    await away.closes()
    const here = await RawClient.open(port, 5)
    await here.connect({ id: 'here' })
    here.send(publish(5, 'a/1', 'kept', { qos: 1, id: 1, retain: true }))
    await here.gets(puback(1))

    const listed = await cli('--json', 'mqtt', 'sessions')
    const sessions = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      sessions.map(({ clientId, connected, version, behind }) => [
        clientId,
        connected,
        version,
        behind,
      ]),
      [
        ['$msgbus.bridge/gone', false, 0, 1],
        ['away', false, 0, 1],
        ['here', true, 5, 0],
      ],
    )
    assert.match((await cli('mqtt', 'sessions', 'show', 'away')).stdout, /away[^]*a\/#/)
    assert.match((await cli('mqtt', 'retained')).stdout, /a\/1 +4 B +1/)
    assert.equal((await cli('mqtt', 'retained', 'show', 'a/1')).stdout, 'kept')
    assert.match((await cli('mqtt', 'bridges')).stdout, /gone +mqtt:\/\/127\.0\.0\.1:1/)
    assert.match((await cli('status')).stdout, /bridge +gone mqtt:\/\/127\.0\.0\.1:1/)

    assert.equal((await cli('mqtt', 'retained', 'rm', 'a/+')).stdout, 'one is gone\n')
    assert.equal((await cli('mqtt', 'retained', 'show', 'a/1')).code, 4)
    assert.equal((await cli('mqtt', 'sessions', 'rm', 'away', 'here')).code, 0)
    await here.closes('e0018e')
    const missing = await cli('mqtt', 'sessions', 'rm', 'away')
    assert.deepEqual([missing.code, /no MQTT session "away"/.test(missing.stderr)], [4, true])

    const back = await RawClient.open(port, 4)
    back.send(connect({ version: 4, id: 'away', clean: false }))
    await back.gets('20020000')
    const metrics = await (await fetch(`http://${addressOf('http')}/metrics`)).text()
    for (const line of [
      'msgbus_mqtt_sessions 2',
      'msgbus_mqtt_sessions_connected 1',
      'msgbus_mqtt_connections_total 3',
      'msgbus_mqtt_received_total{qos="1"} 1',
      'msgbus_mqtt_bridge_up{bridge="gone"} 0',
      'msgbus_retained_messages 0',
    ]) {
      assert.ok(metrics.includes(`${line}\n`), line)
    }
    back.destroy()
  },
)
