// How a scripted call fails: a status, and the trailer that names the daemon's reason.

import { Metadata, status } from '@grpc/grpc-js'

export function toFailure({ code, number, reason, message }) {
  const metadata = new Metadata()
  if (reason !== undefined) metadata.set('msgbus-reason', reason)
  return Object.assign(new Error(message), {
    code: number ?? status[code],
    details: message,
    metadata,
  })
}

export function fail(call, failure) {
  call.emit('error', toFailure(failure))
}
