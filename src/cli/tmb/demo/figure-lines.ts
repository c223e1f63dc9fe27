/**
 * A figure drawn with characters: of its colour's first letter, so that it can be told without colours.
 * What is not known yet is a dashed square with the word in it.
 */

import type { Figure, Shape } from './demo-state.ts'

/** Every line has exactly `columns` characters. */
export function figureLines(figure: Figure, columns: number, rows: number): string[] {
  const { shape, colour } = figure
  if (shape === undefined) return unknownLines(columns, rows)
  const letter = colour === undefined ? '?' : colour.charAt(0).toUpperCase()
  return Array.from({ length: rows }, (_, row) => {
    const y = ((row + 0.5) / rows) * 2 - 1
    const cells = Array.from({ length: columns }, (_unused, column) => {
      // A character is about twice as high as it is wide; the figure stands in the middle.
      const x = (column + 0.5 - columns / 2) / rows
      return isInside(shape, x, y) ? letter : ' '
    })
    return cells.join('')
  })
}

/** In a square from -1 to 1 both ways. */
function isInside(shape: Shape, x: number, y: number): boolean {
  switch (shape) {
    case 'circle':
      return x * x + y * y <= 1
    case 'square':
      return Math.abs(x) <= 0.9 && Math.abs(y) <= 0.9
    case 'triangle':
      // A little more than half, or the tip would be too thin for a character.
      return Math.abs(x) <= (y + 1.02) / 2
  }
}

function unknownLines(columns: number, rows: number): string[] {
  const width = Math.min(columns, rows * 2)
  const inner = Math.max(0, width - 2)
  const edge = '- '.repeat(width).slice(0, width)
  const lines = Array.from({ length: rows }, (_, row) => {
    if (row === 0 || row === rows - 1) return edge
    const side = row % 2 === 0 ? '|' : ' '
    const inside = row === rows >> 1 ? centred('unknown', inner) : ' '.repeat(inner)
    return `${side}${inside}${side}`
  })
  return lines.map((line) => centred(line, columns))
}

/** @param width of the result */
export function centred(text: string, width: number): string {
  const shown = text.slice(0, Math.max(0, width))
  const left = (width - shown.length) >> 1
  return `${' '.repeat(left)}${shown}${' '.repeat(width - shown.length - left)}`
}
