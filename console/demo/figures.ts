/**
 * The two figures, and what messages make of them (spec/tmb.md 12.1). Only messages that come back from the bus get
 * here; shape and colour are known separately. No page: whether a text is a colour is asked of whoever knows.
 */

import { type PeerMessage, trimmed } from './tmb-line.ts'

export const figureNames = ['upper', 'lower'] as const
export const shapes = ['circle', 'square', 'triangle'] as const
export const colours = ['red', 'green', 'blue'] as const

export type FigureName = (typeof figureNames)[number]
export type Shape = (typeof shapes)[number]

/** What is undefined is not known yet. */
export interface Figure {
  readonly shape: Shape | undefined
  /** As it was sent, without white space around it. */
  readonly colour: string | undefined
}

/** `not-ours`: a category of somebody else. `not-understood`: one of ours, with a word that is no shape or colour. */
export type Outcome = 'applied' | 'not-ours' | 'not-understood'

const unknown: Figure = { shape: undefined, colour: undefined }

export class Figures {
  readonly #isColour: (text: string) => boolean
  readonly #figures: Record<FigureName, Figure> = { upper: unknown, lower: unknown }

  constructor(isColour: (text: string) => boolean) {
    this.#isColour = isColour
  }

  get(name: FigureName): Figure {
    return this.#figures[name]
  }

  apply({ category, rest }: PeerMessage): Outcome {
    const name = figureNames.find((figure) => category.startsWith(`/${figure}/`))
    if (name === undefined) return 'not-ours'
    const value = trimmed(rest)
    if (category === shapeCategory(name)) {
      const shape = shapes.find((known) => known === value.toLowerCase())
      if (shape === undefined) return 'not-understood'
      this.#figures[name] = { ...this.#figures[name], shape }
      return 'applied'
    }
    if (category !== colourCategory(name)) return 'not-ours'
    if (!this.#isColour(value)) return 'not-understood'
    this.#figures[name] = { ...this.#figures[name], colour: value }
    return 'applied'
  }

  /** The lines that describe them, for instances that were started later. What is unknown here has none. */
  lines(): string[] {
    return figureNames.flatMap((name) => {
      const { shape, colour } = this.#figures[name]
      return [
        ...(shape === undefined ? [] : [shapeLine(name, shape)]),
        ...(colour === undefined ? [] : [colourLine(name, colour)]),
      ]
    })
  }
}

export function shapeLine(name: FigureName, shape: string): string {
  return `:${shapeCategory(name)} ${shape}`
}

export function colourLine(name: FigureName, colour: string): string {
  return `:${colourCategory(name)} ${colour}`
}

/** For people: `red circle`, `unknown`. */
export function describeFigure({ shape, colour }: Figure): string {
  if (shape === undefined && colour === undefined) return 'unknown'
  if (shape === undefined) return `${colour} (shape unknown)`
  return colour === undefined ? `${shape} (colour unknown)` : `${colour} ${shape}`
}

function shapeCategory(name: FigureName): string {
  return `/${name}/shape`
}

function colourCategory(name: FigureName): string {
  return `/${name}/colour`
}
