/**
 * Certificates for tests, made when they run by the openssl program: an authority, a server for
 * 127.0.0.1 and localhost, and clients. Nothing of it is ever kept.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Why tests with certificates cannot run here; false when they can. */
export const noCertificates: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl program is not installed'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
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
  issue(name: string): CertificateFiles {
    const files = this.#files(name)
    const request = join(this.#folder, `${name}.csr`)
    const extensions = join(this.#folder, `${name}.ext`)
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    openssl(['req', ...newKey, '-subj', `/CN=${name}`, '-keyout', files.key, '-out', request])
    const by = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-CAcreateserial', '-days', '2']
    openssl(['x509', '-req', '-in', request, ...by, '-extfile', extensions, '-out', files.cert])
    return files
  }

  #files(name: string): CertificateFiles {
    return { cert: join(this.#folder, `${name}.crt`), key: join(this.#folder, `${name}.key`) }
  }
}

// Elliptic keys are made in milliseconds.
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
