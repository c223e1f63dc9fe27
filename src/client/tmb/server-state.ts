/**
 * What the server should know of a client: who it is, its options and its subscriptions. Changed when the
 * server has accepted a change, and set up anew on a new connection.
 */

import { BusError } from '../../model/errors.ts'
import type { TmbKind } from '../../wire/tmb/words.ts'
import { checkedId, checkedPattern, checkedWord, checkedWords } from './checked-line.ts'
import type { CommandOptions, Connection } from './connection.ts'
import { lastNumber } from './reply.ts'
import { TmbError } from './tmb-error.ts'
import type { TmbAuth, TmbOptionValues, TmbSubscription } from './tmb-options.ts'

export interface SubscribeOptions extends CommandOptions {
  /** 1 to 64 bytes without white space; default: a number that is not in use. */
  readonly id?: string | undefined
}

export interface RefusedSubscription {
  readonly subscription: TmbSubscription
  readonly error: TmbError
}

export class ServerState {
  readonly #auth: readonly string[] | undefined
  readonly #options = new Map<string, string>()
  readonly #subscriptions = new Map<string, TmbSubscription>()
  #lastId = 0

  /** @throws BusError `invalid_argument` */
  constructor(auth: TmbAuth | undefined, options: TmbOptionValues = {}) {
    this.#auth = auth === undefined ? undefined : authWords(auth)
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined) this.#options.set(...checkedOption(name, value))
    }
  }

  get subscriptions(): readonly TmbSubscription[] {
    return [...this.#subscriptions.values()]
  }

  /** @returns the id, and for a watch how many messages come first */
  async subscribe(
    connection: Connection,
    wanted: {
      readonly kind: TmbKind
      readonly pattern: Uint8Array | string
      readonly isWatch: boolean
    },
    options: SubscribeOptions = {},
  ): Promise<{ readonly id: string; readonly snapshot: number }> {
    const { kind, isWatch } = wanted
    // The program may use its bytes for something else.
    const pattern = Uint8Array.from(checkedPattern(kind, wanted.pattern))
    const id = options.id === undefined ? this.#freeId() : checkedId(options.id)
    const subscription = { id, kind, pattern, isWatch }
    const snapshot = await send(connection, subscription, options)
    this.#subscriptions.set(id, subscription)
    return { id, snapshot }
  }

  async unsubscribe(connection: Connection, id: string, options?: CommandOptions): Promise<void> {
    const isAll = id === '*'
    await connection.command('unsubscribe', [isAll ? id : checkedId(id)], options)
    if (isAll) this.#subscriptions.clear()
    else this.#subscriptions.delete(id)
  }

  async setOption(
    connection: Connection,
    name: string,
    value: string,
    options?: CommandOptions,
  ): Promise<void> {
    await connection.command('option', checkedOption(name, value), options)
    this.#options.set(name, value)
  }

  /**
   * Sets everything up on a new connection; all commands leave together.
   * @returns the subscriptions that the server does not allow any more, which are given up
   * @throws BusError when anything else fails
   */
  async restore(connection: Connection): Promise<readonly RefusedSubscription[]> {
    if (this.#auth !== undefined) await connection.command('auth', this.#auth)
    const options = [...this.#options].map((words) => connection.command('option', words))
    const subscriptions = this.subscriptions.map(async (subscription) => {
      try {
        await send(connection, subscription, {})
        return []
      } catch (error) {
        if (!(error instanceof TmbError)) throw error
        this.#subscriptions.delete(subscription.id)
        return [{ subscription, error }]
      }
    })
    const [refused] = await Promise.all([Promise.all(subscriptions), Promise.all(options)])
    return refused.flat()
  }

  #freeId(): string {
    do this.#lastId += 1
    while (this.#subscriptions.has(String(this.#lastId)))
    return String(this.#lastId)
  }
}

async function send(
  connection: Connection,
  { id, kind, pattern, isWatch }: TmbSubscription,
  options: CommandOptions,
): Promise<number> {
  const word = isWatch ? 'watch' : 'subscribe'
  const { rest } = await connection.command(word, [id, kind, pattern], options)
  return isWatch ? lastNumber(rest) : 0
}

/** @throws BusError `invalid_argument/bad_argument` */
function checkedOption(name: string, value: string): readonly [name: string, value: string] {
  if (name === 'replies') {
    const text = 'without replies this client could not tell what became of its commands'
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  return [checkedWord('the option', name), checkedWord(`option ${name}`, value)]
}

function authWords(auth: TmbAuth): readonly string[] {
  return 'token' in auth
    ? ['token', checkedWord('the token', auth.token)]
    : ['plain', checkedWord('the user', auth.user), checkedWords('the password', auth.password)]
}
