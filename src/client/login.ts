/** What a client shows to say who it is, as transports send it. */

import { BusError } from '../model/errors.ts'

export interface LoginOptions {
  /** A token of the daemon, or a JWT that it believes. */
  readonly token?: string | undefined
  /** Together with `password`, instead of a token. */
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/**
 * The value of the `authorization` header; undefined: nothing is shown.
 * @throws BusError `invalid_argument/bad_argument` for half a login, or two at once
 */
export function authorizationOf({ token, user, password }: LoginOptions): string | undefined {
  if (token !== undefined && (user !== undefined || password !== undefined)) {
    throw bad('give either a token, or user and password')
  }
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token)) throw bad('a token has printable characters without spaces')
    return `Bearer ${token}`
  }
  if (user === undefined && password === undefined) return undefined
  if (user === undefined || password === undefined) throw bad('user and password belong together')
  if (user.includes(':')) throw bad('a user name has no colon')
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return `Basic ${btoa(binary)}`
}

function bad(text: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', text)
}
