/** Reads what other daemons say about themselves by multicast DNS. It comes from anybody: whatever is odd is passed over. */

export const service = '_msgbus._tcp.local'

/** A record of an answer, as far as it matters here. */
export interface Answer {
  readonly name: string
  readonly type: string
  readonly ttl?: number | undefined
  readonly data?: unknown
}

export interface Announcement {
  readonly node: string
  readonly version: string
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** It says that it goes. */
  readonly isGoing: boolean
}

const nodeBytesMost = 255 * 3 + 2
const instancesMost = 100

export function readAnswers(answers: readonly Answer[]): Announcement[] {
  const ports = new Map<string, number>()
  const texts = new Map<string, { fields: Map<string, string>; ttl: number }>()
  for (const { name, type, ttl = 0, data } of answers) {
    if (!name.endsWith(`.${service}`) || ports.size + texts.size > instancesMost) continue
    if (type === 'SRV') {
      const port = portOf(data)
      if (port !== undefined) ports.set(name, port)
    } else if (type === 'TXT') texts.set(name, { fields: fieldsOf(data), ttl })
  }
  const found: Announcement[] = []
  for (const [name, { fields, ttl }] of texts) {
    const port = ports.get(name)
    const node = fields.get('node') ?? ''
    const scheme = fields.get('scheme') ?? 'http'
    if (port === undefined || !isNode(node) || (scheme !== 'http' && scheme !== 'https')) continue
    const version = (fields.get('version') ?? '').slice(0, 64)
    found.push({ node, version, scheme, port, isGoing: ttl === 0 })
  }
  return found
}

function portOf(data: unknown): number | undefined {
  if (typeof data !== 'object' || data === null || !('port' in data)) return undefined
  const { port } = data
  return typeof port === 'number' && port > 0 && port < 65_536 ? port : undefined
}

function fieldsOf(data: unknown): Map<string, string> {
  const fields = new Map<string, string>()
  for (const item of Array.isArray(data) ? data : [data]) {
    if (!(item instanceof Uint8Array)) continue
    const text = new TextDecoder().decode(item)
    const at = text.indexOf('=')
    if (at > 0) fields.set(text.slice(0, at), text.slice(at + 1))
  }
  return fields
}

/** `tenant/bl/device`, of characters that people can read. */
function isNode(text: string): boolean {
  return text.length <= nodeBytesMost && /^[^/\p{C}]+\/[^/\p{C}]+\/[^/\p{C}]+$/u.test(text)
}
