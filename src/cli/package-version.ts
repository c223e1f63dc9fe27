/** The version of the package that this program is part of; package.json is the one place that says it. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Looks upwards: compiled code sits at different depths. */
export function packageVersion(folder: string = import.meta.dirname): string {
  const file = join(folder, 'package.json')
  if (!existsSync(file)) return packageVersion(dirname(folder))
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }
  return version
}
