/** Errors of the bus as URIs of WAMP (spec/wamp 4, 13.7), and errors that only WAMP has. */

import type { BusError, BusErrorCode } from '../../model/errors.ts'

export const errorUris = {
  authenticationDenied: 'wamp.error.authentication_denied',
  authenticationFailed: 'wamp.error.authentication_failed',
  authenticationRequired: 'wamp.error.authentication_required',
  authorizationFailed: 'wamp.error.authorization_failed',
  canceled: 'wamp.error.canceled',
  discloseMeDisallowed: 'wamp.error.option_disallowed.disclose_me',
  featureNotSupported: 'wamp.error.feature_not_supported',
  goodbyeAndOut: 'wamp.close.goodbye_and_out',
  historyUnavailable: 'wamp.error.history_unavailable',
  invalidArgument: 'wamp.error.invalid_argument',
  invalidUri: 'wamp.error.invalid_uri',
  killed: 'wamp.close.killed',
  networkFailure: 'wamp.error.network_failure',
  noAvailableCallee: 'wamp.error.no_available_callee',
  noMatchingAuthMethod: 'wamp.error.no_matching_auth_method',
  noSuchProcedure: 'wamp.error.no_such_procedure',
  noSuchRealm: 'wamp.error.no_such_realm',
  noSuchRegistration: 'wamp.error.no_such_registration',
  noSuchRole: 'wamp.error.no_such_role',
  noSuchSession: 'wamp.error.no_such_session',
  noSuchSubscription: 'wamp.error.no_such_subscription',
  notAuthorized: 'wamp.error.not_authorized',
  payloadSizeExceeded: 'wamp.error.payload_size_exceeded',
  procedureAlreadyExists: 'wamp.error.procedure_already_exists',
  protocolViolation: 'wamp.error.protocol_violation',
  runtimeError: 'wamp.error.runtime_error',
  systemShutdown: 'wamp.close.system_shutdown',
  timeout: 'wamp.error.timeout',
  unavailable: 'wamp.error.unavailable',
} as const

/** A request failed for a reason that has its own URI. */
export class WampError extends Error {
  readonly uri: string

  constructor(uri: string, message: string) {
    super(message)
    this.name = 'WampError'
    this.uri = uri
  }
}

/** A session has as many of something as it may have. */
export function atLimit(what: string, limit: number): WampError {
  return new WampError(errorUris.notAuthorized, `this session has ${limit} ${what}, the limit`)
}

const byCode = {
  invalid_argument: errorUris.invalidArgument,
  not_found: errorUris.invalidArgument,
  already_exists: errorUris.procedureAlreadyExists,
  permission_denied: errorUris.notAuthorized,
  unauthenticated: errorUris.notAuthorized,
  unimplemented: errorUris.noSuchProcedure,
  resource_exhausted: errorUris.notAuthorized,
  failed_precondition: errorUris.invalidArgument,
  out_of_range: errorUris.invalidArgument,
  aborted: errorUris.canceled,
  cancelled: errorUris.canceled,
  deadline_exceeded: errorUris.timeout,
  unavailable: errorUris.unavailable,
  unknown: errorUris.runtimeError,
  internal: errorUris.runtimeError,
  data_loss: errorUris.runtimeError,
} as const satisfies Record<BusErrorCode, string>

const byReason: Readonly<Record<string, string>> = {
  payload_too_large: errorUris.payloadSizeExceeded,
  name_empty: errorUris.invalidUri,
  name_too_long: errorUris.invalidUri,
  name_contains_nul: errorUris.invalidUri,
  name_not_unicode: errorUris.invalidUri,
  bad_filter: errorUris.invalidUri,
}

export function uriOfError(error: BusError | WampError): string {
  if ('uri' in error) return error.uri
  return byReason[error.reason] ?? byCode[error.code]
}

/** For people; what is wrong inside the daemon is not told. */
export function textOf(error: BusError | WampError): string {
  return error.message
}
