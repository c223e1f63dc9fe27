/** How failures of engines and file systems become the errors of the store port. */

import { BusError } from '../model/errors.ts'

export function diskFull(folder: string, cause: unknown): BusError {
  const text = `there is no space left for the store in ${folder}`
  return new BusError('resource_exhausted', 'disk_full', text, { cause })
}

export function storageFailed(folder: string, cause: unknown): BusError {
  const what = cause instanceof Error ? cause.message : String(cause)
  return new BusError('internal', 'storage_failed', `the store in ${folder} failed: ${what}`, {
    cause,
  })
}

/** `packageName` is an optional dependency whose import failed. */
export function engineMissing(engine: string, packageName: string, cause: unknown): BusError {
  const text =
    `the storage engine ${engine} is not installed: run \`npm install ${packageName}\`, ` +
    'or choose another one with --storage'
  return new BusError('failed_precondition', 'engine_missing', text, { cause })
}

/** What a file system call failed for, in words, with the folder it was about. */
export function folderUnusable(folder: string, cause: unknown): BusError {
  const code = errorCode(cause)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const text = `the data folder ${folder} cannot be written to (${code}): check its owner and mode`
    return new BusError('permission_denied', 'storage_failed', text, { cause })
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    const text = `the data folder ${folder} is not a folder`
    return new BusError('failed_precondition', 'foreign_data', text, { cause })
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(folder, cause)
  return storageFailed(folder, cause)
}

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
