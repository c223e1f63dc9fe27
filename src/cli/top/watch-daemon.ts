/** Runs `msgbus top`: looks at the daemon at intervals and draws, or prints, what it sees. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { MsgbusClient } from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { jsonText } from '../json-text.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import { DaemonWatch } from './daemon-watch.ts'
import { activeExtent, topLines } from './top-lines.ts'
import type { TopPicture } from './top-lines.ts'
import { TopMeter } from './top-meter.ts'
import type { TopState } from './top-meter.ts'
import { firstView, viewAfter } from './top-view.ts'

export interface TopOptions extends GlobalOptions {
  /** Milliseconds between two looks. */
  readonly interval: number
  /** How many looks; without, until told to stop. */
  readonly count?: number
}

/** Until Ctrl-C, or as many intervals as asked for. @throws BusError when the first look fails */
export async function watchDaemon(
  client: MsgbusClient,
  options: TopOptions,
  terminal: Terminal,
): Promise<void> {
  if (options.json === true || terminal.openScreen === undefined) {
    await printStates(client, options, terminal)
  } else {
    await drawStates(client, options, terminal, terminal.openScreen)
  }
}

/** One object per interval, each with rates. */
async function printStates(
  client: MsgbusClient,
  { interval, count = Number.POSITIVE_INFINITY }: TopOptions,
  terminal: Terminal,
): Promise<void> {
  const { signal } = terminal
  const watch = new DaemonWatch(client, signal)
  const meter = new TopMeter()
  meter.measure(await watch.read(), Date.now())
  let left = count
  while (left > 0 && (await pause(interval, signal))) {
    const state = await tryRead(watch, meter, signal)
    if (state instanceof BusError) {
      terminal.writeError(`${state.message}; trying again\n`)
    } else if (state !== undefined) {
      await terminal.write(`${jsonText(state)}\n`)
      left -= 1
    }
  }
}

async function drawStates(
  client: MsgbusClient,
  { server, interval, count = Number.POSITIVE_INFINITY }: TopOptions,
  terminal: Terminal,
  openScreen: NonNullable<Terminal['openScreen']>,
): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([terminal.signal, stop.signal])
  const watch = new DaemonWatch(client, signal)
  const meter = new TopMeter()
  // Before the screen is taken over: an error of the first look is read where errors are read.
  const first = meter.measure(await watch.read(), Date.now())
  let picture: TopPicture = { state: first, view: firstView, server, problem: undefined }
  const draw = () => screen.draw(topLines(picture, screen.size, terminal.colours))
  const screen = await openScreen({
    onKey(key) {
      const view = viewAfter(picture.view, key, activeExtent(picture, screen.size))
      if (view === 'quit') return stop.abort()
      picture = { ...picture, view }
      draw()
    },
    onResize: draw,
  })
  try {
    draw()
    let left = count - 1
    while (left > 0 && (await pause(interval, signal))) {
      if (picture.view.paused) continue
      const state = await tryRead(watch, meter, signal)
      if (state === undefined) break
      // Whoever paused meanwhile wants to see what was there.
      if (picture.view.paused) continue
      if (state instanceof BusError) {
        picture = { ...picture, problem: `${state.message}; trying again` }
      } else {
        picture = { ...picture, state, problem: undefined }
        left -= 1
      }
      draw()
    }
  } finally {
    screen.close()
  }
}

/** Undefined when it was told to stop, the error when the daemon does not answer for now. */
async function tryRead(
  watch: DaemonWatch,
  meter: TopMeter,
  signal: AbortSignal,
): Promise<TopState | BusError | undefined> {
  try {
    return meter.measure(await watch.read(), Date.now())
  } catch (error) {
    if (signal.aborted) return undefined
    const isPassing =
      error instanceof BusError &&
      (error.code === 'unavailable' || error.code === 'deadline_exceeded')
    if (isPassing) return error
    throw error
  }
}

/** False when it was told to stop. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal })
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
