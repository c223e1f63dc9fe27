/**
 * The log of lines on the page: the newest at the bottom, at most 200. While it is paused it stands still, so that it can
 * be read; what comes meanwhile is counted.
 */

import type { DemoSession } from './demo-session.ts'
import { part, setText } from './page-part.ts'
import { visibleText } from './tmb-line.ts'
import { type Direction, maxTrafficEntries, type TrafficEntry } from './traffic-log.ts'

const arrows: Readonly<Record<Direction, { arrow: string; word: string }>> = {
  in: { arrow: '←', word: 'in' },
  out: { arrow: '→', word: 'out' },
  note: { arrow: '·', word: 'note' },
}

/** Nearer to the end than this, it goes on showing the end. */
const endPixels = 24

export class TrafficPanel {
  readonly #session: DemoSession
  readonly #list = part(document, '[data-testid=log]', HTMLOListElement)
  readonly #scroller = part(document, '[data-part=log]', HTMLElement)
  readonly #pause = part(document, '[data-testid=log-pause]', HTMLButtonElement)
  readonly #held = part(document, '[data-testid=held]', HTMLElement)
  /** Number of the last entry that is on the page. */
  #drawn = 0
  #isPaused = false

  constructor(session: DemoSession) {
    this.#session = session
    this.#pause.addEventListener('click', () => {
      this.#isPaused = !this.#isPaused
      this.draw()
    })
    part(document, '[data-testid=log-clear]', HTMLButtonElement).addEventListener('click', () => {
      this.#drawn = session.traffic.count
      this.#list.replaceChildren()
      session.clearTraffic()
    })
  }

  draw(): void {
    const { traffic } = this.#session
    const missing = traffic.count - this.#drawn
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused))
    setText(this.#held, this.#isPaused ? `paused, ${missing.toLocaleString('en')} more since` : '')
    if (this.#isPaused || missing === 0) return
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    const isAtEnd = scrollHeight - scrollTop - clientHeight < endPixels
    const fresh = traffic.entries.filter(({ number }) => number > this.#drawn)
    this.#list.append(...fresh.map(itemOf))
    while (this.#list.childElementCount > maxTrafficEntries) this.#list.firstElementChild?.remove()
    this.#drawn = traffic.count
    if (isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }
}

function itemOf({ atMs, direction, line }: TrafficEntry): HTMLLIElement {
  const item = document.createElement('li')
  item.dataset['direction'] = direction
  const time = document.createElement('time')
  const at = new Date(atMs)
  time.dateTime = at.toISOString()
  time.textContent = clockTime(at)
  const text = document.createElement('span')
  text.className = 'text'
  text.textContent = visibleText(line)
  if (direction === 'in' && text.textContent.startsWith('error ')) item.dataset['error'] = ''
  item.append(time, arrowOf(direction), text)
  return item
}

/** An arrow for the eye, a word for who listens. */
function arrowOf(direction: Direction): HTMLSpanElement {
  const { arrow, word } = arrows[direction]
  const element = document.createElement('span')
  element.className = 'arrow'
  element.setAttribute('role', 'img')
  element.setAttribute('aria-label', word)
  element.textContent = arrow
  return element
}

/** `17:03:59.042`, local. */
function clockTime(at: Date): string {
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((unit) => digits(unit, 2))
  return `${clock.join(':')}.${digits(at.getMilliseconds(), 3)}`
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}
