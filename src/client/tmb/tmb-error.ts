/** What the server refuses (spec/tmb 7), in the words of the bus and in its own. */

import { BusError } from '../../model/errors.ts'
import type { BusErrorCode, ErrorReason } from '../../model/errors.ts'
import { tmbErrors } from '../../wire/tmb/words.ts'
import type { TmbError as TmbErrorCode } from '../../wire/tmb/words.ts'

const meanings = {
  'unknown-command': ['unimplemented', 'unsupported'],
  'missing-argument': ['invalid_argument', 'bad_argument'],
  'extra-argument': ['invalid_argument', 'bad_argument'],
  'bad-id': ['invalid_argument', 'bad_argument'],
  'unknown-kind': ['invalid_argument', 'bad_argument'],
  'bad-option': ['invalid_argument', 'bad_argument'],
  'bad-pattern': ['invalid_argument', 'bad_filter'],
  'pattern-too-long': ['invalid_argument', 'bad_filter'],
  'pattern-too-complex': ['invalid_argument', 'bad_filter'],
  'no-such-subscription': ['not_found', 'not_found'],
  'too-many-subscriptions': ['resource_exhausted', 'quota_exceeded'],
  'empty-category': ['invalid_argument', 'name_empty'],
  'category-too-long': ['invalid_argument', 'name_too_long'],
  'line-too-long': ['resource_exhausted', 'payload_too_large'],
  'not-authenticated': ['unauthenticated', 'credentials_missing'],
  'auth-failed': ['unauthenticated', 'bad_credentials'],
  'auth-insecure': ['permission_denied', 'access_denied'],
  'not-permitted': ['permission_denied', 'access_denied'],
  'store-failed': ['unavailable', 'storage_failed'],
  'too-many-errors': ['resource_exhausted', 'quota_exceeded'],
  'too-many-clients': ['resource_exhausted', 'quota_exceeded'],
  'slow-reader': ['resource_exhausted', 'slow_client'],
  http: ['invalid_argument', 'undecodable'],
  'shutting-down': ['unavailable', 'shutting_down'],
} as const satisfies Record<TmbErrorCode, readonly [BusErrorCode, ErrorReason]>

const known: ReadonlyMap<string, readonly [BusErrorCode, ErrorReason]> = new Map(
  Object.entries(meanings),
)

/** For lines that end with the code. */
const descriptions: ReadonlyMap<string, string> = new Map(Object.entries(tmbErrors))

/** The server answered with an `error` line. */
export class TmbError extends BusError {
  /** The code of the line, such as `bad-pattern`. Later servers may have others. */
  readonly tmbCode: string
  /** The command it is about; `message` for peer messages, `-` when none could be told. */
  readonly command: string

  constructor(tmbCode: string, command: string, text: string) {
    const [code, reason] = known.get(tmbCode) ?? ['unknown', 'application_error']
    const about = command === '-' ? '' : `${command}: `
    const why = text === '' ? descriptions.get(tmbCode) : text
    super(code, reason, `${about}${tmbCode}${why === undefined ? '' : `: ${why}`}`)
    this.name = 'TmbError'
    this.tmbCode = tmbCode
    this.command = command
  }
}
