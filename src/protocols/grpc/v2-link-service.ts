/** `msgbus.v2.LinkService`: other daemons that dial this one. What they say is for `sync`; here are only the streams. */

import { BusError } from '../../model/errors.ts'
import type { FrameHandler, FrameStream } from '../../net/frame-stream.ts'
import { linkService } from '../../wire/gen/msgbus-link.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Calls, RequestStream } from './calls.ts'
import type { ResponseStream } from './response-stream.ts'

// Frames are encoded and decoded where they are understood.
const method = {
  path: linkService.connect.path,
  requestDeserialize: (bytes: Uint8Array) => bytes,
  responseSerialize: () => new Uint8Array(0),
}

export function addLinkService(calls: Calls, { acceptLink }: AdapterContext): void {
  calls.duplex(method, (requests, responses, { client }) => {
    if (acceptLink === undefined) {
      throw new BusError('unimplemented', 'unsupported', 'this daemon has no links')
    }
    acceptLink(new LinkStream(requests, responses), client.identity)
  })
}

class LinkStream implements FrameStream {
  readonly #requests: RequestStream<Uint8Array>
  readonly #responses: ResponseStream
  #isClosed = false

  constructor(requests: RequestStream<Uint8Array>, responses: ResponseStream) {
    this.#requests = requests
    this.#responses = responses
  }

  get unsentBytes(): number {
    return this.#responses.unsentBytes
  }

  start(handler: FrameHandler): void {
    const close = (error: BusError): void => {
      if (this.#isClosed) return
      this.#isClosed = true
      handler.closed(error)
    }
    this.#requests.on('data', (frame) => {
      if (!this.#isClosed) handler.frame(frame)
    })
    this.#requests.on('end', () => {
      this.#responses.finish()
      close(new BusError('unavailable', 'connection_lost', 'the peer ended the link'))
    })
    this.#responses.onRoom = () => {
      if (!this.#isClosed) handler.room()
    }
    this.#responses.onEnd(() => {
      close(new BusError('unavailable', 'connection_lost', 'the connection of the link broke'))
    })
  }

  send(frame: Uint8Array): void {
    this.#responses.send([frame])
  }

  pause(): void {
    this.#requests.pause()
  }

  resume(): void {
    this.#requests.resume()
  }

  close(error?: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (error === undefined) this.#responses.finish()
    else this.#responses.fail(error)
  }
}
