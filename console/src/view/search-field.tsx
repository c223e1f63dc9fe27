/** The field of a page that `/` leads to. */

import { useEffect, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { Icon } from './icon.tsx'

export interface SearchFieldProps {
  readonly label: string
  readonly value: string
  readonly onInput: (text: string) => void
  /** Milliseconds without typing before `onInput` is called; default 0. */
  readonly delayMs?: number
  readonly onKeyDown?: (event: KeyboardEvent) => void
}

/** Marks the field for `focusSearch`. */
const mark = 'data-search'

export function SearchField(props: SearchFieldProps): JSX.Element {
  const { label, value, onInput, delayMs = 0, onKeyDown } = props
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed === value) return undefined
    const timer = setTimeout(() => onInput(typed), delayMs)
    return () => clearTimeout(timer)
  }, [typed])
  return (
    <label class="search">
      <span class="visually-hidden">{label}</span>
      <Icon name="search" />
      <input
        type="search"
        placeholder={label}
        value={typed}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && typed !== '') setTyped('')
          onKeyDown?.(event)
        }}
        {...{ [mark]: '' }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  )
}

/** False when the page has none. */
export function focusSearch(): boolean {
  const field = document.querySelector<HTMLElement>(`[${mark}]`)
  field?.focus()
  return field !== null
}
