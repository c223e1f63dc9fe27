/**
 * The rows of subscriptions: five fixed ones and one with free fields. Lamps follow the replies of the server, not the
 * buttons (spec/tmb.md 12.2, part 4).
 */

import { tmbLimits } from '../../src/wire/tmb/limits.ts'
import { tmbKinds } from '../../src/wire/tmb/words.ts'
import type { DemoSession } from './demo-session.ts'
import { copyOf, part, setText } from './page-part.ts'
import type { SubscriptionSpec } from './tmb-command.ts'
import { byteLength, whiteSpace } from './tmb-line.ts'

const fixedRows: readonly SubscriptionSpec[] = [
  { id: '1', kind: 'regexp', pattern: '.' },
  { id: '2', kind: 'begins-with', pattern: '/upper' },
  { id: '3', kind: 'ends-with', pattern: 'shape' },
  { id: '4', kind: 'contains', pattern: 'colour' },
  { id: '5', kind: 'is', pattern: '/upper/shape' },
]

/** Subscriptions without a row, made by hand, that are named. */
const maxOthers = 20

export class SubscriptionPanel {
  readonly #session: DemoSession
  readonly #rows: readonly Row[]
  readonly #also = part(document, '[data-testid=also]', HTMLElement)
  readonly #problem = part(document, '[data-testid=problem]', HTMLElement)

  constructor(session: DemoSession) {
    this.#session = session
    const fixed = fixedRows.map((spec) => new Row(session, spec.id, fixedFields(spec)))
    this.#rows = [...fixed, new Row(session, '6', new FreeFields(() => this.draw()))]
    part(document, '[data-part=rows]', HTMLElement).append(...this.#rows.map((row) => row.element))
    this.draw()
  }

  /** For those who do not see the lamps: `Subscription row 1: on` */
  get descriptions(): readonly string[] {
    return this.#rows.map((row) => row.description)
  }

  draw(): void {
    for (const row of this.#rows) row.draw()
    const shown = new Set(this.#rows.map((row) => describe(row.spec)))
    const others = this.#session.subscriptions.all.map(describe).filter((text) => !shown.has(text))
    this.#also.hidden = others.length === 0
    const more = others.length > maxOthers ? ' …' : ''
    setText(this.#also, `Also subscribed: ${others.slice(0, maxOthers).join(' · ')}${more}`)
    setText(this.#problem, this.#session.problem)
  }
}

/** What a row shows between lamp and buttons, and what it says of itself. */
interface Fields {
  readonly element: Element
  readonly spec: SubscriptionSpec
  setVerb(verb: string): void
}

class Row {
  readonly element = copyOf('subscription-row', HTMLFormElement)
  readonly #session: DemoSession
  readonly #number: string
  readonly #fields: Fields
  readonly #lamp = part(this.element, '.lamp', HTMLElement)
  readonly #count = part(this.element, '.count', HTMLElement)
  readonly #subscribe = part(this.element, '[data-part=subscribe]', HTMLButtonElement)
  readonly #unsubscribe = part(this.element, '[data-part=unsubscribe]', HTMLButtonElement)

  constructor(session: DemoSession, number: string, fields: Fields) {
    this.#session = session
    this.#number = number
    this.#fields = fields
    part(this.element, '.command', HTMLElement).replaceChildren(fields.element)
    this.#lamp.dataset['testid'] = `sub-${number}-lamp`
    this.#count.dataset['testid'] = `sub-${number}-count`
    this.#subscribe.dataset['testid'] = `sub-${number}-subscribe`
    this.#unsubscribe.dataset['testid'] = `sub-${number}-unsubscribe`
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      session.subscribe(fields.spec)
    })
    this.#unsubscribe.addEventListener('click', () => {
      if (this.element.reportValidity()) session.unsubscribe(fields.spec.id)
    })
  }

  get spec(): SubscriptionSpec {
    return this.#fields.spec
  }

  get description(): string {
    return `Subscription row ${this.#number}: ${this.#session.subscriptions.lampOf(this.spec.id)}`
  }

  draw(): void {
    const { id } = this.spec
    const entry = this.#session.subscriptions.get(id)
    const lamp = this.#session.subscriptions.lampOf(id)
    const verb = this.#session.isWatching ? 'watch' : 'subscribe'
    const name = describe(this.spec)
    this.#fields.setVerb(verb)
    this.element.setAttribute('aria-label', `Subscription ${name}`)
    this.#subscribe.setAttribute('aria-label', `Subscribe ${name}`)
    this.#unsubscribe.setAttribute('aria-label', `Unsubscribe ${id}`)
    this.#lamp.dataset['state'] = lamp
    setText(this.#lamp, lamp)
    const received = entry?.received ?? 0
    setText(this.#count, `${entry?.isAtLeast === true ? '≥ ' : ''}${received.toLocaleString('en')}`)
  }
}

function fixedFields(spec: SubscriptionSpec): Fields {
  const element = document.createElement('code')
  const setVerb = (verb: string) => setText(element, `${verb} ${describe(spec)}`)
  return { element, spec, setVerb }
}

class FreeFields implements Fields {
  readonly element = copyOf('free-fields', HTMLElement)
  readonly #verb = part(this.element, '[data-part=verb]', HTMLElement)
  readonly #id = part(this.element, '.id', HTMLInputElement)
  readonly #kind = part(this.element, 'select', HTMLSelectElement)
  readonly #pattern = part(this.element, '.pattern', HTMLInputElement)

  constructor(changed: () => void) {
    this.#kind.append(...tmbKinds.map((kind) => new Option(kind)))
    this.#id.dataset['testid'] = 'sub-6-id'
    this.#kind.dataset['testid'] = 'sub-6-kind'
    this.#pattern.dataset['testid'] = 'sub-6-pattern'
    this.element.addEventListener('input', () => {
      this.#id.setCustomValidity(faultOfId(this.#id.value))
      changed()
    })
  }

  get spec(): SubscriptionSpec {
    const kind = tmbKinds.find((known) => known === this.#kind.value) ?? 'is'
    return { id: this.#id.value, kind, pattern: this.#pattern.value }
  }

  setVerb(verb: string): void {
    setText(this.#verb, verb)
  }
}

/** An id with a blank would push kind and pattern one place on; what else is wrong the server says better. */
function faultOfId(id: string): string {
  const limit = tmbLimits.subscriptionIdBytes
  const fits = id !== '' && !whiteSpace.test(id) && byteLength(id) <= limit
  return fits ? '' : `An id has 1 to ${limit} bytes and no blanks.`
}

function describe({ id, kind, pattern }: SubscriptionSpec): string {
  return `${id} ${kind} ${pattern}`
}
