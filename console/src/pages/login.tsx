/** Who one is, where the daemon wants to know. Nothing of what is typed here is kept. */

import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { announce, daemon } from '../console-context.ts'
import { logIn } from '../data/session.ts'
import type { Login } from '../data/session.ts'
import { Choice } from '../view/choice.tsx'
import { Icon } from '../view/icon.tsx'
import { Mark } from '../view/mark.tsx'

const ways = ['password', 'token'] as const
const wayNames = { password: 'Password', token: 'Token' } as const

export function LoginPage(): JSX.Element {
  const [way, setWay] = useState<(typeof ways)[number]>('password')
  const [isSending, setSending] = useState(false)
  const [failure, setFailure] = useState<string | undefined>()
  const first = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => {
    document.title = 'Log in · msgbus'
    first.current?.focus()
  }, [way])

  const submit = async (form: HTMLFormElement) => {
    const given = new FormData(form)
    const text = (name: string) => {
      const value = given.get(name)
      return typeof value === 'string' ? value : ''
    }
    const login: Login =
      way === 'token'
        ? { token: text('token').trim() }
        : { user: text('user'), password: text('password') }
    setSending(true)
    setFailure(undefined)
    try {
      await logIn(login)
      announce('Logged in')
      daemon.retry()
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
      form.querySelector<HTMLInputElement>('input[type=password]')?.select()
    }
    setSending(false)
  }

  return (
    <main class="login">
      <form
        class="card login-form"
        onSubmit={(event) => {
          event.preventDefault()
          void submit(event.currentTarget)
        }}
      >
        <h1 class="login-title">
          <Mark />
          <span>msgbus</span>
        </h1>
        <p class="dim">
          The daemon on <strong>{location.host}</strong> serves those it knows.
        </p>
        <Choice
          label="Log in by"
          options={ways.map((value) => ({ value, text: wayNames[value] }))}
          value={way}
          onChange={setWay}
        />
        {way === 'password' ? (
          <>
            <div class="form-part">
              <label class="label" for={`${id}-user`}>
                User
              </label>
              <input
                ref={first}
                id={`${id}-user`}
                name="user"
                class="field"
                required
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
              />
            </div>
            <div class="form-part">
              <label class="label" for={`${id}-password`}>
                Password
              </label>
              <input
                id={`${id}-password`}
                name="password"
                type="password"
                class="field"
                required
                autocomplete="current-password"
              />
            </div>
          </>
        ) : (
          <div class="form-part">
            <label class="label" for={`${id}-token`}>
              Token
            </label>
            <input
              ref={first}
              id={`${id}-token`}
              name="token"
              type="password"
              class="field"
              required
              autocomplete="off"
            />
          </div>
        )}
        {failure !== undefined && (
          <p class="field-note field-error" role="alert">
            {failure}
          </p>
        )}
        <div class="form-buttons">
          <button type="submit" class="button button-main" disabled={isSending}>
            <Icon name="right" />
            <span>{isSending ? 'Logging in …' : 'Log in'}</span>
          </button>
        </div>
      </form>
    </main>
  )
}
