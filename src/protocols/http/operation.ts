/**
 * An operation of the API as data: how it is asked, what it answers and what it does stand in one place, and the router,
 * the checks of parameters and the OpenAPI document are made from it. What is not described here cannot be asked.
 */

import type { OutgoingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { ApiCall } from './api-call.ts'
import { parseQuery, type RawQuery } from './query.ts'

/** What is answered when nothing went wrong. Failures are thrown. */
export type Answer =
  | { readonly kind: 'json'; readonly body: object }
  | {
      readonly kind: 'bytes'
      readonly bytes: Uint8Array
      readonly headers: OutgoingHttpHeaders
    }
  /** The operation has begun to answer by itself, and goes on. */
  | { readonly kind: 'stream' }

/** How an answer is described. */
export interface AnswerSpec {
  readonly description: string
  /** Of JSON; absent for other types. */
  readonly schema?: z.ZodType
  /** Default: application/json. */
  readonly contentType?: string
}

export interface BodySpec {
  readonly description: string
  /** By content type, what may come; a schema for those that are JSON. */
  readonly content: Readonly<Record<string, z.ZodType | undefined>>
}

interface OperationSpec<Query extends z.ZodObject> {
  /** Name of the operation in the document, and of the function in clients made from it. */
  readonly id: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: `/v1/${string}`
  readonly tag: string
  /** One line. */
  readonly summary: string
  readonly description?: string
  readonly query: Query
  /** Request headers that mean something, with their texts. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodySpec
  readonly answer: AnswerSpec
  /** Statuses of failures that are worth a word, besides 400, 403, 421 and 503. */
  readonly failures?: Readonly<Record<number, string>>
  /** It writes its answer bit by bit, for as long as it takes. */
  readonly isStream?: boolean
  readonly run: (call: ApiCall, query: z.output<Query>) => Answer | Promise<Answer>
}

/** As the router takes it, whatever its parameters are. */
export interface Operation extends Omit<OperationSpec<z.ZodObject>, 'run'> {
  /** @throws BusError, also for parameters that are wrong */
  handle(call: ApiCall, query: RawQuery): Answer | Promise<Answer>
}

export function operation<Query extends z.ZodObject>(spec: OperationSpec<Query>): Operation {
  const { run, ...rest } = spec
  return { ...rest, handle: (call, query) => run(call, parseQuery(spec.query, query)) }
}

export function json(body: object): Answer {
  return { kind: 'json', body }
}
