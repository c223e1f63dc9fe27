/** `@msgbus/client/tmb`: the client for servers that speak TMB, the text bus, on Node.js. */

export { BusError } from '../../model/errors.ts'
export type { BusErrorCode, ErrorReason } from '../../model/errors.ts'
export { tmbKinds } from '../../wire/tmb/words.ts'
export type { TmbKind } from '../../wire/tmb/words.ts'
export type { ClientTlsOptions } from '../grpc-transport.ts'
export type { ReconnectOptions } from '../reconnect-delay.ts'
export type { CommandOptions } from './connection.ts'
export { TmbCategory, TmbMessage } from './received-message.ts'
export type { SubscribeOptions } from './server-state.ts'
export type { TmbAddressOptions } from './tmb-address.ts'
export { TmbClient, connect } from './tmb-client.ts'
export type { PublishOptions } from './tmb-client.ts'
export { TmbError } from './tmb-error.ts'
export type {
  TmbAuth,
  TmbClientOptions,
  TmbEvents,
  TmbListeners,
  TmbOptionValues,
  TmbSubscription,
} from './tmb-options.ts'
