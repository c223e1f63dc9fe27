/**
 * `ready.json` in the data folder: where the running daemon can be found. It appears once the store
 * is open and goes when the daemon stops; what a killed daemon left behind names a process that is
 * gone. Replaced in one step, so readers never see half of it.
 */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeId } from '../model/node-id.ts'
import type { BoundListener } from '../protocols/adapter.ts'

export interface ReadyInfo {
  readonly pid: number
  readonly version: string
  readonly node: NodeId
  /** Absolute. */
  readonly data: string
  readonly storage: string
  readonly durability: string
  readonly listeners: readonly BoundListener[]
}

const fileName = 'ready.json'

export async function writeReadyFile(folder: string, info: ReadyInfo): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `${fileName}.${process.pid}`)
  await writeFile(temporary, `${JSON.stringify(info, undefined, 2)}\n`)
  await rename(temporary, join(folder, fileName))
}

/** Leaves the file of another process alone. */
export async function removeReadyFile(folder: string): Promise<void> {
  const file = join(folder, fileName)
  const text = await readFile(file, 'utf8').catch(() => '')
  if (text.includes(`"pid": ${process.pid},`)) await rm(file, { force: true })
}
