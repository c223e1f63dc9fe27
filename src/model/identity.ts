/** Who a client is after authentication; what access rules speak about (architecture 8). */

export interface Identity {
  /** User name; `anonymous` when nobody authenticated. */
  readonly user: string
  readonly groups: readonly string[]
  /** How it was established; `challenge`: SCRAM, WAMP-CRA or cryptosign. */
  readonly method:
    | 'none'
    | 'link'
    | 'password'
    | 'token'
    | 'jwt'
    | 'certificate'
    | 'process'
    | 'challenge'
    | 'in-process'
}

export const anonymous: Identity = { user: 'anonymous', groups: [], method: 'none' }

/** The daemon itself: what it says under names that begin with `.`. No rule concerns it. */
export const daemonIdentity: Identity = { user: 'msgbusd', groups: [], method: 'in-process' }

/** Actions that rules speak about, for every protocol alike. */
export const actions = [
  'connect',
  'publish',
  'subscribe',
  'fetch',
  'delete',
  'send',
  'broadcast',
  'call',
  'register',
  'enqueue',
  'consume',
  'sync',
  'admin',
] as const

export type Action = (typeof actions)[number]
