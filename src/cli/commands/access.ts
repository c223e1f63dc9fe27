/** Who may do what: `whoami`, `explain`, `users`, `tokens`, `audit`, `reload`. */

import { Argument, type Command } from 'commander'
import { actions } from '../../model/identity.ts'
import { askSecret } from '../credentials.ts'
import { formatDuration, parseCount, parseDuration } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { type GlobalOptions, withClient } from '../session.ts'
import { type Column, formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

const collect = (value: string, before: readonly string[] = []) => [...before, value]

export function addAccessCommands(program: Command, terminal: Terminal): void {
  addWhoAmI(program, terminal)
  addExplain(program, terminal)
  addUsers(program, terminal)
  addTokens(program, terminal)
  addAudit(program, terminal)
  program
    .command('reload')
    .summary('have the daemon read its configuration again')
    .description(
      'Users, rules, tokens, limits and certificates count at once; what counts after a restart is said. ' +
        'With a fault anywhere nothing changes, and all faults are told.',
    )
    .action((_, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const notes = await access.reload({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = notes.length === 0 ? 'reloaded\n' : `reloaded\n${notes.join('\n')}\n`
        await terminal.write(json ? line({ notes }) : text)
      }),
    )
}

function addWhoAmI(program: Command, terminal: Terminal): void {
  program
    .command('whoami')
    .summary('who the daemon takes you for')
    .action((_, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const who = await access.whoAmI({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        if (json) return terminal.write(line(who))
        const groups = who.groups.length === 0 ? '' : `, in ${who.groups.join(', ')}`
        const open = who.open
          ? '; this daemon has no users and no rules: everybody may do everything'
          : ''
        return terminal.write(`${who.user} (by ${who.method}${groups})${open}\n`)
      }),
    )
}

function addExplain(program: Command, terminal: Terminal): void {
  const explain = program
    .command('explain')
    .summary('may somebody do something, and who would get a message')
    .description(
      'Says by which rule something is allowed or refused, and who receives a topic and why.',
    )
  explain
    .command('access')
    .summary('may I, or another user, do this, and by which rule')
    .addArgument(new Argument('<action>', 'what is to be done').choices([...actions]))
    .argument('[resource]', 'topic, filter, queue, name or procedure', '')
    .option('--of <user>', 'ask about this user; needs the right admin')
    .option('--name <name>', 'name of the client on the bus, for rules with %c')
    .action(
      (
        action: string,
        resource: string,
        options: { readonly of?: string; readonly name?: string },
        command: Command,
      ) =>
        withClient(command, terminal, async ({ access }) => {
          const fields = { user: options.of, clientName: options.name }
          const answer = await access.explain(action, resource, fields, { signal: terminal.signal })
          const { json } = command.optsWithGlobals<GlobalOptions>()
          const verb = answer.allowed ? 'may' : 'may not'
          const what = resource === '' ? action : `${action} ${JSON.stringify(resource)}`
          await terminal.write(
            json ? line(answer) : `${answer.user} ${verb} ${what}: ${answer.rule}\n`,
          )
          if (!answer.allowed) throw new CommandFailure(exitCodes.refused, 'refused')
        }),
    )
  explain
    .command('topic')
    .summary('who would receive a message on this topic now, by any protocol')
    .argument('<topic>', 'the topic')
    .action((topic: string, _, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const { receivers, store } = await access.explainTopic(topic, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        if (json) return terminal.write(line({ topic, store, receivers }))
        const stored = `stored: ${store}\n`
        if (receivers.length === 0) return terminal.write(`${stored}nobody subscribes to it\n`)
        return terminal.write(stored + formatTable(receiverColumns, receivers))
      }),
    )
}

function addUsers(program: Command, terminal: Terminal): void {
  const users = program.command('users').summary('who can log in')
  users
    .command('add')
    .summary('add a user, or change one that was added')
    .description('The password is asked for, or read from the first line of standard input.')
    .argument('<name>', 'name of the user')
    .option('--group <name>', 'a group of the user; may be given again', collect)
    .option('--no-password', 'the user logs in by tokens only')
    .option('--challenge', 'also for SCRAM and WAMP-CRA; keeps what serves as the password on disk')
    .option('--replace', 'change a user that is there')
    .action(
      (
        name: string,
        options: {
          readonly group?: readonly string[]
          readonly password: boolean
          readonly challenge?: boolean
          readonly replace?: boolean
        },
        command: Command,
      ) =>
        withClient(command, terminal, async ({ access }) => {
          const { group: groups, challenge, replace } = options
          const password = options.password
            ? await askSecret(terminal, `New password of ${name}: `)
            : undefined
          const closed = await access.addUser(name, { password, groups, challenge, replace })
          const { json } = command.optsWithGlobals<GlobalOptions>()
          await terminal.write(json ? line({ name, closed }) : `${name} can log in\n`)
          if (closed) terminal.writeError(closedText)
        }),
    )
  users
    .command('ls')
    .summary('list them, those of the configuration file too')
    .action((_, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const found = await access.listUsers({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        await terminal.write(json ? found.map(line).join('') : formatTable(userColumns, found))
      }),
    )
  users
    .command('revoke')
    .summary('take a user that was added away, with its tokens and connections')
    .argument('<name>', 'name of the user')
    .action((name: string, _, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const tokens = await access.revokeUser(name, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = `${name} is gone${tokens === 0 ? '' : `, with ${tokens} tokens`}\n`
        await terminal.write(json ? line({ name, tokens }) : text)
      }),
    )
}

function addTokens(program: Command, terminal: Terminal): void {
  const tokens = program.command('tokens').summary('secrets by which programs log in')
  tokens
    .command('add')
    .summary('make a token; it is shown once')
    .argument('<user>', 'whose; the user need not have a password')
    .option('--for <duration>', 'how long it holds, as 12h or 90d', parseDuration)
    .option('--group <name>', 'a group, beside those of the user; may be given again', collect)
    .option('--note <text>', 'what it is for', '')
    .action(
      (
        user: string,
        options: {
          readonly for?: number
          readonly group?: readonly string[]
          readonly note: string
        },
        command: Command,
      ) =>
        withClient(command, terminal, async ({ access }) => {
          const { for: lifetimeMs, group: groups, note } = options
          const made = await access.addToken(user, { lifetimeMs, groups, note })
          const { json } = command.optsWithGlobals<GlobalOptions>()
          await terminal.write(json ? line(made) : `${made.token}\n`)
          if (made.closed) terminal.writeError(closedText)
        }),
    )
  tokens
    .command('ls')
    .summary('list them, without their secrets')
    .action((_, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const found = await access.listTokens({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        await terminal.write(json ? found.map(line).join('') : formatTable(tokenColumns, found))
      }),
    )
  tokens
    .command('revoke')
    .summary('end a token and the connections it opened')
    .argument('<id>', 'as tokens ls shows it')
    .action((id: string, _, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        await access.revokeToken(id, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        await terminal.write(json ? line({ id }) : `${id} is gone\n`)
      }),
    )
}

function addAudit(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').summary('the record of refusals and administrative acts')
  audit
    .command('verify')
    .summary('find lines that were changed, taken out or cut off')
    .action((_, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const state = await access.verifyAudit({ signal: terminal.signal })
        const { lines, lastNumber, lastHash, faults } = state
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = [
          `${lines} lines, the last is number ${lastNumber} with hash ${lastHash}`,
          ...faults,
        ]
        await terminal.write(json ? line(state) : `${text.join('\n')}\n`)
        if (faults.length > 0) throw new CommandFailure(exitCodes.refused, 'the record has faults')
      }),
    )
  audit
    .command('tail')
    .summary('the newest lines, oldest first')
    .option('-n, --lines <count>', 'how many', parseCount(1), 20)
    .action(({ lines }: { readonly lines: number }, command: Command) =>
      withClient(command, terminal, async ({ access }) => {
        const found = await access.tailAudit(lines, { signal: terminal.signal })
        await terminal.write(found.map((each) => `${each}\n`).join(''))
      }),
    )
}

const closedText = 'from now on this daemon lets nobody in who does not log in\n'

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

interface ReceiverRow {
  readonly name: string
  readonly user: string
  readonly protocol: string
  readonly filters: readonly string[]
  readonly receives: boolean
  readonly reason: string
}

const receiverColumns: readonly Column<ReceiverRow>[] = [
  { title: 'GETS IT', cell: ({ receives }) => (receives ? 'yes' : 'no') },
  { title: 'CLIENT', cell: ({ name }) => name || '-' },
  { title: 'USER', cell: ({ user }) => user },
  { title: 'PROTOCOL', cell: ({ protocol }) => protocol },
  { title: 'BY', cell: ({ filters }) => filters.join(', ') },
  { title: 'WHY', cell: ({ reason }) => reason },
]

interface UserRow {
  readonly name: string
  readonly groups: readonly string[]
  readonly methods: readonly string[]
  readonly configured: boolean
}

const userColumns: readonly Column<UserRow>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'GROUPS', cell: ({ groups }) => groups.join(', ') || '-' },
  { title: 'BY', cell: ({ methods }) => methods.join(', ') || 'tokens' },
  { title: 'FROM', cell: ({ configured }) => (configured ? 'configuration' : 'users add') },
]

interface TokenRow {
  readonly id: string
  readonly user: string
  readonly groups: readonly string[]
  readonly expiresAtMs: number
  readonly note: string
}

const tokenColumns: readonly Column<TokenRow>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'USER', cell: ({ user }) => user },
  { title: 'GROUPS', cell: ({ groups }) => groups.join(', ') || '-' },
  { title: 'ENDS', cell: ({ expiresAtMs }) => endsIn(expiresAtMs) },
  { title: 'NOTE', cell: ({ note }) => note || '-' },
]

function endsIn(expiresAtMs: number): string {
  if (expiresAtMs === 0) return 'never'
  const leftMs = expiresAtMs - Date.now()
  return leftMs <= 0 ? 'ended' : `in ${formatDuration(leftMs)}`
}
