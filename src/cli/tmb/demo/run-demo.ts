/** `msgbus tmb demo`: draws the state, sends what keys ask for, and follows what comes. */

import type { Command } from 'commander'
import { connect } from '../../../client/tmb/index.ts'
import type { TmbClient, TmbClientOptions } from '../../../client/tmb/index.ts'
import { BusError } from '../../../model/errors.ts'
import { UsageError } from '../../exit-codes.ts'
import type { Screen } from '../../screen.ts'
import type { Terminal } from '../../terminal.ts'
import { escapeControls } from '../../payload-text.ts'
import { tmbOptions } from '../tmb-session.ts'
import { demoLines } from './demo-lines.ts'
import {
  allMessages,
  demoPattern,
  firstState,
  onKey,
  onMessage,
  withLamp,
  withLog,
} from './demo-state.ts'
import type { DemoAction, DemoRow, DemoState } from './demo-state.ts'

/** Until `q` or Ctrl-C. @throws BusError when the server is not found at first */
export async function runDemo(command: Command, terminal: Terminal): Promise<void> {
  const { openScreen } = terminal
  if (openScreen === undefined || !terminal.stdinIsTerminal) {
    throw new UsageError('the demo needs a terminal; its page is at /demo/ of the daemon')
  }
  const demo = new Demo(terminal)
  await demo.run(await tmbOptions(command, terminal), openScreen)
}

class Demo {
  readonly #terminal: Terminal
  #state: DemoState = firstState
  #screen: Screen | undefined
  #client: TmbClient | undefined
  /** One drawing per turn, however much has come. */
  #scheduled: NodeJS.Immediate | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  async run(
    options: TmbClientOptions,
    openScreen: NonNullable<Terminal['openScreen']>,
  ): Promise<void> {
    const { signal } = this.#terminal
    // Before the screen is taken over: an error is read where errors are read.
    const client = await connect({
      ...options,
      reconnect: {},
      on: {
        reconnecting: ({ delayMs }) => {
          this.#connection(`lost, trying again in ${(delayMs / 1_000).toFixed(1)} s`)
        },
        connected: ({ address }) => this.#connection(`connected to ${address}`),
        subscriptionRefused: ({ subscription, error }) => {
          this.#change(withLamp(this.#state, subscription.id, 'off'))
          this.#remark(error.message)
        },
        messageRefused: ({ error }) => this.#remark(error.message),
        info: ({ code, text }) => this.#remark(`${code} ${text}`),
      },
    })
    this.#client = client
    const stop = () => void client.close()
    signal.addEventListener('abort', stop)
    this.#screen = await openScreen({
      onKey: (key) => {
        const [state, action] = onKey(this.#state, key)
        this.#change(state)
        this.#act(action).catch((error: unknown) => {
          if (error instanceof BusError) this.#remark(error.message)
          else throw error
        })
      },
      onResize: () => this.#draw(),
    })
    try {
      this.#connection(`connected to ${client.address}`)
      for await (const batch of client.batches()) {
        this.#change(batch.reduce((state, message) => onMessage(state, message), this.#state))
      }
    } finally {
      clearImmediate(this.#scheduled)
      this.#screen.close()
      signal.removeEventListener('abort', stop)
      await client.close()
    }
  }

  async #act(action: DemoAction): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    switch (action.do) {
      case 'none':
        return
      case 'quit':
        return client.close()
      case 'send':
        return this.#send(client, action.category, action.text)
      case 'sendAll': {
        const messages = allMessages(this.#state)
        if (messages.length === 0) this.#remark('nothing is known of the figures yet')
        for (const [category, text] of messages) await this.#send(client, category, text)
        return
      }
      case 'getLast': {
        this.#sent(`last regexp ${demoPattern}`)
        const messages = await client.last('regexp', demoPattern)
        if (messages.length === 0) this.#remark('the server remembers nothing of the figures')
        for (const message of messages) this.#change(onMessage(this.#state, message, true))
        return
      }
      case 'toggle': {
        const row = this.#state.rows[action.row]
        if (row !== undefined) await this.#toggle(client, row)
      }
    }
  }

  async #send(client: TmbClient, category: string, text: string): Promise<void> {
    this.#sent(`:${category} ${text}`)
    await client.publish(category, text)
  }

  async #toggle(client: TmbClient, { id, kind, pattern, lamp }: DemoRow): Promise<void> {
    // The reply decides; until then a second press asks for nothing.
    if (lamp === 'asked') return
    this.#change(withLamp(this.#state, id, 'asked'))
    try {
      if (lamp === 'on') {
        this.#sent(`unsubscribe ${id}`)
        await client.unsubscribe(id)
      } else {
        const how = this.#state.watches ? 'watch' : 'subscribe'
        this.#sent(`${how} ${id} ${kind} ${pattern}`)
        await client[how](kind, pattern, { id })
      }
    } catch (error) {
      this.#change(withLamp(this.#state, id, lamp))
      throw error
    }
    this.#change(withLamp(this.#state, id, lamp === 'on' ? 'off' : 'on'))
  }

  #connection(connection: string): void {
    this.#change({ ...this.#state, connection })
  }

  #sent(text: string): void {
    this.#change(withLog(this.#state, '>', text))
  }

  #remark(text: string): void {
    this.#change(withLog(this.#state, '!', escapeControls(text)))
  }

  #change(state: DemoState): void {
    if (state === this.#state) return
    this.#state = state
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined
      this.#draw()
    })
  }

  #draw(): void {
    const screen = this.#screen
    screen?.draw(demoLines(this.#state, screen.size, this.#terminal.colours))
  }
}
