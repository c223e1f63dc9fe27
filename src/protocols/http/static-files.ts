/**
 * The web console and the demo page: files of the folder that the build makes, read into memory at start, so that no
 * request reaches the file system. They are compressed when somebody first asks for it.
 *
 * The pages may load nothing but their own files and talk to nobody but this listener; nobody may frame them.
 */

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { commonHeaders, pathOf, send } from './answer.ts'
import { methodNotAllowed } from './http-error.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

/** Of images and fonts nothing can be spared. */
const isCompressible = (type: string) => /^text\/|json$|svg/.test(type)
/** Below it an answer fits one packet as it is. */
const smallBytes = 1_000

// `'self'` covers WebSockets of the same host and port, too (CSP 3, 6.7.2.8).
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

interface StaticFile {
  readonly type: string
  readonly bytes: Buffer
  /** Of its content; each encoding has its own. */
  readonly tag: string
  /** Its name changes with its content. */
  readonly isImmutable: boolean
  br?: Promise<Buffer>
  gzip?: Promise<Buffer>
}

const encoders = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const
type Encoding = keyof typeof encoders

export class StaticFiles {
  readonly #files = new Map<string, StaticFile>()

  /** Reads the folder; one that is not there has no files. */
  async load(folder: string): Promise<void> {
    const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      },
    )
    for (const entry of names) {
      const type = contentTypes[extname(entry.name)]
      if (!entry.isFile() || type === undefined) continue
      const file = join(entry.parentPath, entry.name)
      const path = `/${relative(folder, file).split(sep).join('/')}`
      this.#add(path, type, await readFile(file))
    }
  }

  /**
   * Answers, if there is such a file.
   * @throws HttpError 405
   */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = pathOf(request)
    const file = this.#files.get(path)
    if (file === undefined) return this.#redirect(path, response)
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(path, 'GET, HEAD')
    await answerFile(file, request, response)
    return true
  }

  #add(path: string, type: string, bytes: Buffer): void {
    const tag = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
    const isImmutable = path.startsWith('/assets/')
    const file = { type, bytes, tag, isImmutable }
    // A page is at its folder and nowhere else.
    this.#files.set(path.endsWith('/index.html') ? path.slice(0, -'index.html'.length) : path, file)
  }

  /** `/demo` is meant to be `/demo/`. */
  #redirect(path: string, response: ServerResponse): boolean {
    if (!this.#files.has(`${path}/`)) return false
    send(response, 308, '', { location: `${path.slice(path.lastIndexOf('/') + 1)}/` })
    return true
  }
}

async function answerFile(
  file: StaticFile,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { type, bytes, isImmutable } = file
  const encoding = encodingFor(file, request.headers['accept-encoding'])
  const etag = `"${file.tag}${encoding === undefined ? '' : `-${encoding}`}"`
  const headers = {
    etag,
    'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    'content-security-policy': pagePolicy,
    'cross-origin-opener-policy': 'same-origin',
  }
  if (request.headers['if-none-match']?.split(/\s*,\s*/).includes(etag) === true) {
    response.writeHead(304, { ...commonHeaders, ...headers }).end()
    return
  }
  const body = encoding === undefined ? bytes : await encoded(file, encoding)
  const encodingHeader = encoding === undefined ? {} : { 'content-encoding': encoding }
  send(response, 200, body, { 'content-type': type, ...encodingHeader, ...headers })
}

async function encoded(file: StaticFile, encoding: Encoding): Promise<Buffer> {
  return (file[encoding] ??= encoders[encoding](file.bytes))
}

/** The better one of those that the client takes. */
function encodingFor({ type, bytes }: StaticFile, accepted = ''): Encoding | undefined {
  if (bytes.length < smallBytes || !isCompressible(type)) return undefined
  const taken = new Set<string>()
  for (const item of accepted.toLowerCase().split(',')) {
    const [name = '', quality = ''] = item.trim().split(/\s*;\s*/)
    if (!/^q=0(\.0*)?$/.test(quality)) taken.add(name)
  }
  if (taken.has('br')) return 'br'
  return taken.has('gzip') ? 'gzip' : undefined
}
