/**
 * Colours that a terminal can show: the basic names of CSS, and numbers. A page knows more names; those
 * are not understood here.
 */

/** Of the sixteen a terminal has, by the parameter that selects them; red, green and blue follow its palette. */
const palette: ReadonlyMap<string, string> = new Map([
  ['red', '31'],
  ['green', '32'],
  ['blue', '34'],
])

const names: ReadonlyMap<string, number> = new Map([
  ['black', 0x000000],
  ['silver', 0xc0c0c0],
  ['gray', 0x808080],
  ['grey', 0x808080],
  ['white', 0xffffff],
  ['maroon', 0x800000],
  ['purple', 0x800080],
  ['fuchsia', 0xff00ff],
  ['magenta', 0xff00ff],
  ['lime', 0x00ff00],
  ['olive', 0x808000],
  ['yellow', 0xffff00],
  ['navy', 0x000080],
  ['teal', 0x008080],
  ['aqua', 0x00ffff],
  ['cyan', 0x00ffff],
  ['orange', 0xffa500],
  ['pink', 0xffc0cb],
  ['brown', 0xa52a2a],
])

export function isColour(text: string): boolean {
  return colourCode(text) !== undefined
}

/** The parameters of the escape sequence that paints so; undefined for what is no colour here. */
export function colourCode(text: string): string | undefined {
  const code = palette.get(text)
  if (code !== undefined) return code
  const value = names.get(text) ?? hexValue(text)
  if (value === undefined) return undefined
  return `38;2;${value >> 16};${(value >> 8) & 0xff};${value & 0xff}`
}

/** `#666` or `#a1b2c3`. */
function hexValue(text: string): number | undefined {
  const [, digits] = /^#([0-9a-f]{3}|[0-9a-f]{6})$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const long = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits
  return Number.parseInt(long, 16)
}
