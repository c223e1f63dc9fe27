/** `msgbus cert dev`: an authority of one's own, and certificates for a server and clients. */

import type { Command } from 'commander'
import { UsageError } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'

interface CertOptions {
  readonly host?: readonly string[]
  readonly client?: readonly string[]
  readonly days: number
}

/** Beyond it clients of Apple refuse a certificate of a server. */
const daysDefault = 820
const authorityDays = 3_650

const collect = (value: string, before: readonly string[] = []) => [...before, value]

export function addCertCommand(program: Command, terminal: Terminal): void {
  program
    .command('cert')
    .summary('certificates for TLS')
    .command('dev')
    .summary('make an authority of your own, and certificates it signed')
    .description(
      'Writes ca.pem, server.pem and server-key.pem into a folder, and NAME.pem and NAME-key.pem for each ' +
        '--client. The authority is made once and kept; certificates are made anew each time. Keep ca-key.pem ' +
        'away from the machines that use the certificates.',
    )
    .argument('[folder]', 'where to', 'msgbus-certs')
    .option('--host <name>', 'a name or address of the server; may be given again', collect)
    .option(
      '--client <name>',
      'a user to make a client certificate for; may be given again',
      collect,
    )
    .option('--days <count>', 'how long certificates hold', Number, daysDefault)
    .action(async (folder: string, options: CertOptions) => {
      const { host = [], client = [], days } = options
      if (!Number.isInteger(days) || days < 1 || days > authorityDays) {
        throw new UsageError(`--days is a whole number from 1 to ${authorityDays}`)
      }
      for (const name of client) {
        if (!/^[\w.@-]{1,64}$/.test(name) || name === 'ca' || name === 'server') {
          throw new UsageError(`--client ${name}: letters, digits, . @ _ - and at most 64 of them`)
        }
      }
      const { writeDevelopmentCertificates } = await import('../cert/write-certificates.ts')
      const written = await writeDevelopmentCertificates({
        folder,
        hosts: host,
        clients: client,
        days,
      })
      await terminal.write(written.map((path) => `${path}\n`).join(''))
    })
}
