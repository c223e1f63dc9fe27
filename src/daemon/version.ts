/** The version of the package this file was built from; package.json is the one place that says it. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Nearest folder upwards with a package.json: compiled code sits at different depths. */
export const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)))

export const version = readVersion()

function findPackageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) throw new Error(`no package.json above ${from}`)
  }
}

function readVersion(): string {
  const { version: text } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string
  }
  return text
}
