/** Who uses this page, as the daemon knows it: by a cookie that scripts do not see, or nobody in particular. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { SessionJson } from '../../../src/wire/http-api.ts'
import { forgetBusClient } from './bus-client.ts'
import { getJson, sendJson } from './http-api.ts'

/** Undefined until it is known, and while nobody is logged in where somebody has to be. */
export const session: Signal<SessionJson | undefined> = signal(undefined)

export type Login =
  { readonly user: string; readonly password: string } | { readonly token: string }

/** Asks who one is; does not fail. */
export async function loadSession(): Promise<void> {
  session.value = await getJson<SessionJson>('/v1/session').catch(() => undefined)
}

/** @throws ApiError with what to tell people */
export async function logIn(login: Login): Promise<void> {
  const begun = await sendJson<SessionJson>('POST', '/v1/session', login)
  // What was opened before is nobody's.
  forgetBusClient()
  session.value = begun
}

/** @throws ApiError */
export async function logOut(): Promise<void> {
  await sendJson('DELETE', '/v1/session', undefined, session.value?.csrfToken)
  forgetBusClient()
  session.value = undefined
}
