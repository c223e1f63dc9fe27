/** Users, tokens and rules of the daemon, from its configuration and its data folder. */

import { join } from 'node:path'
import { Access, type AccessSettings } from '../access/access.ts'
import { systemClock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { BusError } from '../model/errors.ts'
import type { Config } from './config-schema.ts'
import { messageOf, StartError } from './start-error.ts'

/** @param data absolute. @throws StartError that names the file and what is wrong with it */
export async function openAccess(config: Config, data: string, logger: Logger): Promise<Access> {
  const settings = accessSettings(config)
  try {
    return await Access.open({ settings, folder: accessFolder(data), clock: systemClock, logger })
  } catch (error) {
    const what = error instanceof BusError ? messageOf(error) : `access: ${messageOf(error)}`
    throw new StartError(what, { cause: error })
  }
}

export function accessSettings({
  users,
  rules,
  jwt,
  identityLimits,
  access,
}: Config): AccessSettings {
  const { certificateUsers } = access
  return { users, rules, jwt, identityLimits, certificateUsers }
}

/** Where users and tokens added at run time are, and the audit log. */
export function accessFolder(data: string): string {
  return join(data, 'access')
}
