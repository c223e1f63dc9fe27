/** What the reference's `benchmark` command prints, read back. */

export interface ToolOutput {
  /** Operations per second of each stage that was completed, by name. */
  readonly rates: ReadonlyMap<string, number>
  /** The stage that was begun and not completed. */
  readonly unfinished: string | undefined
  /** The table of all stages came: the tool got to its end. */
  readonly isComplete: boolean
}

const started = /^!!! stage started: (\S+)/
const completed = /^\*\*\* stage completed: (\S+) \(([\d_]+) iters, ([\d.]+) secs\)/
const tableHead = /^\s*stage\s+iters\s+secs\s+msecs\s+iters\/s/
const tableRow = /^\s*(\S+)\s+[\d_]+\s+[\d.]+\s+[\d.]+\s+([\d_]+)\s*$/

/** Whole output or, when the tool crashed, what came of it. */
export function parseToolOutput(text: string): ToolOutput {
  const rates = new Map<string, number>()
  let unfinished: string | undefined
  let isInTable = false
  for (const line of text.split('\n')) {
    const [, startedStage] = started.exec(line) ?? []
    if (startedStage !== undefined) unfinished = startedStage
    const [, stage, iterations, seconds] = completed.exec(line) ?? []
    if (stage !== undefined && iterations !== undefined) {
      unfinished = undefined
      rates.set(stage, toNumber(iterations) / Number(seconds))
    }
    if (tableHead.test(line)) isInTable = true
    const [, name, rate] = (isInTable && tableRow.exec(line)) || []
    // The seconds of the lines above have three digits; the table is exact.
    if (name !== undefined && rate !== undefined) rates.set(name, toNumber(rate))
  }
  return { rates, unfinished, isComplete: isInTable && unfinished === undefined }
}

/** The tool groups digits with underscores. */
function toNumber(digits: string): number {
  return Number(digits.replaceAll('_', ''))
}
