/** Questions to the HTTP API of the daemon that the page came from. */

import type { ErrorJson } from '../../../src/wire/http-api.ts'

const timeoutMs = 10_000

/** The daemon did not answer, or refused. The message is for people. */
export class ApiError extends Error {
  /** 0: there was no answer. */
  readonly status: number
  /** Stable word for programs; empty when there was no answer. */
  readonly reason: string

  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApiError'
    this.status = status
    this.reason = reason
  }
}

/**
 * What the daemon answers to `GET path`. The type is what http-api.ts promises for the path; page and daemon come
 * from one build.
 * @param query parameters that are undefined are left out
 * @throws ApiError
 */
export async function getJson<T>(
  path: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
  signal?: AbortSignal,
): Promise<T> {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) params.set(key, String(value))
  }
  const limit = AbortSignal.timeout(timeoutMs)
  const url = params.size === 0 ? path : `${path}?${params.toString()}`
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  }).catch((error: unknown) => {
    throw new ApiError(0, '', 'The daemon does not answer.', { cause: error })
  })
  if (!response.ok) throw await refusal(response)
  return (await response.json()) as T
}

/**
 * What the daemon answers to a request that changes something.
 * @param csrfToken of the session of this page, where there is one
 * @throws ApiError
 */
export async function sendJson<T>(
  method: 'POST' | 'DELETE',
  path: string,
  body: object | undefined,
  csrfToken?: string,
): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(csrfToken !== undefined && { 'msgbus-csrf': csrfToken }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    throw new ApiError(0, '', 'The daemon does not answer.', { cause: error })
  })
  if (!response.ok) throw await refusal(response)
  return (await response.json()) as T
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as ErrorJson
    return new ApiError(response.status, error.reason, error.message)
  } catch (cause) {
    const text = `The daemon answered ${response.status} ${response.statusText}.`
    return new ApiError(response.status, '', text, { cause })
  }
}
