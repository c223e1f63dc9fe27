/** The name of an MQTT client on the bus: `mqtt.` and its client id, which may be any text that MQTT allows. */

import { createHash } from 'node:crypto'

/** The bus takes 65,535 bytes; ids of that length are no use to people anyway. */
const readableBytesMost = 1_024

/** Another name for each client id. */
export function busNameOf(clientId: string): string {
  // `%%` marks secondaries of other clients; a leading `#` is kept for what stands here for the id itself.
  const isReadable =
    !clientId.includes('%%') &&
    !clientId.startsWith('#') &&
    Buffer.byteLength(clientId) <= readableBytesMost
  if (isReadable) return `mqtt.${clientId}`
  return `mqtt.#${createHash('sha256').update(clientId).digest('base64url')}`
}
