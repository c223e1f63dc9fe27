/**
 * What the rules of oracle.test.ts mean, said a second time and in another way: one regular expression per rule, asked
 * from the top. It shares no code with the daemon, and reads rules of this one file only.
 */

export interface ModelUser {
  /** Undefined: it has shown nothing. */
  readonly user: string | undefined
  readonly groups: readonly string[]
  /** Name on the bus; empty: none. */
  readonly client: string
}

type Verdict = 'yes' | 'no'

interface Row {
  readonly verdict: Verdict
  /** `*`: all of them. */
  readonly actions: string
  readonly whom: (who: ModelUser) => boolean
  /** `USER` and `CLIENT` stand for their names. */
  readonly what: string
}

const anybody = () => true
const loggedIn = ({ user }: ModelUser) => user !== undefined
const is = (name: string) => (who: ModelUser) => who.user === name
const within = (group: string) => (who: ModelUser) => loggedIn(who) && who.groups.includes(group)

/** The same rules as data of the daemon. */
export const rules = [
  { deny: 'all', to: 'any', on: 'deny/secret/#' },
  { deny: ['publish', 'send', 'enqueue'], to: 'group:makers', on: 'deny/quiet' },
  { allow: 'all', to: 'alice', on: 'exact/one' },
  { allow: 'all', to: ['alice', 'bob'], on: 'level/+/end' },
  { allow: 'all', to: 'users', on: 'rest/#' },
  { allow: 'all', to: 'users', on: ['own/%u', 'own/%u/#'] },
  { allow: 'all', to: 'any', on: 'name/%c/#' },
  { allow: 'all', to: 'group:makers', on: 'group/*-x' },
  { allow: ['publish', 'subscribe'], to: 'any', on: 'some/#' },
  { allow: 'all', to: 'anonymous', on: 'guests/#' },
  { allow: 'all', to: 'robot', on: 'robots/#' },
  { allow: 'all', to: 'any', on: 'deny/#' },
]

const table: readonly Row[] = [
  { verdict: 'no', actions: '*', whom: anybody, what: '^deny/secret(/.*)?$' },
  {
    verdict: 'no',
    actions: 'publish send enqueue',
    whom: within('makers'),
    what: '^deny/quiet$',
  },
  { verdict: 'yes', actions: '*', whom: is('alice'), what: '^exact/one$' },
  {
    verdict: 'yes',
    actions: '*',
    whom: (who) => is('alice')(who) || is('bob')(who),
    what: '^level/[^/]*/end$',
  },
  { verdict: 'yes', actions: '*', whom: loggedIn, what: '^rest(/.*)?$' },
  { verdict: 'yes', actions: '*', whom: loggedIn, what: '^own/USER(/.*)?$' },
  {
    verdict: 'yes',
    actions: '*',
    whom: ({ client }) => client !== '',
    what: '^name/CLIENT(/.*)?$',
  },
  { verdict: 'yes', actions: '*', whom: within('makers'), what: '^group/[^/]*-x$' },
  { verdict: 'yes', actions: 'publish subscribe', whom: anybody, what: '^some(/.*)?$' },
  { verdict: 'yes', actions: '*', whom: (who) => !loggedIn(who), what: '^guests(/.*)?$' },
  { verdict: 'yes', actions: '*', whom: is('robot'), what: '^robots(/.*)?$' },
  { verdict: 'yes', actions: '*', whom: anybody, what: '^deny(/.*)?$' },
]

/** Every shape of a rule, met and just missed. */
export const resources = [
  'exact/one',
  'exact/one/more',
  'level/a/end',
  'level/a/b/end',
  'rest',
  'rest/a/b',
  'own/alice',
  'own/bob/x',
  'own/robot',
  'own/+',
  'name/c1/x',
  'name/c2',
  'group/a-x',
  'group/ax',
  'some/thing',
  'guests/book',
  'robots/arm',
  'deny/secret/x',
  'deny/quiet',
  'deny/open',
  'nowhere',
] as const

const escape = (text: string) => text.replaceAll(/[^\w/]/g, String.raw`\$&`)

export function mayDo(who: ModelUser, action: string, resource: string): boolean {
  for (const { verdict, actions, whom, what } of table) {
    if (actions !== '*' && !actions.split(' ').includes(action)) continue
    if (!whom(who)) continue
    const pattern = what
      .replace('USER', () => escape(who.user ?? ''))
      .replace('CLIENT', () => escape(who.client))
    if (new RegExp(pattern).test(resource)) return verdict === 'yes'
  }
  return false
}
