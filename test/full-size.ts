/**
 * Cases that are about amounts take the amounts of the specifications with `MSGBUS_TESTS=full`, and
 * smaller ones that show the same every day.
 */

import process from 'node:process'

export const isFullSize = process.env['MSGBUS_TESTS'] === 'full'
