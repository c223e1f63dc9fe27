/** Results of several brokers over several rounds, of which some may have failed. */

import { type Figure, figureOf, ratioOf, showFigure } from '../figures.ts'
import type { BrokerName } from './brokers.ts'

/** One broker in one round: what was measured, or why nothing was. A crash may leave both. */
export interface Run<Result> {
  readonly result?: Result | undefined
  readonly failure?: string | undefined
}

/** Runs by broker; the place in the list is the round. */
export type Comparison<Result> = ReadonlyMap<BrokerName, readonly Run<Result>[]>

/** One value per round; undefined where there is none. */
type Values = readonly (number | undefined)[]

export function valuesOf<Result>(
  runs: readonly Run<Result>[] | undefined,
  pick: (result: Result) => number | undefined,
): Values {
  return (runs ?? []).map(({ result }) => (result === undefined ? undefined : pick(result)))
}

export function showValues(values: Values): string {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? '–' : showFigure(figureOf(known))
}

/** Round by round, over those rounds that both have; undefined without any. */
export function ratioOfValues(above: Values, below: Values): Figure | undefined {
  const pairs = above.flatMap((value, i) => {
    const other = below[i]
    return value === undefined || other === undefined ? [] : [{ value, other }]
  })
  if (pairs.length === 0) return undefined
  return ratioOf(
    pairs.map(({ value }) => value),
    pairs.map(({ other }) => other),
  )
}

/** `2.31 (2.20 … 2.40) ×`, or nothing. */
export function showRatio(above: Values, below: Values): string {
  const ratio = ratioOfValues(above, below)
  return ratio === undefined ? '' : `${showFigure(ratio)} ×`
}

/** `2 of 5`, or nothing when none failed. */
export function showFailures(runs: readonly Run<unknown>[] | undefined): string {
  const failed = (runs ?? []).filter(({ failure }) => failure !== undefined).length
  return failed === 0 ? '' : `${failed} of ${runs?.length}`
}

/** The brokers of a round in turn; who begins changes, so that nobody always runs first. */
export function inTurn(brokers: readonly BrokerName[], round: number): BrokerName[] {
  const first = round % Math.max(1, brokers.length)
  return [...brokers.slice(first), ...brokers.slice(0, first)]
}
