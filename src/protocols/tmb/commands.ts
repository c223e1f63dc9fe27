/**
 * What each command of TMB does (spec/tmb 3, 6). Commands are rare beside messages, so they work on text; text is bytes
 * here, each character one.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Identity } from '../../model/identity.ts'
import { formatNodeId } from '../../model/node-id.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'
import {
  expandWord,
  type TmbCommand,
  tmbCommands,
  type TmbOption,
  tmbOptions,
} from '../../wire/tmb/words.ts'
import type { Admission, Newcomer } from '../admission.ts'
import { CommandError, CommandLine, commandWords, shown } from './command-line.ts'
import { lineOfMessage } from './line-writer.ts'
import type { OutputQueue } from './output-queue.ts'
import type { Regexps } from './regexps.ts'
import { type Pattern, releasePattern, type Subscriptions, takePattern } from './subscriptions.ts'
import { categoryOf, toByteString } from './translate.ts'

/** The connection that gave the command. */
export interface CommandClient {
  readonly bus: Bus
  readonly client: BusClient
  readonly subscriptions: Subscriptions
  readonly regexps: Regexps
  readonly output: OutputQueue
  readonly options: ConnectionOptions
  readonly version: string
  /** An `ok` line without its end. */
  accept(text: string): void
  /** Writes what there is and closes. */
  quit(): void
  /**
   * Asks who it is; lines wait meanwhile, and the answer comes by itself.
   * @throws CommandError where secrets are not taken
   */
  authenticate(prove: (admission: Admission, newcomer: Newcomer) => Promise<Identity>): void
}

export type ConnectionOptions = Record<TmbOption, string>

/** What a connection begins with. */
export function defaultOptions(): ConnectionOptions {
  const { echo, replies, remote, binary } = tmbOptions
  return { echo: echo[0], replies: replies[0], remote: remote[0], binary: binary[0] }
}

type Run = (on: CommandClient, line: CommandLine) => void

/** @throws CommandError, RegexpError, BusError; nothing has changed then */
export function runCommand(command: TmbCommand, on: CommandClient, line: CommandLine): void {
  commands[command](on, line)
}

const commands: Readonly<Record<TmbCommand, Run>> = {
  subscribe: (on, line) => {
    const { id, pattern } = newSubscription(on, line)
    on.accept(`subscribe ${id} ${setSubscription(on, id, pattern)}`)
  },

  watch: (on, line) => {
    const { id, pattern } = newSubscription(on, line)
    const lines = attempt(on, pattern, () => snapshot(on, 'watch', bounded(pattern)))
    const outcome = setSubscription(on, id, pattern)
    on.accept(`watch ${id} ${outcome} ${lines.length}`)
    for (const one of lines) on.output.answer(one)
  },

  unsubscribe: (on, line) => {
    const id = line.idOrAll()
    line.end()
    // What was kept for a slow reader belongs in front of the reply.
    on.output.settle()
    if (id === '*') on.accept(`unsubscribe * ${on.subscriptions.clear()}`)
    else if (on.subscriptions.delete(id)) on.accept(`unsubscribe ${id}`)
    else throw new CommandError('no-such-subscription', `nothing was subscribed as ${id}`)
  },

  last: (on, line) => {
    const lines = withPattern(on, line, (pattern) => snapshot(on, 'last', pattern))
    on.accept(`last ${lines.length}`)
    for (const one of lines) on.output.answer(one)
  },

  forget: (on, line) => {
    const count = withPattern(on, line, ({ filter }) => on.client.live.forgetLast(filter))
    on.accept(`forget ${count}`)
  },

  categories: (on, line) => {
    const items = withPattern(on, line, ({ filter }) => {
      const topics = on.client.live.knownTopics(filter)
      return topics.map(({ name }) => `item categories ${categoryOf(name)}\n`)
    })
    list(on, 'categories', items)
  },

  mine: (on, line) => {
    line.end()
    const items: string[] = []
    for (const [id, { kind, text }] of on.subscriptions.entries()) {
      items.push(`item mine ${id} ${kind} ${text}\n`)
    }
    list(on, 'mine', items)
  },

  auth: (on, line) => {
    const scheme = line.required('the scheme').toLowerCase()
    if (scheme === 'token') {
      const token = line.required('the token')
      line.end()
      on.authenticate(async (admission, newcomer) => admission.byToken(fromBytes(token), newcomer))
    } else if (scheme === 'plain') {
      const user = fromBytes(line.required('the user'))
      const password = fromBytes(line.rest())
      if (password === '') throw new CommandError('missing-argument', 'the password is missing')
      on.authenticate(async (admission, newcomer) => admission.byPassword(user, password, newcomer))
    } else throw new CommandError('bad-option', 'the scheme is token or plain')
  },

  option: (on, line) => {
    const name = line.required('the name')
    const value = line.required('the value')
    line.end()
    setOption(on, name.toLowerCase(), value.toLowerCase())
  },

  ping: (on, line) => {
    const text = line.rest()
    const most = tmbLimits.replyBytes - 'ok ping \n'.length
    if (text.length > most) {
      const why = `the text has ${text.length} bytes, an answer has room for ${most}`
      throw new CommandError('line-too-long', why)
    }
    on.accept(text === '' ? 'ping' : `ping ${text}`)
  },

  version: (on, line) => {
    line.end()
    const node = toByteString(formatNodeId(on.bus.node))
    on.accept(`version tmb/1 msgbus/${on.version} ${node}`)
  },

  help: (on, line) => {
    const asked = line.word()
    line.end()
    const one = asked === '' ? undefined : expandWord(commandWords, asked)
    if (asked !== '' && one === undefined) {
      throw new CommandError('unknown-command', `no command begins with ${shown(asked)}`)
    }
    const words = one === undefined ? commandWords : [one]
    const items = words.map((word) => `item help ${`${word} ${tmbCommands[word]}`.trimEnd()}\n`)
    list(on, 'help', items)
  },

  quit: (on, line) => {
    line.end()
    on.accept('quit')
    on.quit()
  },
}

/** The words of a line are bytes; secrets are texts. */
function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

interface NewSubscription {
  readonly id: string
  readonly pattern: Pattern
}

/** Id and pattern of a subscription that may be made. */
function newSubscription(on: CommandClient, line: CommandLine): NewSubscription {
  const id = line.id()
  const { kind, text } = line.pattern()
  const { subscriptions } = on
  const most = tmbLimits.subscriptionsPerClient
  if (subscriptions.size >= most && !subscriptions.has(id)) {
    throw new CommandError('too-many-subscriptions', `there are ${most}, which is the limit`)
  }
  return { id, pattern: takePattern(kind, text, on.regexps) }
}

function setSubscription(on: CommandClient, id: string, pattern: Pattern): 'added' | 'replaced' {
  return attempt(on, pattern, () => on.subscriptions.set(id, pattern))
}

/** Gives the pattern back when the operation fails. */
function attempt<Result>(on: CommandClient, pattern: Pattern, operation: () => Result): Result {
  try {
    return operation()
  } catch (error) {
    releasePattern(pattern, on.regexps)
    throw error
  }
}

function withPattern<Result>(
  on: CommandClient,
  line: CommandLine,
  use: (pattern: Pattern) => Result,
): Result {
  const { kind, text } = line.pattern()
  const pattern = takePattern(kind, text, on.regexps)
  try {
    return use(bounded(pattern))
  } finally {
    releasePattern(pattern, on.regexps)
  }
}

/** The same pattern for a question about all categories, which is not to take long. */
function bounded(pattern: Pattern): Pattern {
  const { regexp, filter } = pattern
  if (regexp === undefined || regexp.hasTable) return pattern
  return { ...pattern, filter: { ...filter, matches: regexp.boundedTest() } }
}

/** Last values as lines, with room made for them. */
function snapshot(on: CommandClient, command: TmbCommand, { filter }: Pattern): Uint8Array[] {
  const lines: Uint8Array[] = []
  let bytes = 0
  for (const message of on.client.live.lastValues(filter)) {
    const line = lineOfMessage(message, on.options.binary === 'base64')
    if (line === undefined) continue
    lines.push(line)
    bytes += line.length
  }
  on.output.settle()
  requireRoom(on, command, bytes)
  return lines
}

/** The answer to a command that lists something. */
function list(on: CommandClient, command: TmbCommand, items: readonly string[]): void {
  const text = items.join('')
  requireRoom(on, command, text.length)
  on.accept(`${command} ${items.length}`)
  for (const item of items) on.output.reply(item)
}

function requireRoom(on: CommandClient, command: TmbCommand, bytes: number): void {
  if (on.output.admits(bytes)) return
  const text = `the answer to ${command} has ${bytes} bytes, and too much is waiting to be read; ask for less`
  throw new CommandError('store-failed', text)
}

function setOption(on: CommandClient, name: string, value: string): void {
  const known: readonly string[] = Object.hasOwn(tmbOptions, name)
    ? tmbOptions[name as TmbOption]
    : []
  if (known.length === 0) {
    const names = Object.keys(tmbOptions).join(' ')
    throw new CommandError('bad-option', `${shown(name)} is not one of ${names}`)
  }
  if (!known.includes(value)) {
    throw new CommandError('bad-option', `${name} is ${known.join(' or ')}`)
  }
  // Switching replies off is confirmed, and so is switching them on.
  if (name === 'replies') on.options.replies = 'on'
  on.accept(`option ${name} ${value}`)
  on.options[name as TmbOption] = value
}
