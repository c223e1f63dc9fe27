/**
 * Builds the BUS/RT programs of the interop tests that take minutes, once per machine: `busrt` with its
 * broker, and our client over the Rust library. Says what it cannot build; that is no failure, since the
 * tests that want it then say so, too.
 */

import process from 'node:process'
import { buildCommandLineTool, buildRustClient } from './programs.ts'

const say = (text: string) => process.stdout.write(`${text}\n`)

for (const [title, build] of [
  ['the command line tool busrt', buildCommandLineTool],
  ['the client over the Rust library', buildRustClient],
] as const) {
  say(`BUS/RT interop: ${title} (some minutes when it is not there yet)`)
  const failure = build()
  say(`BUS/RT interop: ${failure === undefined ? 'there' : `cannot be built: ${failure}`}`)
}
