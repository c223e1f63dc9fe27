/** What the cases of calls do again and again: register, call, answer, look at what comes. */

import assert from 'node:assert/strict'
import type { Json, RawClient } from './raw-client.ts'

export type Dict = { readonly [key: string]: Json }

/** Features as clients announce them, all of one role. */
export function announced(role: string, ...features: string[]): { readonly details: Dict } {
  const all = Object.fromEntries(features.map((feature) => [feature, true]))
  const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {}, [role]: { features: all } }
  return { details: { roles } }
}

export const everyFeature: { readonly details: Dict } = {
  details: {
    roles: {
      publisher: {},
      subscriber: { features: { subscription_revocation: true } },
      caller: {
        features: {
          progressive_call_results: true,
          progressive_call_invocations: true,
          call_canceling: true,
          payload_passthru_mode: true,
        },
      },
      callee: {
        features: {
          progressive_call_results: true,
          progressive_call_invocations: true,
          call_canceling: true,
          call_timeout: true,
          call_reroute: true,
          registration_revocation: true,
          payload_passthru_mode: true,
        },
      },
    },
  },
}

/** REGISTER, and REGISTERED; the id. */
export async function register(
  client: RawClient,
  procedure: string,
  options: Dict = {},
): Promise<number> {
  const request = client.nextRequest
  client.send([64, request, options, procedure])
  const message = await client.next()
  assert.deepEqual(message.slice(0, 2), [65, request], JSON.stringify(message))
  return Number(message[2])
}

/** REGISTER, and the URI of the ERROR. */
export async function registerFails(
  client: RawClient,
  procedure: string,
  options: Dict = {},
): Promise<Json> {
  const request = client.nextRequest
  client.send([64, request, options, procedure])
  const message = await client.next()
  assert.deepEqual(message.slice(0, 3), [8, 64, request], JSON.stringify(message))
  return message[4]
}

/** CALL; the id of the request. */
export function call(
  client: RawClient,
  procedure: string,
  options: Dict = {},
  ...payload: Json[]
): number {
  const request = client.nextRequest
  client.send([48, request, options, procedure, ...payload])
  return request
}

export interface Invoked {
  readonly id: number
  readonly registration: number
  readonly details: Dict
  readonly args: Json
  readonly kwargs: Json
}

/** The next message must be an INVOCATION. */
export async function invocation(client: RawClient): Promise<Invoked> {
  const message = await client.next()
  assert.equal(message[0], 68, JSON.stringify(message))
  const [, id, registration, details, args = [], kwargs = {}] = message
  return {
    id: Number(id),
    registration: Number(registration),
    details: details as Dict,
    args,
    kwargs,
  }
}

export function answer(client: RawClient, id: number, ...payload: Json[]): void {
  client.send([70, id, {}, ...payload])
}

export function progress(client: RawClient, id: number, ...payload: Json[]): void {
  client.send([70, id, { progress: true }, ...payload])
}

export function fail(client: RawClient, id: number, uri: string, ...payload: Json[]): void {
  client.send([8, 68, id, {}, uri, ...payload])
}

/** The next message must be the ERROR to a CALL; its URI. */
export async function callError(client: RawClient, request: number): Promise<Json> {
  const message = await client.next()
  assert.deepEqual(message.slice(0, 3), [8, 48, request], JSON.stringify(message))
  return message[4]
}

/** Calls a procedure of the router; its first result. */
export async function meta(
  client: RawClient,
  procedure: string,
  ...payload: Json[]
): Promise<Json> {
  const request = call(client, procedure, {}, ...payload)
  const message = await client.next()
  assert.deepEqual(message.slice(0, 2), [50, request], JSON.stringify(message))
  const [, , , args = []] = message
  return Array.isArray(args) ? args[0] : undefined
}

/** Calls a procedure of the router; the URI of the ERROR. */
export async function metaError(
  client: RawClient,
  procedure: string,
  ...payload: Json[]
): Promise<Json> {
  return callError(client, call(client, procedure, {}, ...payload))
}
