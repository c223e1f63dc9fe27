/**
 * The header that a proxy puts before a connection to say where it comes from: PROXY protocol, versions 1 (a line) and 2
 * (binary), as HAProxy describes them. Strict: a header is expected or it is not, nothing is guessed, and whoever may
 * send one is configured, since everything it says is believed.
 */

import { BlockList, isIP, isIPv4, type Socket } from 'node:net'
import { formatHostPort } from './address.ts'

/** The header is not there, or is not well formed: the connection must be closed. */
export class ProxyProtocolError extends Error {
  constructor(message: string) {
    super(`PROXY protocol: ${message}`)
    this.name = 'ProxyProtocolError'
  }
}

export interface ProxyHeader {
  /** Bytes of it. */
  readonly length: number
  /** `ip:port` of whom the proxy speaks for; undefined: of itself, or of somebody without an address. */
  readonly source: string | undefined
}

const signature = Buffer.from([13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10])
const lineStart = Buffer.from('PROXY ')
/** Version 1, its end of line included. */
const lineBytesMost = 107
/** Version 2 behind its first 16 bytes: addresses and what else a proxy says. */
const blockBytesMost = 4_096
const fixedBytes = 16

/**
 * Reads the header at the beginning of what has come so far; undefined: there is more to come.
 * @throws ProxyProtocolError
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsLike(bytes, signature)) return parseBlock(bytes)
  if (startsLike(bytes, lineStart)) return parseLine(bytes)
  throw new ProxyProtocolError('the connection does not begin with a header')
}

/** Whether the bytes begin with the mark, as far as they have come. */
function startsLike(bytes: Buffer, mark: Buffer): boolean {
  const length = Math.min(bytes.length, mark.length)
  return bytes.subarray(0, length).equals(mark.subarray(0, length))
}

function parseLine(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, lineBytesMost).indexOf('\r\n')
  if (end === -1) {
    if (bytes.length >= lineBytesMost) throw new ProxyProtocolError('the line is too long')
    return undefined
  }
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  const [, kind, source = '', target = '', sourcePort = '', targetPort = '', ...more] =
    line.split(' ')
  // Whatever stands behind it is not looked at.
  if (kind === 'UNKNOWN') return { length, source: undefined }
  const family = kind === 'TCP4' ? 4 : kind === 'TCP6' ? 6 : -1
  const areAddresses = isIP(source) === family && isIP(target) === family
  const arePorts = isPort(sourcePort) && isPort(targetPort)
  if (!areAddresses || !arePorts || more.length > 0) {
    throw new ProxyProtocolError('the line is not well formed')
  }
  return { length, source: formatHostPort(source, Number(sourcePort)) }
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function parseBlock(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < fixedBytes) return undefined
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const blockLength = bytes.readUInt16BE(14)
  if (command !== 0x20 && command !== 0x21) throw new ProxyProtocolError('an unknown command')
  if (blockLength > blockBytesMost) throw new ProxyProtocolError('the header is too long')
  const length = fixedBytes + blockLength
  if (bytes.length < length) return undefined
  const addressBytes = { 0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216 }[family]
  // The proxy speaks for itself, as it does to see whether we are there: nothing else of it counts.
  if (command === 0x20) return { length, source: undefined }
  if (addressBytes === undefined) throw new ProxyProtocolError('not a stream over TCP or a socket')
  if (blockLength < addressBytes) throw new ProxyProtocolError('the addresses are cut short')
  checkRest(bytes, fixedBytes + addressBytes, family === 0 ? fixedBytes : length)
  return { length, source: sourceOf(bytes, family) }
}

/** Type, length and value, one after the other. */
function checkRest(bytes: Buffer, from: number, end: number): void {
  let at = from
  while (at < end) {
    if (end - at < 3) throw new ProxyProtocolError('a field is cut short')
    at += 3 + bytes.readUInt16BE(at + 1)
  }
  if (at > end) throw new ProxyProtocolError('a field is cut short')
}

function sourceOf(bytes: Buffer, family: number): string | undefined {
  if (family === 0x11) {
    return formatHostPort([...bytes.subarray(16, 20)].join('.'), bytes.readUInt16BE(24))
  }
  if (family !== 0x21) return undefined
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16))
  // In the short form that everybody else writes.
  const { hostname } = new URL(`http://[${groups.join(':')}]`)
  return formatHostPort(hostname.slice(1, -1), bytes.readUInt16BE(48))
}

/** Addresses of proxies: single ones, or networks as `10.0.0.0/8`. */
export class ProxySources {
  readonly #list = new BlockList()

  /** What is wrong with one of them, for people; undefined: nothing. */
  static faultOf(text: string): string | undefined {
    const [address = '', bits, ...more] = text.split('/')
    const most = isIPv4(address) ? 32 : 128
    const isNumber = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
    if (isIP(address) !== 0 && isNumber && more.length === 0) return undefined
    return `${JSON.stringify(text)} is neither an IP address nor a network`
  }

  /** @throws Error when one of them is neither */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const fault = ProxySources.faultOf(text)
      if (fault !== undefined) throw new Error(fault)
      const [address = '', bits] = text.split('/')
      const type = isIPv4(address) ? 'ipv4' : 'ipv6'
      if (bits === undefined) this.#list.addAddress(address, type)
      else this.#list.addSubnet(address, Number(bits), type)
    }
  }

  has(address: string | undefined): boolean {
    if (address === undefined) return false
    // IPv4 as a listener on :: sees it.
    const plain = address.replace(/^::ffff:(?=[\d.]+$)/, '')
    return this.#list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
  }
}

/**
 * Takes the header off a connection of which nothing was read yet, and leaves what follows to be read.
 * @throws ProxyProtocolError, also when the header does not come in time; the system's error
 */
export async function takeProxyHeader(socket: Socket, timeoutMs: number): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let seen: Buffer = Buffer.alloc(0)
    const late = setTimeout(() => fail(new ProxyProtocolError('no header in time')), timeoutMs)
    const cleanUp = () => {
      clearTimeout(late)
      socket.off('readable', look).off('error', fail).off('close', ended).off('end', ended)
    }
    const fail = (error: Error) => {
      cleanUp()
      reject(error)
    }
    const ended = () => fail(new ProxyProtocolError('the connection ended before its header'))
    const look = () => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      try {
        const header = parseProxyHeader(seen)
        if (header === undefined) return
        cleanUp()
        if (seen.length > header.length) socket.unshift(seen.subarray(header.length))
        resolve(header)
      } catch (error) {
        fail(error as Error)
      }
    }
    socket.on('readable', look).on('error', fail).on('close', ended).on('end', ended)
    look()
  })
}
