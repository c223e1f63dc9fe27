/**
 * Figures with their spread. Every measurement runs several rounds, the variants in turn, each in a
 * fresh process; what is printed is the median with the smallest and the largest. Ratios are taken
 * round by round, so that a slow moment of the machine meets both sides.
 */

import { cpus, release } from 'node:os'

export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN
  return { median: at(0.5), min: at(0), max: at(1) }
}

/** The ratio of two series, round by round. */
export function ratioOf(above: readonly number[], below: readonly number[]): Figure {
  return figureOf(above.map((value, i) => value / (below[i] ?? Number.NaN)))
}

/** `12,300 (11,900 … 12,800)`; small figures keep their digits. */
export function showFigure(figure: Figure): string {
  return `${showNumber(figure.median)} (${showNumber(figure.min)} … ${showNumber(figure.max)})`
}

export function showNumber(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** Runs every variant once per round, in turn; returns the results of each by name. */
export async function inTurn<Name extends string, Result>(
  rounds: number,
  variants: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(variants) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Result[]
  >
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      progress(`round ${round + 1} of ${rounds}: ${name}`)
      results[name].push(await variants[name]())
    }
  }
  progress('')
  return results
}

/** One line on a terminal, overwritten by the next; nothing elsewhere. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

export function heading(text: string): void {
  process.stdout.write(`\n${text}\n${'-'.repeat(text.length)}\n`)
}

export function row(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(46)} ${value}\n`)
}

/** What the figures were taken on. */
export function machine(): string {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`
}
