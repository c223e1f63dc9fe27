/** The password file and the ACL file of Mosquitto as users and rules of ours. */

import type { Line, Say } from './from-mosquitto.ts'

/** Users without their passwords. */
export function readUsers(lines: readonly Line[], say: Say): object[] {
  return lines.flatMap((line) => {
    const [name = ''] = line.text.split(':')
    if (name === '' || !line.text.includes(':')) {
      say(line, 'not understood', 'it is no user with a password')
      return []
    }
    const kind = /:\$6\$/.test(line.text) ? 'SHA-512' : 'PBKDF2'
    const why = `the user is taken over, the ${kind} hash cannot be: msgbus users add ${name}`
    say(line, 'not understood', why)
    return [{ name }]
  })
}

const accesses: Readonly<Record<string, readonly string[]>> = {
  read: ['subscribe', 'fetch'],
  write: ['publish'],
  readwrite: ['publish', 'subscribe', 'fetch'],
  deny: ['publish', 'subscribe', 'fetch'],
}

/**
 * Rules in an order in which the first that matches means the same: what is denied before what is allowed, since
 * Mosquitto lets a denial win wherever it stands.
 */
export function readRules(lines: readonly Line[], say: Say): object[] {
  const denied: object[] = []
  const allowed: object[] = []
  let to = 'anonymous'
  for (const line of lines) {
    const { key, value } = line
    if (key === 'user') {
      to = value
      say(line, 'understood', `rules for ${value}`)
      continue
    }
    const [first = '', ...rest] = value.split(/\s+/)
    const known = accesses[first]
    // The access may be left out, and a topic may have blanks.
    const topic =
      known === undefined || rest.length === 0 ? value : value.slice(first.length).trim()
    const actions = (rest.length === 0 ? undefined : known) ?? accesses['readwrite']
    if ((key !== 'topic' && key !== 'pattern') || topic === '') {
      say(line, 'not understood', 'it is neither user, topic nor pattern')
      continue
    }
    const whom = key === 'pattern' ? 'any' : to
    const isDenied = first === 'deny' && rest.length > 0
    if (isDenied) denied.push({ deny: actions, to: whom, on: topic })
    else allowed.push({ allow: actions, to: whom, on: topic })
    say(line, 'understood', `a rule for ${whom}`)
  }
  return [...denied, ...allowed]
}
