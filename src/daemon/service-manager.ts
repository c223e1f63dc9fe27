/**
 * Tells systemd that the daemon is ready (`Type=notify`). The notification is one datagram to a
 * Unix socket, which Node cannot send by itself, so systemd's own small program does; without a
 * notification socket nothing happens.
 */

import { execFile } from 'node:child_process'
import process from 'node:process'
import type { Logger } from '../core/logger.ts'

export function notifyServiceManager(logger: Logger): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], { timeout: 5000 }, (error) => {
    if (error !== null) logger.warn('service_manager_not_told', { reason: error.message })
  })
}
