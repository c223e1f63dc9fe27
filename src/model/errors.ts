/**
 * The three kinds of failure, never mixed: an operation that failed (`BusError`), a peer that broke
 * its protocol (`ProtocolError`), and our own mistakes (`assert`, not caught). Callers branch on
 * `code`; `reason` is the stable word for dashboards; nobody parses messages.
 */

/** gRPC's canonical codes without OK, in snake_case, in the order of their numbers from 1 (google.rpc.Code). */
export const busErrorCodes = [
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const

export type BusErrorCode = (typeof busErrorCodes)[number]

/** Every reason there is, with what it means. A new one does not compile without a row here. */
export const errorReasons = {
  access_denied: 'a rule does not allow this action',
  already_linked: 'there is another link to the same node',
  already_running: 'another daemon has this data folder open',
  ambiguous_name: 'several nodes have a client of this name; say which one',
  application_error: 'the procedure failed with an error of its own',
  bad_argument: 'an argument is not of the kind or range that is allowed',
  bad_config: 'the configuration has faults',
  bad_credentials: 'user, password, token or certificate is not one that is known here',
  bad_filter: 'the topic filter is not well formed',
  bad_position: 'the position belongs to another store',
  callee_busy: 'whoever runs the procedure does not keep up with its calls',
  callee_gone: 'whoever ran the procedure left before it answered',
  callee_lacks_feature: 'whoever runs the procedure does not support what the call needs',
  cancelled: 'the caller gave up',
  connection_lost: 'the connection to the daemon broke',
  credentials_missing: 'nobody is served here without showing who it is',
  damaged_record: 'a stored record does not match its checksum',
  damaged_store: 'the store cannot be read',
  disk_full: 'there is no space left for the store',
  engine_missing: 'the storage engine is not installed',
  foreign_data: 'the folder holds something else than a store of this engine',
  foreign_node: 'the store belongs to another node id',
  foreign_origin: 'writes must name the node of this daemon',
  head_gap: 'a replicated message would leave a gap',
  head_not_served: 'a peer lists a message and does not send it',
  host_not_allowed: 'the host in the request is not one of this daemon',
  internal: 'a defect of msgbus',
  lease_ended: 'the lease of this delivery is over',
  log_fork: 'two different messages claim the same head id',
  name_contains_nul: 'a name contains U+0000',
  name_empty: 'a name is empty or blank',
  name_not_unicode: 'a name holds half a surrogate pair',
  name_taken: 'another client has this name',
  name_too_long: 'a name is longer than the limit',
  newer_schema: 'the store was written by a newer version',
  no_available_callee: 'all who run the procedure have said that they are not available',
  no_retained_message: 'the topic has no retained message',
  no_such_procedure: 'nobody has registered this procedure',
  no_such_session: 'there is no MQTT session of this client id',
  node_id_taken: 'another daemon with this node id has a link',
  not_found: 'there is no such thing',
  own_log_ahead: 'a peer has messages of this node that are not here',
  page_not_allowed: 'a web page of another origin may not use this daemon',
  payload_not_text: 'the payload is said to be text and is not well-formed UTF-8',
  payload_too_large: 'the message is larger than the limit',
  peer_cut_off: 'the peer said what no honest peer says, and is left alone for a while',
  peer_configured: 'the peer stands in the configuration and is changed there',
  peer_is_self: 'the peer is this node itself',
  peer_not_expected: 'another node than the one that was named answers there',
  peer_refused: 'a peer refused a call',
  peer_taken: 'this daemon is a peer already',
  primary_missing: 'a secondary client needs its primary to be there',
  procedure_taken: 'somebody else has registered this procedure',
  queue_empty: 'the queue holds nothing',
  quota_exceeded: 'a configured limit is reached',
  range_reversed: 'the range ends before it begins',
  recovering: 'the daemon asks its peers for messages of its own that it lost',
  replaced: 'another client has taken this name over',
  reserved_name: 'the name is reserved for the daemon',
  reserved_topic: 'the topic is reserved for the daemon',
  shutting_down: 'the daemon is stopping',
  slow_client: 'the client did not read what was sent to it',
  starting: 'the store is not open yet',
  storage_failed: 'the store failed to write or read',
  takeover_loop: 'clients take one name from each other again and again',
  target_missing: 'the target node is required',
  timed_out: 'no answer in time',
  too_many_headers: 'more headers, or larger ones, than the limit',
  too_many_logins: 'user or address tried too often; wait before the next attempt',
  undecodable: 'the bytes are not a message of this protocol',
  unknown_client: 'no client has this name',
  unsupported: 'this daemon does not offer that',
} as const

export type ErrorReason = keyof typeof errorReasons

/** An operation failed. `message` is for the caller to read; `cause` goes to the log only. */
export class BusError extends Error {
  readonly code: BusErrorCode
  readonly reason: ErrorReason

  constructor(code: BusErrorCode, reason: ErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BusError'
    this.code = code
    this.reason = reason
  }
}

/** The peer sent what its protocol does not allow. It costs that peer its connection, nobody else anything. */
export class ProtocolError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProtocolError'
  }
}

/** Any thrown value as a `BusError`: itself, or `internal` with the value as cause. */
export function toBusError(error: unknown): BusError {
  if (error instanceof BusError) return error
  return new BusError('internal', 'internal', 'internal error', { cause: error })
}
