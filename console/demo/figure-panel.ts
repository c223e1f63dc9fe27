/** One figure and its buttons. The buttons send; what is drawn is what came back (spec/tmb.md 12.2). */

import type { DemoSession } from './demo-session.ts'
import {
  colourLine,
  colours,
  describeFigure,
  type FigureName,
  shapeLine,
  shapes,
} from './figures.ts'
import { button, copyOf, part } from './page-part.ts'

export class FigurePanel {
  readonly element = copyOf('figure-panel', HTMLElement)
  readonly #session: DemoSession
  readonly #name: FigureName
  readonly #title: string
  readonly #svg = part(this.element, 'svg', SVGSVGElement)
  readonly #drawing = part(this.element, 'g', SVGGElement)
  readonly #shapeButtons = new Map<string, HTMLButtonElement>()
  readonly #colourButtons = new Map<string, HTMLButtonElement>()

  constructor(session: DemoSession, name: FigureName) {
    this.#session = session
    this.#name = name
    this.#title = `${capital(name)} figure`
    part(this.element, 'h2', HTMLHeadingElement).textContent = this.#title
    this.element.setAttribute('aria-label', this.#title)
    this.#svg.dataset['testid'] = `${name}-figure`
    for (const shape of shapes) this.#addButton('shape', shape, shapeLine(name, shape))
    for (const colour of colours) this.#addButton('colour', colour, colourLine(name, colour))
    this.draw()
  }

  /** `Upper figure: red circle` */
  get description(): string {
    return `${this.#title}: ${describeFigure(this.#session.figures.get(this.#name))}`
  }

  draw(): void {
    const { shape, colour } = this.#session.figures.get(this.#name)
    this.#svg.dataset['shape'] = shape ?? 'unknown'
    this.#svg.dataset['colour'] = colour ?? 'unknown'
    this.#svg.setAttribute('aria-label', this.description)
    // Through properties: what strangers sent never becomes markup.
    this.#drawing.style.setProperty('--figure-colour', colour ?? null)
    mark(this.#shapeButtons, shape)
    mark(this.#colourButtons, colour?.toLowerCase())
  }

  #addButton(property: 'shape' | 'colour', value: string, line: string): void {
    const element = button(capital(value), {
      name: `${capital(value)}, ${this.#title.toLowerCase()}`,
      testId: `${this.#name}-${property}-${value}`,
    })
    element.addEventListener('click', () => this.#session.send([line]))
    const group = part(this.element, `[data-part=${property}s]`, HTMLElement)
    group.setAttribute('aria-label', `${this.#title}, ${property}`)
    if (property === 'colour') {
      const swatch = document.createElement('span')
      swatch.className = 'swatch'
      swatch.dataset['colour'] = value
      element.prepend(swatch)
    }
    group.append(element)
    const known = property === 'shape' ? this.#shapeButtons : this.#colourButtons
    known.set(value, element)
  }
}

/** Highlights the button of the value in force. */
function mark(buttons: ReadonlyMap<string, HTMLButtonElement>, current: string | undefined): void {
  for (const [value, element] of buttons)
    element.setAttribute('aria-pressed', String(value === current))
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
