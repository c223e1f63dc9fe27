/**
 * The demo page of the text bus (spec/tmb.md 12): puts the parts together and draws them when something changed. What is
 * known stands in DemoSession; each panel draws its part of it.
 */

import { Announcer } from './announcer.ts'
import { browserSurroundings, isColour } from './browser-surroundings.ts'
import { type ConnectionState, DemoSession } from './demo-session.ts'
import { FigurePanel } from './figure-panel.ts'
import { figureNames } from './figures.ts'
import { part, setText } from './page-part.ts'
import { connectRawLine } from './raw-line.ts'
import { applyRememberedTheme } from './remembered-theme.ts'
import { SubscriptionPanel } from './subscription-panel.ts'
import { TrafficPanel } from './traffic-panel.ts'

/** The page is drawn at once, but not again within this time: a busy bus shall not keep it from answering keys. */
const drawingPauseMs = 50

applyRememberedTheme()

let drawAgain = (): void => {}

const session = new DemoSession({
  ...browserSurroundings,
  nowMs: () => Date.now(),
  isColour,
  changed: () => drawAgain(),
})

const figures = figureNames.map((name) => new FigurePanel(session, name))
part(document, '[data-part=figures]', HTMLElement).append(...figures.map((panel) => panel.element))
const subscriptions = new SubscriptionPanel(session)
const traffic = new TrafficPanel(session)
connectRawLine(session)
const announcer = new Announcer(
  part(document, '[data-testid=announcement]', HTMLElement),
  // Without the seconds, which would never let anybody else speak.
  () => [
    session.connection.state === 'lost'
      ? 'connection lost'
      : describeConnection(session.connection),
    ...figures.map((panel) => panel.description),
    ...subscriptions.descriptions,
  ],
)

const connection = part(document, '[data-testid=connection]', HTMLElement)
const watch = part(document, '[data-testid=watch]', HTMLInputElement)

onClick('reconnect', () => session.connect())
onClick('send-all', () => session.sendAll())
onClick('get-last', () => session.getLastValues())
watch.addEventListener('change', () => {
  session.isWatching = watch.checked
  subscriptions.draw()
})
// Whoever comes back to the page, or to the network, shall not have to wait.
window.addEventListener('online', () => session.hurry())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') session.hurry()
})

// A browser that restores fields after reloading has changed it already.
session.isWatching = watch.checked
drawAgain = drawingAfterPauses(() => {
  connection.dataset['state'] = session.connection.state
  setText(connection, describeConnection(session.connection))
  for (const panel of figures) panel.draw()
  subscriptions.draw()
  traffic.draw()
  announcer.update()
})
session.connect()

function onClick(testId: string, task: () => void): void {
  part(document, `[data-testid=${testId}]`, HTMLButtonElement).addEventListener('click', task)
}

function describeConnection(now: ConnectionState): string {
  switch (now.state) {
    case 'connecting':
      return 'connecting'
    case 'connected':
      return `connected to ${now.node}`
    case 'lost':
      return `lost, retrying in ${now.retryInSeconds} s`
  }
}

/**
 * By timers and not by frames, since pages in the background get none and shall be right when they are looked at. The
 * first change draws at the end of its task, so that it is whole.
 */
function drawingAfterPauses(draw: () => void): () => void {
  let isResting = false
  let isStale = false
  const drawAndRest = () => {
    isStale = false
    isResting = true
    setTimeout(() => {
      isResting = false
      if (isStale) drawAndRest()
    }, drawingPauseMs)
    draw()
  }
  return () => {
    if (!isStale && !isResting) queueMicrotask(drawAndRest)
    isStale = true
  }
}
