/** Checks that ask the daemon: is it there, ready, safe, whole. */

import type { Command } from 'commander'
import type { DaemonStatus, MsgbusClient } from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { formatCount, formatDuration } from '../duration.ts'
import { formatOrigin } from '../message-text.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import { good, note, warning, wrong } from './finding.ts'
import type { Finding } from './finding.ts'
import { judgeDisk } from './machine-checks.ts'

/** Clocks of daemon and client further apart than this confuse whoever compares times. */
const clockSkewMs = 5_000

export interface DaemonChecks {
  readonly isReached: boolean
  /** As the daemon has it, when it is on this machine. */
  readonly dataFolder: string | undefined
  readonly findings: readonly Finding[]
}

export async function checkDaemon(
  command: Command,
  terminal: Terminal,
  verify: boolean,
): Promise<DaemonChecks> {
  const { server } = command.optsWithGlobals<GlobalOptions>()
  try {
    return await withClient(command, terminal, (client) =>
      examine(client, server, verify, terminal),
    )
  } catch (error) {
    if (!(error instanceof BusError) || error.code === 'cancelled') throw error
    const remedy = 'start msgbusd, or name its address with --server or MSGBUS_SERVER'
    const findings = [wrong('daemon', error.message, remedy)]
    return { isReached: false, dataFolder: undefined, findings }
  }
}

async function examine(
  client: MsgbusClient,
  server: string,
  verify: boolean,
  terminal: Terminal,
): Promise<DaemonChecks> {
  const { signal } = terminal
  const { node } = await client.health({ signal })
  const findings: Finding[] = [good('daemon', `${formatOrigin(node)} answers at ${server}`)]
  const ready = await client.ready({ signal })
  findings.push(
    ready.ready
      ? good('store', 'ready to store and read')
      : wrong(
          'store',
          `not ready: ${ready.error}`,
          'look at the log of msgbusd; the text says what it waits for',
        ),
  )
  const status = await client.status({ signal }).catch((error: unknown) => {
    if (error instanceof BusError && error.code === 'unimplemented') return undefined
    throw error
  })
  if (status === undefined) {
    findings.push(note('status', 'this daemon speaks msgbus.v1 only and tells no more'))
    return { isReached: true, dataFolder: undefined, findings }
  }
  findings.push(...judgeStatus(status))
  if (verify) findings.push(await verifyStore(client, terminal))
  const dataFolder = isLocal(server) && status.dataFolder !== '' ? status.dataFolder : undefined
  return { isReached: true, dataFolder, findings }
}

export function judgeStatus(status: DaemonStatus): Finding[] {
  const findings: Finding[] = []
  const { durability, storage, damagedRecords, freeDiskBytes, startedAtMs } = status
  if (durability === 'disk')
    findings.push(good('durability', `disk: acknowledged means synced (${storage})`))
  else {
    const survives = durability === 'os' ? 'a power loss' : 'its own end'
    const remedy = 'start msgbusd with --durability disk, unless this is meant so'
    const text = `${durability}: what is acknowledged may not survive ${survives} (${storage})`
    findings.push(warning('durability', text, remedy))
  }
  if (damagedRecords > 0) {
    const text = `${formatCount(damagedRecords)} records do not match their checksum and are left out`
    const remedy =
      'msgbus doctor --verify names them; replace the disk, restore a backup, or fetch them from a peer'
    findings.push(wrong('records', text, remedy))
  } else {
    findings.push(good('records', 'no damage noticed'))
  }
  if (freeDiskBytes > 0) {
    // The daemon tells what is free, not how large the disk is.
    const disk = judgeDisk(freeDiskBytes, freeDiskBytes)
    if (disk.level !== 'good') findings.push({ ...disk, check: "daemon's disk" })
  }
  const aheadMs = startedAtMs - Date.now()
  if (aheadMs > clockSkewMs) {
    const text = `the daemon's clock is ${formatDuration(aheadMs)} or more ahead of this one`
    findings.push(warning('clocks', text, 'run a time service on both machines'))
  }
  const open = status.listeners.filter(({ address, tls }) => !tls && !isLocal(address))
  for (const { protocol, address } of open) {
    const text = `${protocol} at ${address} is open to the network without TLS`
    findings.push(
      warning('access', text, 'give msgbusd a certificate, or let it listen on 127.0.0.1'),
    )
  }
  return findings
}

async function verifyStore(client: MsgbusClient, terminal: Terminal): Promise<Finding> {
  let checked = 0
  const damaged: string[] = []
  for await (const step of client.verify({ signal: terminal.signal })) {
    checked = step.recordsChecked
    // Each step but the last tells all that was found so far.
    if (!step.done) damaged.length = 0
    for (const { topic, origin, fromHead, toHead } of step.damaged) {
      damaged.push(`${topic} of ${formatOrigin(origin)}, heads ${fromHead} to ${toHead}`)
    }
    if (terminal.stderrIsTerminal) terminal.writeError(`\r${formatCount(checked)} records checked`)
  }
  if (terminal.stderrIsTerminal) terminal.writeError('\r\u001b[K')
  if (damaged.length === 0)
    return good('verify', `${formatCount(checked)} records match their checksums`)
  const remedy = 'msgbus sync repair fetches them from peers that have them; or restore a backup'
  return wrong('verify', `damaged: ${damaged.join('; ')}`, remedy)
}

function isLocal(address: string): boolean {
  return /^(unix:|(https?:\/\/)?(127\.|localhost|\[::1\]))/.test(address)
}
