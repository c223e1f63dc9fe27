/** How many columns of a terminal a text takes, and how to make it take a given number. */

const onlyAscii = /^[\x20-\x7e]*$/
const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u
// East Asian wide and full-width characters, and what is shown as a picture.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

/** @param text without control characters */
export function textWidth(text: string): number {
  if (onlyAscii.test(text)) return text.length
  let width = 0
  for (const char of text) width += charWidth(char)
  return width
}

/** Cut, with an ellipsis, or filled with blanks to exactly this width. */
export function fitText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const missing = width - textWidth(text)
  if (missing >= 0)
    return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text
  if (width <= 0) return ''
  let cut = ''
  let left = width - 1
  for (const char of text) {
    left -= charWidth(char)
    if (left < 0) break
    cut += char
  }
  // Half of a wide character cannot be shown.
  return `${cut}…`.padEnd(cut.length + 1 + width - 1 - textWidth(cut))
}

function charWidth(char: string): number {
  if (onlyAscii.test(char)) return 1
  if (zeroWidth.test(char)) return 0
  return wide.test(char) ? 2 : 1
}
