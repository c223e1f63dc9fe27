/** What a realm does with calls and registrations (spec/wamp 8). */

import { messageTypes } from '../../wire/wamp/message-types.ts'
import type {
  CallMessage,
  CancelMessage,
  ClientErrorMessage,
  RegisterMessage,
  UnregisterMessage,
  YieldMessage,
} from '../../wire/wamp/messages.ts'
import type { WampSession } from './session.ts'
import { errorUris } from './translate-error.ts'

/**
 * Messages are handled in the order in which they came. Their payloads are borrowed; whoever keeps one takes
 * `payload.toOwned()`. `ProtocolError` is a violation: it ends the session.
 */
export interface Dealer {
  /** As WELCOME announces them. */
  readonly features: Readonly<Record<string, boolean>>
  call(session: WampSession, message: CallMessage): void
  cancel(session: WampSession, message: CancelMessage): void
  register(session: WampSession, message: RegisterMessage): void
  unregister(session: WampSession, message: UnregisterMessage): void
  yield(session: WampSession, message: YieldMessage): void
  error(session: WampSession, message: ClientErrorMessage): void
  /** It is over; nothing more can be sent to it. After the broker has forgotten its subscriptions. */
  sessionClosed(session: WampSession): void
}

/** A dealer without procedures. */
export class EmptyDealer implements Dealer {
  readonly features = {}

  call(session: WampSession, { request, procedure }: CallMessage): void {
    const text = `nobody offers the procedure ${procedure}`
    session.sendError(messageTypes.call, request, errorUris.noSuchProcedure, [text])
  }

  cancel(): void {
    // There is no call under way.
  }

  register(session: WampSession, { request }: RegisterMessage): void {
    const text = 'procedures cannot be registered here'
    session.sendError(messageTypes.register, request, errorUris.notAuthorized, [text])
  }

  unregister(session: WampSession, { request }: UnregisterMessage): void {
    const text = 'nothing is registered'
    session.sendError(messageTypes.unregister, request, errorUris.noSuchRegistration, [text])
  }

  yield(): void {
    // An answer that comes too late.
  }

  error(): void {
    // An answer that comes too late.
  }

  sessionClosed(): void {
    // It had nothing.
  }
}
