/** The inbox by which the mesh hears the publications that other nodes want. */

import type { Inbox, Publication } from '../../core/live.ts'

export class MeshEar implements Inbox {
  readonly queuedBytes = 0
  readonly publication: (publication: Publication) => void

  constructor(publication: (publication: Publication) => void) {
    this.publication = publication
  }

  message(): void {
    // It has no name.
  }

  broadcast(): void {
    // It has no name.
  }

  pause(): void {
    // It feeds nobody.
  }

  resume(): void {
    // It feeds nobody.
  }

  end(): void {
    // The mesh closes it.
  }
}
