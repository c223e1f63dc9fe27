/** What others say goes into rows and log lines: on one line, and not more than fits there. */
export function shortText(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ')
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain
}
