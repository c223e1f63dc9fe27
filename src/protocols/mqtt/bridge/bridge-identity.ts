/** As whom a bridge acts on the bus: rules speak of `bridge.<name>`, and have to allow what it does. */

import type { Identity } from '../../../model/identity.ts'

export function bridgeIdentity(name: string): Identity {
  return { user: `bridge.${name}`, groups: [], method: 'link' }
}
