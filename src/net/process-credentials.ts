/**
 * Which process is at the other end of a Unix socket, as the kernel noted it when that process connected (unix(7),
 * SO_PEERCRED). Node has no call for it, so libc is asked through `koffi`, an optional package. On systems other than
 * Linux, and where the package is missing, nobody is known this way; whoever maps processes to users finds none then
 * and has to ask for something else.
 */

import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { ProcessCredentials } from '../core/authentication.ts'

type Getsockopt = (
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
  length: number[],
) => number

// asm-generic/socket.h; the few architectures with other numbers are none that Node runs on.
const solSocket = 1
const soPeercred = 17
/** struct ucred: pid, uid, gid. */
const credentialBytes = 12

/** Undefined until somebody asks for the first time; null: it cannot be had here. */
let getsockopt: Getsockopt | null | undefined

/** Whether processes can be told apart on this system. */
export function canIdentifyProcesses(): boolean {
  getsockopt ??= load()
  return getsockopt !== null
}

/** Of a Unix socket, TLS over one included. Undefined when it is closed already, or cannot be asked. */
export function processCredentialsOf(socket: Socket): ProcessCredentials | undefined {
  if (!canIdentifyProcesses()) return undefined
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd
  if (fd === undefined || fd < 0) return undefined
  const value = Buffer.alloc(credentialBytes)
  const length = [credentialBytes]
  const failed = getsockopt?.(fd, solSocket, soPeercred, value, length)
  if (failed !== 0 || length[0] !== credentialBytes) return undefined
  const [pid, uid, gid] = new Uint32Array(value.buffer, value.byteOffset, 3)
  // TCP sockets answer too, with no process.
  if (pid === undefined || uid === undefined || gid === undefined || pid === 0) return undefined
  return { pid, uid, gid }
}

function load(): Getsockopt | null {
  if (process.platform !== 'linux') return null
  try {
    // The package is optional, so it is not imported.
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const libc = koffi.load(null)
    return libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)')
  } catch {
    return null
  }
}
