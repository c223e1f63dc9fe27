/**
 * Certificates for tests, made when they run by the openssl program: an authority, a server for
 * 127.0.0.1 and localhost, and clients. Nothing of it is ever kept.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Why tests with certificates cannot run here; false when they can. */
export const noCertificates: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl program is not installed'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface CertificateTraits {
  /** Subject alternative names as openssl writes them; default: this machine. */
  readonly names?: string | undefined
  /** Extended key usage; default: none, which is any. */
  readonly use?: 'serverAuth' | 'clientAuth' | undefined
  /** Default: now. It is valid for two days. */
  readonly validFrom?: Date | undefined
  /** As `-subj` of openssl has it; default: the name as common name. */
  readonly subject?: string | undefined
}

export class TestAuthority {
  readonly #folder: string
  readonly #own: CertificateFiles

  /** Makes a new authority in `folder`. */
  constructor(folder: string, name = 'ca') {
    this.#folder = folder
    this.#own = this.#files(name)
    const { cert, key } = this.#own
    const subject = ['-subj', `/CN=msgbus test ${name}`, '-days', '2']
    openssl(['req', '-x509', ...newKey, ...subject, '-keyout', key, '-out', cert])
  }

  /** PEM file of the authority itself. */
  get cert(): string {
    return this.#own.cert
  }

  /** A certificate for a server on this machine and for a client alike. Replaces one of this name. */
  issue(name: string, traits: CertificateTraits = {}): CertificateFiles {
    const { names = 'IP:127.0.0.1,DNS:localhost', use, subject = `/CN=${name}` } = traits
    const files = this.#files(name)
    const request = join(this.#folder, `${name}.csr`)
    const extensions = join(this.#folder, `${name}.ext`)
    const usage = use === undefined ? '' : `extendedKeyUsage=${use}\n`
    writeFileSync(extensions, `subjectAltName=${names}\n${usage}`)
    openssl(['req', ...newKey, '-subj', subject, '-keyout', files.key, '-out', request])
    const by = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-CAcreateserial']
    const signing = ['x509', '-req', '-in', request, ...by, '-extfile', extensions]
    if (traits.validFrom === undefined) openssl([...signing, '-days', '2', '-out', files.cert])
    else this.#signAt(request, extensions, files.cert, traits.validFrom)
    return files
  }

  /** Of two days from a date, which the command for single certificates of older versions cannot say. */
  #signAt(request: string, extensions: string, cert: string, from: Date): void {
    const folder = join(this.#folder, `ca-${createHash('sha256').update(cert).digest('hex')}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'index.txt'), '')
    const config = join(folder, 'ca.cnf')
    const own = [
      `database=${join(folder, 'index.txt')}`,
      `new_certs_dir=${folder}`,
      'rand_serial=yes',
      'default_md=sha256',
      'policy=any',
    ]
    writeFileSync(config, ['[ca]', 'default_ca=own', '[own]', ...own, '[any]', ''].join('\n'))
    writeFileSync(config, `${readFileSync(config, 'utf8')}commonName=supplied\n`)
    const until = new Date(from.getTime() + 172_800_000)
    const times = ['-startdate', asn1Time(from), '-enddate', asn1Time(until)]
    const by = ['-cert', this.#own.cert, '-keyfile', this.#own.key, '-extfile', extensions]
    const command = ['ca', '-batch', '-notext', '-config', config, '-in', request, '-out', cert]
    openssl([...command, ...by, ...times])
  }

  #files(name: string): CertificateFiles {
    return { cert: join(this.#folder, `${name}.crt`), key: join(this.#folder, `${name}.key`) }
  }
}

/** `20261120213000Z` */
function asn1Time(date: Date): string {
  return `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
}

// Elliptic keys are made in milliseconds.
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
