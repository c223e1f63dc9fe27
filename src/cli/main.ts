#!/usr/bin/env node
/**
 * `msgbus`: the command line. Starts fast because nothing but the command tree is loaded before it
 * is known which command runs; each command imports what it needs.
 */

import { createProgram } from './program.ts'
import { runProgram } from './run-program.ts'
import { openTerminal } from './terminal.ts'

// Deprecations are for developers; the gRPC library causes one with TLS to an IP address.
process.noDeprecation = true

const terminal = openTerminal(process)
process.exitCode = await runProgram(createProgram(terminal), process.argv.slice(2), terminal)
