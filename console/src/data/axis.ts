/** Where the lines of a chart's axis go: at round values, few enough to be read. */

/** From 0 to at least `max`, in steps of 1, 2 or 5 times a power of ten; at most `count` steps. */
export function axisTicks(max: number, count: number): number[] {
  const rough = Math.max(max, 1e-9) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  // The tolerance keeps 3 * 0.1 from needing a larger step.
  const factor = [1, 2, 5, 10].find((step) => step * power >= rough * (1 - 1e-9)) ?? 10
  return ticksBy(factor * power, max)
}

/** As `axisTicks`, for bytes: steps of 1, 2, 4 … of a binary unit. */
export function byteTicks(max: number, count: number): number[] {
  const rough = Math.max(max, 1) / count
  return ticksBy(2 ** Math.ceil(Math.log2(rough)), max)
}

function ticksBy(step: number, max: number): number[] {
  const last = Math.max(1, Math.ceil((max / step) * (1 - 1e-9)))
  return Array.from({ length: last + 1 }, (_, i) => i * step)
}
