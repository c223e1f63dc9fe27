/**
 * The command tree. Building it loads no client and opens nothing, so that help and completion are
 * quick. Options that every command has are given once, here, and accepted before or after the
 * command.
 */

import { Command, CommanderError, Option } from 'commander'
import { addAccessCommands } from './commands/access.ts'
import { addMqttCommands } from './commands/mqtt.ts'
import { addBackupCommands } from './commands/backup.ts'
import { addBenchCommands } from './commands/bench.ts'
import { addCertCommand } from './commands/cert.ts'
import { addClientsCommand } from './commands/clients.ts'
import { addTreeCommands } from './commands/completion.ts'
import { addDaemonCommands } from './commands/daemon.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addLogCommands } from './commands/log.ts'
import { addOpenCommand } from './commands/open.ts'
import { addPeersCommands } from './commands/peers.ts'
import { addProcedureCommands } from './commands/procedures.ts'
import { addPublishCommand } from './commands/publish.ts'
import { addQueueCommands } from './commands/queue.ts'
import { addRpcCommands } from './commands/rpc.ts'
import { addSendCommands } from './commands/send.ts'
import { addSubscribeCommand } from './commands/subscribe.ts'
import { addSyncCommands } from './commands/sync.ts'
import { addTmbCommands } from './commands/tmb.ts'
import { addTopCommand } from './commands/top.ts'
import { parseDuration } from './duration.ts'
import { exitCodes } from './exit-codes.ts'
import { packageVersion } from './package-version.ts'
import type { Terminal } from './terminal.ts'

const exitCodesHelp = `
Exit codes:
  0 ok   1 refused by the daemon, or a check failed   2 usage
  3 no daemon reachable   4 not found   130 interrupted

Environment:
  MSGBUS_SERVER      address of the daemon, like --server
  MSGBUS_BUSRT       address of the BUS/RT broker, like --busrt
  MSGBUS_TMB_SERVER  address of the TMB server, like --tmb
  MSGBUS_TOKEN       a token to log in by;  MSGBUS_PASSWORD  the password of --user
  NO_COLOR           no colours;  MSGBUS_DEBUG  causes and stacks of errors`

export function createProgram(terminal: Terminal): Command {
  const program = new Command('msgbus')
  program
    .description('Publish, read and look after a msgbus daemon.')
    .addOption(
      new Option('-s, --server <address>', 'host:port, https://host:port or unix:/path')
        .env('MSGBUS_SERVER')
        .default('127.0.0.1:50051'),
    )
    .option('--tls', 'connect with TLS (implied by https:// and the other TLS options)')
    .option('--tls-ca <file>', 'PEM file of the authority that signed the server certificate')
    .option('--tls-cert <file>', 'PEM file of the client certificate')
    .option('--tls-key <file>', 'PEM file of its key')
    .option('--tls-server-name <name>', 'name to verify instead of the host of --server')
    .option('--user <name>', 'log in as this user; the password is asked for, or from:')
    .option('--password-file <file>', 'file with the password of --user')
    .option('--token-file <file>', 'file with a token to log in by')
    .option('--json', 'one JSON object per line instead of text')
    .addOption(
      new Option('--timeout <duration>', 'for single calls: 500ms, 10s, 1m')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option('-V, --version', 'print the version')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => void terminal.write(text),
      writeErr: (text) => terminal.writeError(text),
      getOutHasColors: () => terminal.colours.strong('') !== '',
      getErrHasColors: () => terminal.errorColours.strong('') !== '',
    })
    .showSuggestionAfterError()
    .showHelpAfterError('(msgbus help <command> says more)')
    .addHelpText('after', exitCodesHelp)
    .exitOverride()
    .on('option:version', () => {
      void terminal.write(`${packageVersion()}\n`)
      throw new CommanderError(exitCodes.ok, 'commander.version', 'the version is printed')
    })
  addPublishCommand(program, terminal)
  addSubscribeCommand(program, terminal)
  addLogCommands(program, terminal)
  addQueueCommands(program, terminal)
  addSendCommands(program, terminal)
  addRpcCommands(program, terminal)
  addTmbCommands(program, terminal)
  addDaemonCommands(program, terminal)
  addSyncCommands(program, terminal)
  addPeersCommands(program, terminal)
  addProcedureCommands(program, terminal)
  addClientsCommand(program, terminal)
  addAccessCommands(program, terminal)
  addMqttCommands(program, terminal)
  addCertCommand(program, terminal)
  addTopCommand(program, terminal)
  addOpenCommand(program, terminal)
  addDoctorCommand(program, terminal)
  addBackupCommands(program, terminal)
  addBenchCommands(program, terminal)
  addTreeCommands(program, terminal)
  return program
}
