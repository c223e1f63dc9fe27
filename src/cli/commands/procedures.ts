/** `msgbus call|register|procedures`: procedures, whoever offers them and by whatever protocol. */

import type { Command } from 'commander'
import type { CallReply, IncomingCall, MsgbusClient } from '../../client/core.ts'
import { formatDuration } from '../duration.ts'
import { UsageError } from '../exit-codes.ts'
import { collectHeader, readPayloads } from '../payload-input.ts'
import { formatPayload, payloadFields } from '../payload-text.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** Answered by the daemon itself. */
const listProcedure = 'msgbus.procedure.list'

interface CallOptions extends GlobalOptions {
  readonly header?: ReadonlyMap<string, string>
  readonly type?: string
  readonly raw?: boolean
}

interface RegisterOptions extends GlobalOptions {
  readonly answer?: string
  readonly exec?: string
  readonly type?: string
}

/** As the daemon tells it. */
interface ProcedureRow {
  readonly id: number
  readonly procedure: string
  readonly match: string
  readonly invoke: string
  readonly createdAtMs: number
  readonly callees: readonly { readonly name: string; readonly protocol: string }[]
}

const typeHelp = 'content-type of the payload, such as application/json'

export function addProcedureCommands(program: Command, terminal: Terminal): void {
  program
    .command('call')
    .summary('call a procedure and print its answer')
    .description(
      'Calls a procedure that any client of any protocol offers, and prints what it answers. An ' +
        'error of the procedure ends with exit code 1.',
    )
    .argument('<procedure>', 'such as com.example.add, or busrt.<client>.<method>')
    .argument('[payload]', '- is standard input; default: nothing')
    .option('-H, --header <key=value>', 'a header; repeatable', collectHeader)
    .option('-t, --type <type>', typeHelp)
    .option('--raw', 'the bytes of the answer as they are')
    .action((procedure: string, payload: string | undefined, _, command: Command) =>
      withClient(command, terminal, (client) => {
        return callOnce(client, procedure, payload, command.optsWithGlobals(), terminal)
      }),
    )

  program
    .command('register')
    .summary('offer a procedure and print who calls it')
    .description(
      'Offers a procedure to clients of all protocols until it is interrupted, and prints every call. ' +
        'Without an option it answers what it was given.',
    )
    .argument('<procedure>')
    .option('--answer <text>', 'answer this')
    .option('--exec <command>', 'answer what a command of the shell writes, which reads the call')
    .option('-t, --type <type>', typeHelp)
    .action((procedure: string, _, command: Command) =>
      withClient(command, terminal, (client) => {
        return serve(client, procedure, command.optsWithGlobals(), terminal)
      }),
    )

  program
    .command('procedures')
    .summary('list procedures and who offers them')
    .description(
      'Lists the procedures that clients of any protocol offer, with how they match and who of several ' +
        'callees is asked. What clients of BUS/RT serve is called busrt.<client>.<method> and not listed.',
    )
    .argument('[prefix]', 'only those that begin with this')
    .action((prefix: string | undefined, _, command: Command) =>
      withClient(command, terminal, (client) => {
        return list(client, prefix ?? '', command.optsWithGlobals(), terminal)
      }),
    )
}

async function callOnce(
  client: MsgbusClient,
  procedure: string,
  argument: string | undefined,
  { header = new Map(), type, raw, json }: CallOptions,
  terminal: Terminal,
): Promise<void> {
  const headers = new Map([...header, ...typeHeader(type)])
  const { signal } = terminal
  const source = { args: argument === undefined ? [''] : [argument], files: [], lines: false }
  for await (const payload of readPayloads(source, terminal)) {
    const answer = await client.call(procedure, payload, { headers, signal })
    if (raw === true) await terminal.write(answer.payload)
    else if (json === true) {
      const fields = {
        headers: Object.fromEntries(answer.headers),
        ...payloadFields(answer.payload),
      }
      await terminal.write(`${JSON.stringify(fields)}\n`)
    } else await terminal.write(`${formatPayload(answer.payload)}\n`)
  }
}

async function serve(
  client: MsgbusClient,
  procedure: string,
  { answer, exec, type, json }: RegisterOptions,
  terminal: Terminal,
): Promise<void> {
  if (answer !== undefined && exec !== undefined) {
    throw new UsageError('give --answer or --exec, not both')
  }
  const print = (call: IncomingCall) => {
    const { caller, payload } = call
    const text = json
      ? JSON.stringify({ procedure, caller, ...payloadFields(payload) })
      : `${caller === '' ? '-' : caller} ${formatPayload(payload)}`
    return terminal.write(`${text}\n`)
  }
  const headers = typeHeader(type)
  const reply = async (call: IncomingCall): Promise<CallReply> => {
    await print(call)
    if (answer !== undefined) return { payload: answer, headers }
    if (exec !== undefined) return { payload: await run(exec, call), headers }
    return { payload: call.payload, headers: call.headers }
  }
  const registration = await client.register(procedure, reply)
  terminal.writeError(`serving ${procedure}\n`)
  await new Promise<void>((resolve) => {
    if (terminal.signal.aborted) resolve()
    else terminal.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await registration.close()
}

/** What a command writes to standard output. Rejects when it fails, with the end of what it said. */
async function run(command: string, call: IncomingCall): Promise<Buffer> {
  const { execFile } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', signal: call.signal } as const
    const child = execFile('/bin/sh', ['-c', command], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(stderr.toString().trim().slice(-500) || error.message))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(call.payload)
  })
}

async function list(
  client: MsgbusClient,
  prefix: string,
  { json }: GlobalOptions,
  terminal: Terminal,
): Promise<void> {
  const { signal } = terminal
  const answer = await client.call(listProcedure, '', { signal })
  const rows = answer.json<ProcedureRow[]>().filter(({ procedure }) => procedure.startsWith(prefix))
  const lines = json
    ? rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    : formatTable(columns, rows)
  await terminal.write(lines)
}

const columns: readonly Column<ProcedureRow>[] = [
  { title: 'PROCEDURE', cell: ({ procedure }) => procedure || "''" },
  { title: 'MATCH', cell: ({ match }) => match },
  { title: 'INVOKE', cell: ({ invoke }) => invoke },
  {
    title: 'AGE',
    cell: ({ createdAtMs }) => formatDuration(Math.max(0, Date.now() - createdAtMs)),
    align: 'right',
  },
  {
    title: 'CALLEES',
    cell: ({ callees }) => callees.map(({ name, protocol }) => name || protocol).join(', '),
  },
]

function typeHeader(type: string | undefined): Map<string, string> {
  return type === undefined ? new Map() : new Map([['content-type', type]])
}
