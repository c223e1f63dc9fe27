/** The fenced blocks of a page of the documentation, in order. */

export interface PageBlock {
  /** `sh`, `text`, a programming language; empty: what the block before prints. */
  readonly language: string
  /** What follows the language: the terminal it is typed in, or the file it is. */
  readonly name: string
  readonly text: string
}

export function pageBlocks(page: string): PageBlock[] {
  const found = page.matchAll(/^```(\w*)(?: +(\S+))?\n(.*?)^```$/gms)
  return [...found].map(([, language = '', name = '', text = '']) => ({ language, name, text }))
}

/**
 * What is shown on a page as a pattern of what is printed: `…` is anything, a time or an id is any, blanks are as many as
 * there are.
 */
export function linePattern(shown: string): RegExp {
  const escaped = shown.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const pattern = escaped
    .replaceAll(
      /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\\\.\d+)?Z?/g,
      String.raw`\d{4}-\S+?[ T][\d:.]+Z?`,
    )
    .replaceAll(
      /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g,
      String.raw`[\da-f-]{36}`,
    )
    .replaceAll('…', '.*')
    .replaceAll(/ +/g, String.raw`\s+`)
  return new RegExp(`^\\s*${pattern}\\s*$`)
}
