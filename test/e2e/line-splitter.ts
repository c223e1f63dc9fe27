/** Lines out of chunks of bytes. */

export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)
  readonly #onLine: (line: Buffer) => void

  /** @param onLine gets each line without its end */
  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine
  }

  push(chunk: Uint8Array): void {
    let rest: Buffer = Buffer.concat([this.#rest, chunk])
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end)
      rest = rest.subarray(end + 1)
      this.#onLine(line)
    }
    this.#rest = rest
  }
}
