/** Colours of the terminal by what they mean. Without colour the text comes back unchanged. */

export class Colours {
  readonly #on: boolean

  constructor(on: boolean) {
    this.#on = on
  }

  /** Less important: times, units. */
  faint(text: string): string {
    return this.#wrap('2', text)
  }

  /** Names: topics, queues, commands. */
  name(text: string): string {
    return this.#wrap('36', text)
  }

  /** Headings and what matters most. */
  strong(text: string): string {
    return this.#wrap('1', text)
  }

  good(text: string): string {
    return this.#wrap('32', text)
  }

  warning(text: string): string {
    return this.#wrap('33', text)
  }

  bad(text: string): string {
    return this.#wrap('31', text)
  }

  /** In a colour that means itself. @param code parameters of the escape sequence (SGR) */
  paint(code: string, text: string): string {
    return this.#wrap(code, text)
  }

  #wrap(code: string, text: string): string {
    return this.#on ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}
