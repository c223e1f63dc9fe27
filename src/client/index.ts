/** `@msgbus/client` on Node.js: the client and its gRPC transport. */

export * from './core.ts'
export { connect, connectLazy } from './connect.ts'
export type { ConnectOptions } from './connect.ts'
export { createGrpcTransport } from './grpc-transport.ts'
export type { ClientTlsOptions, GrpcTransportOptions } from './grpc-transport.ts'
