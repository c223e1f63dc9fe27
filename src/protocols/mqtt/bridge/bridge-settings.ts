/**
 * What is configured of a bridge: in the file as an item with all its settings, on the command line as an address with
 * what is most needed in its query.
 */

import { z } from 'zod'
import type { DialTarget } from '../../../net/dial.ts'
import type { Qos } from '../packets.ts'
import { type BridgeTopic, faultOf } from './bridge-topics.ts'

const schemes = {
  'mqtt:': false,
  'tcp:': false,
  'mqtts:': true,
  'ssl:': true,
  'unix:': false,
} as const
const versions = ['auto', '5', '3.1.1', '3.1'] as const
const everything: BridgeTopic = {
  filter: '#',
  direction: 'both',
  qos: 1,
  localPrefix: '',
  remotePrefix: '',
}

const qosLevel = z
  .int()
  .min(0)
  .max(2)
  .transform((value): Qos => (value === 0 ? 0 : value === 1 ? 1 : 2))
// In YAML 5 is a number.
const version = z
  .union([z.enum(versions), z.number()])
  .transform(
    (value, context) => versions.find((each) => each === String(value)) ?? unknown(context),
  )

const topic = z
  .strictObject({
    filter: z.string().min(1).describe('Topics to be carried: a filter behind both prefixes.'),
    direction: z
      .enum(['in', 'out', 'both'])
      .default('both')
      .describe('`out` goes to the other broker, `in` comes from it.'),
    qos: qosLevel.prefault(1).describe('Highest QoS; QoS 0 is lost while there is no connection.'),
    localPrefix: z.string().default('').describe('Stands before the filter here.'),
    remotePrefix: z.string().default('').describe('Stands before the filter there.'),
  })
  .superRefine((given, context) => {
    const fault = faultOf(given)
    if (fault !== undefined) context.addIssue(fault)
  })

const file = (text: string) => z.string().min(1).optional().describe(text)

const bridge = z
  .strictObject({
    url: z
      .string()
      .describe('`mqtt://host:port`, `mqtts://host:port` (TLS), or `unix:///path`.')
      .superRefine((text, context) => {
        const fault = urlFault(text)
        if (fault !== undefined) context.addIssue(fault)
      }),
    name: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
      .optional()
      .describe('What its place is kept under, and what it is shown as. Default: the host.'),
    topics: z
      .array(topic)
      .min(1)
      .default([everything])
      .describe('What is carried; of several that match a topic the first counts.'),
    version: version
      .prefault('auto')
      .describe('Of MQTT; `auto` begins with 5 and takes 3.1.1 when that is refused.'),
    clientId: z.string().min(1).optional().describe('Default: `msgbus-DEVICE-NAME`.'),
    userName: z.string().optional().describe('Instead of the one in the address.'),
    password: z.string().optional().describe('Better in `passwordFile`.'),
    passwordFile: file('File with the password; the end of its line does not belong to it.'),
    cleanStart: z
      .boolean()
      .default(false)
      .describe('Keep nothing on either side while there is no connection.'),
    keepAliveSeconds: z.int().min(5).max(65_535).default(60).describe('Time between pings.'),
    loopMark: z
      .boolean()
      .default(true)
      .describe(
        'Mark what goes out (5.0, user property `msgbus-via`), and drop what comes back with the mark.',
      ),
    backOffMinMs: z
      .int()
      .min(10)
      .max(3_600_000)
      .default(1_000)
      .describe('First pause after a failure.'),
    backOffMaxMs: z.int().min(10).max(3_600_000).default(60_000).describe('Longest such pause.'),
    tls: z
      .strictObject({
        ca: file('PEM file of the authority that is trusted, instead of those of the system.'),
        cert: file('PEM file with the certificate shown to the other broker.'),
        key: file('PEM file with its private key.'),
        domain: file('Name to verify instead of the host.'),
      })
      .prefault({}),
  })
  .superRefine(({ tls, password, passwordFile }, context) => {
    if ((tls.cert === undefined) !== (tls.key === undefined)) {
      context.addIssue('tls.cert and tls.key belong together')
    }
    if (password !== undefined && passwordFile !== undefined) {
      context.addIssue('password and passwordFile exclude each other')
    }
  })

export type BridgeConfig = z.output<typeof bridge>

/** An item is its settings, or an address as on the command line. */
export const bridgesSetting = z
  .array(
    z.union([
      bridge,
      z.string().transform((text, context): BridgeConfig => {
        const parsed = bridge.safeParse(fromAddress(text))
        if (parsed.success) return parsed.data
        for (const { message, path } of parsed.error.issues) {
          context.addIssue(`${[...path].join('.')}: ${message}`)
        }
        return z.NEVER
      }),
    ]),
  )
  .default([])
  .superRefine((bridges, context) => {
    const names = bridges.map(bridgeName)
    for (const name of new Set(names)) {
      if (names.indexOf(name) === names.lastIndexOf(name)) continue
      context.addIssue(`two bridges are called ${name}; give one of them another name`)
    }
  })
  .describe('Other MQTT brokers to be connected to, and what is carried between them and here.')

/** What a bridge is called. */
export function bridgeName({ name, url }: Pick<BridgeConfig, 'name' | 'url'>): string {
  if (name !== undefined) return name
  const { host, pathname } = new URL(url)
  return (host === '' ? pathname : host).replaceAll(/[^\w.-]+/g, '-').slice(0, 64)
}

export interface BridgeAddress {
  readonly target: DialTarget
  readonly isSecure: boolean
  readonly userName: string | undefined
  readonly password: string | undefined
  /** Without user and password: for people. */
  readonly shown: string
}

/** @param url as the schema has let it pass */
export function addressOf(url: string): BridgeAddress {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const isSecure = schemes[protocol as keyof typeof schemes]
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    target:
      protocol === 'unix:'
        ? { kind: 'unix', path: decodeURIComponent(pathname) }
        : { kind: 'tcp', host, port: port === '' ? (isSecure ? 8883 : 1883) : Number(port) },
    isSecure,
    userName: decoded(username),
    password: decoded(password),
    shown:
      protocol === 'unix:' ? `unix://${pathname}` : `${protocol}//${hostname}${port && `:${port}`}`,
  }
}

function unknown(context: z.RefinementCtx): never {
  context.addIssue(`must be one of ${versions.join(', ')}`)
  return z.NEVER
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text)
}

function urlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !(url.protocol in schemes)) {
    return `${JSON.stringify(withoutSecrets(text))} is not mqtt://host:port, mqtts://host:port or unix:///path`
  }
  if (url.protocol === 'unix:' ? url.pathname.length < 2 : url.hostname === '') {
    return 'the address names no place'
  }
  if (url.protocol !== 'unix:' && url.pathname !== '' && url.pathname !== '/') {
    return `${JSON.stringify(url.pathname)} behind the host means nothing here; topics are topics=FILTER`
  }
  return undefined
}

function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@')
}

/** Settings that the query of an address may have as numbers. */
const numbers = ['keepAliveSeconds', 'backOffMinMs', 'backOffMaxMs'] as const

/**
 * `mqtt://user@host:port?out=sensors/#&in=orders/#&qos=1&remotePrefix=site-1/`: each of `in`, `out` and `both` is a filter
 * and may be repeated. Wildcards may stand there as they are.
 */
function fromAddress(text: string): Record<string, unknown> {
  const [address = '', ...rest] = text.split('?')
  const query = new URLSearchParams(rest.join('?').replaceAll('+', '%2B').replaceAll('#', '%23'))
  const given: Record<string, unknown> = { url: address }
  const topics: Record<string, unknown>[] = []
  const shared: Record<string, unknown> = {}
  for (const [key, value] of query) {
    if (key === 'in' || key === 'out' || key === 'both')
      topics.push({ filter: value, direction: key })
    else if (key === 'qos') shared['qos'] = Number(value)
    else if (key === 'localPrefix' || key === 'remotePrefix') shared[key] = value
    else if (key === 'cleanStart' || key === 'loopMark') given[key] = value === 'true'
    else if (numbers.some((each) => each === key)) given[key] = Number(value)
    else if (key === 'ca' || key === 'cert' || key === 'key' || key === 'domain') {
      given['tls'] = { ...(given['tls'] as object | undefined), [key]: value }
    } else given[key] = value
  }
  const rules = topics.length === 0 ? [{ ...everything }] : topics
  given['topics'] = rules.map((rule) => ({ ...rule, ...shared }))
  return given
}
