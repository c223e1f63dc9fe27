/** Which URIs are well formed for which use (spec/wamp 2.2). */

export type MatchPolicy = 'exact' | 'prefix' | 'wildcard'
export type UriCheck = 'loose' | 'strict'

/** In UTF-8, after the conversion to a topic. */
export const uriBytesMost = 1_024

const blank =
  '\\u0001-\\u0020\\u007f\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff'
const loose = new RegExp(`^[^.#\\u0000${blank}]+$`)
/** JSON can say half of a surrogate pair, and UTF-8 cannot. */
const halfCharacter = /\p{Surrogate}/u
const strict = /^[0-9a-z_]+$/

/** Whether every component is well formed; only a pattern may have empty ones, each policy where it may. */
export function isUri(
  uri: string,
  match: MatchPolicy = 'exact',
  check: UriCheck = 'loose',
): boolean {
  // A topic of the bus has at most so many octets, and no form of it is shorter than its characters.
  if (uri.length > uriBytesMost * 3 || halfCharacter.test(uri)) return false
  const form = check === 'loose' ? loose : strict
  const components = uri.split('.')
  const last = components.length - 1
  return components.every((component, i) => {
    if (component !== '') return form.test(component)
    return match === 'wildcard' || (match === 'prefix' && i === last)
  })
}

/** Below `wamp.`: what the router itself has to say. Clients subscribe and call there, and nothing else. */
export function isReservedUri(uri: string): boolean {
  return uri === 'wamp' || uri.startsWith('wamp.')
}

/** Whether a URI matches a pattern of a policy (spec/wamp 2.3). */
export function uriMatches(pattern: string, match: MatchPolicy, uri: string): boolean {
  if (match === 'exact') return uri === pattern
  if (match === 'prefix') return uri.startsWith(pattern)
  const wanted = pattern.split('.')
  const components = uri.split('.')
  if (wanted.length !== components.length) return false
  return wanted.every((component, i) => component === '' || component === components[i])
}
