/**
 * The sections of the configuration that say who there is and who may do what. A section is checked as a whole with
 * the rest of the configuration; what it means is in docs/security.md.
 */

import { z } from 'zod'
import { checkPattern } from './resource-pattern.ts'
import { parsePasswordHash } from './password-hash.ts'
import { actionWords } from './rule.ts'

/** Words of `to`, and the daemon itself. */
export const reservedUsers: ReadonlySet<string> = new Set(['any', 'users', 'anonymous', 'msgbusd'])

const userName = () =>
  z
    .string()
    .min(1)
    .max(256)
    .refine((name) => !/[\p{Cc}:]/u.test(name), 'holds a colon or a control character')
    .refine((name) => !reservedUsers.has(name), 'is a name with a meaning of its own')
export const userNameSchema = userName()
const groups = () => z.array(z.string().min(1)).default([])
const oneOrMore = <Item extends z.ZodType<unknown, string>>(item: Item) =>
  z.union([item, z.array(item).min(1)]).transform((value) => [value].flat() as z.output<Item>[])

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`, 'i'), `must be ${bytes * 2} hex digits`)

export const usersSchema = z
  .array(
    z.strictObject({
      name: userName().describe('Name of the user, as rules and `%u` mean it.'),
      password: z
        .string()
        .refine(
          (text) => parsePasswordHash(text) !== undefined,
          'must be an argon2id hash ($argon2id$…)',
        )
        .optional()
        .describe(
          'Argon2id hash of the password in PHC form; `msgbusd hash-password` makes one. Without it nobody can log in by password.',
        ),
      groups: groups().describe('Groups of the user; rules name them `group:…`.'),
      certificates: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'Client certificates that are this user: `CN=…` or a whole subject, `DNS:…`, `URI:…`, `email:…`, or `sha256:` and the fingerprint.',
        ),
      processes: z
        .array(z.string().regex(/^(uid|gid):\d+$/, 'must be uid:… or gid:… with a number'))
        .default([])
        .describe(
          'Processes at Unix sockets that are this user: `uid:1000`, or `gid:100` for every process of a group.',
        ),
      publicKeys: z
        .array(hex(32))
        .default([])
        .describe('Ed25519 public keys in hex, for WAMP cryptosign.'),
      challengeSecret: z
        .strictObject({
          salt: z.string().min(1).describe('Salt in base64.'),
          iterations: z.int().min(1_000).max(10_000_000).describe('Rounds of PBKDF2-SHA-256.'),
          key: z.string().min(1).describe('The 32 bytes that come of it, in base64.'),
        })
        .optional()
        .describe(
          'What SCRAM and WAMP-CRA are checked against: PBKDF2-SHA-256 of the password. Whoever has it can log in by them.',
        ),
    }),
  )
  .default([])
  .superRefine((users, context) => {
    const names = users.map(({ name }) => name)
    names.forEach((name, i) => {
      if (names.indexOf(name) < i) context.addIssue(`${name} is there twice`)
    })
  })
  .describe(
    'Who can log in. Users added at run time are in `access/users.json` of the data folder.',
  )

export const rulesSchema = z
  .array(
    z
      .strictObject({
        allow: oneOrMore(z.enum(actionWords))
          .optional()
          .describe('Actions that are allowed; `all` for every one.'),
        deny: oneOrMore(z.enum(actionWords))
          .optional()
          .describe('Actions that are refused; a rule has either this or `allow`.'),
        to: oneOrMore(z.string().min(1)).describe(
          'Whom it concerns: user names, `group:…`, `users` (who has logged in), `anonymous` (who has not), `any`.',
        ),
        on: oneOrMore(
          z.string().check((context) => {
            try {
              checkPattern(context.value)
            } catch (error) {
              const message = error instanceof Error ? error.message : String(error)
              context.issues.push({ code: 'custom', input: context.value, message })
            }
          }),
        )
          .prefault('#')
          .describe(
            'Topics, queues, names and procedures: `+` one level, `#` the rest, `*` any characters of a level, `%u` the user, `%c` the name of the client, of MQTT its client id.',
          ),
      })
      .superRefine((rule, context) => {
        if ((rule.allow === undefined) === (rule.deny === undefined)) {
          context.addIssue('needs either allow or deny')
        }
      }),
  )
  .default([])
  .describe(
    'Who may do what. The first rule that concerns user, action and name decides; none: no.',
  )

export const jwtSchema = z
  .array(
    z
      .strictObject({
        jwks: z.string().min(1).optional().describe('File with a JSON Web Key Set (public keys).'),
        publicKey: z.string().min(1).optional().describe('PEM file with one public key (SPKI).'),
        algorithms: z
          .array(
            z.enum([
              'RS256',
              'RS384',
              'RS512',
              'PS256',
              'PS384',
              'PS512',
              'ES256',
              'ES384',
              'ES512',
              'EdDSA',
            ]),
          )
          .min(1)
          .default(['RS256', 'ES256', 'EdDSA'])
          .describe('Signatures that are accepted.'),
        issuer: z.string().min(1).describe('Required value of the claim `iss`.'),
        audience: z.string().min(1).describe('Required value of the claim `aud`.'),
        userClaim: z.string().min(1).default('sub').describe('Claim that names the user.'),
        userPrefix: z.string().default('').describe('Put before the name that the claim has.'),
        groupsClaim: z
          .string()
          .min(1)
          .default('groups')
          .describe('Claim with the groups: a list, or words in one text.'),
      })
      .superRefine((value, context) => {
        if ((value.jwks === undefined) === (value.publicKey === undefined)) {
          context.addIssue('needs either jwks or publicKey')
        }
      }),
  )
  .default([])
  .describe('Who issues JSON Web Tokens that are accepted. They must have `exp`.')

const most = (text: string) => z.int().min(1).optional().describe(text)

export const identityLimitsSchema = z
  .array(
    z.strictObject({
      to: oneOrMore(z.string().min(1)).describe('Whose, as in `rules`; the first that fits holds.'),
      connections: most('Clients of one user at a time.'),
      publishesPerSecond: most(
        'Messages that one user may publish per second; twice that in a burst.',
      ),
      publishBytesPerSecond: most('Payload that one user may publish per second, in bytes.'),
      subscriptions: most('Subscriptions of one user, over all its clients.'),
      queueBytesPerSecond: most('Payload that one user may put into queues per second, in bytes.'),
    }),
  )
  .default([])
  .describe('What one user may use; `anonymous` is one user.')

export type UserSetting = z.output<typeof usersSchema>[number]
export type RuleSetting = z.output<typeof rulesSchema>[number]
export type JwtSetting = z.output<typeof jwtSchema>[number]
export type IdentityLimitsSetting = z.output<typeof identityLimitsSchema>[number]
