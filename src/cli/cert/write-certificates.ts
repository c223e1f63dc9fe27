/** The files of `msgbus cert dev`. Keys can be read by their owner only. */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../exit-codes.ts'
import { issueCertificate, makeAuthority, type PemPair } from './development-authority.ts'

export interface CertificateFiles {
  readonly folder: string
  /** Beside `localhost`, the loopback addresses and the name of this machine. */
  readonly hosts: readonly string[]
  readonly clients: readonly string[]
  readonly days: number
}

const authorityDays = 3_650

/** Answers the paths that were written. Rejects with the system's error. */
export async function writeDevelopmentCertificates({
  folder,
  hosts,
  clients,
  days,
}: CertificateFiles): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const written: string[] = []
  const write = async (name: string, pair: PemPair): Promise<void> => {
    const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)]
    await writeFile(certificate, pair.certificate)
    await writeFile(key, pair.key, { mode: 0o600 })
    written.push(certificate, key)
  }
  let authority = await readAuthority(folder)
  if (authority === undefined) {
    authority = makeAuthority(`msgbus development authority of ${hostname()}`, authorityDays)
    await write('ca', authority)
  }
  const names = new Set([...hosts, 'localhost', '127.0.0.1', '::1', hostname()])
  const [first = 'localhost'] = names
  const server = { commonName: first, hosts: [...names], use: 'server', days } as const
  await write('server', issueCertificate(authority, server))
  for (const commonName of clients) {
    const client = { commonName, hosts: [], use: 'client', days } as const
    await write(commonName, issueCertificate(authority, client))
  }
  return written
}

/** @throws UsageError when its key is not there: a new authority would make worthless what the old one signed */
async function readAuthority(folder: string): Promise<PemPair | undefined> {
  const certificate = await readIfThere(join(folder, 'ca.pem'))
  const key = await readIfThere(join(folder, 'ca-key.pem'))
  if (certificate === undefined) return undefined
  if (key !== undefined) return { certificate, key }
  throw new UsageError(
    `${join(folder, 'ca.pem')} is there without ca-key.pem: bring the key back, or choose another folder`,
  )
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
