/** Names and values, as many as one likes. */

import type { JSX } from 'preact'
import { Icon } from './icon.tsx'

export interface HeaderRow {
  /** Unique in the form. */
  readonly key: number
  readonly name: string
  readonly value: string
}

export interface HeaderFieldsProps {
  readonly rows: readonly HeaderRow[]
  readonly onChange: (rows: readonly HeaderRow[]) => void
}

export function HeaderFields({ rows, onChange }: HeaderFieldsProps): JSX.Element {
  const change = (key: number, changed: Partial<HeaderRow>) =>
    onChange(rows.map((row) => (row.key === key ? { ...row, ...changed } : row)))
  const add = () => {
    const key = 1 + Math.max(0, ...rows.map((row) => row.key))
    onChange([...rows, { key, name: '', value: '' }])
  }
  return (
    <fieldset class="form-part">
      <legend class="label">Headers</legend>
      {rows.map(({ key, name, value }, i) => (
        <div class="header-row" key={key}>
          <input
            class="field"
            aria-label={`Name of header ${i + 1}`}
            placeholder="name"
            value={name}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => change(key, { name: event.currentTarget.value })}
          />
          <input
            class="field"
            aria-label={`Value of header ${i + 1}`}
            placeholder="value"
            value={value}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => change(key, { value: event.currentTarget.value })}
          />
          <button
            type="button"
            class="button button-quiet"
            aria-label={`Remove header ${i + 1}`}
            onClick={() => onChange(rows.filter((row) => row.key !== key))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <button type="button" class="button button-quiet" onClick={add}>
        <Icon name="plus" />
        <span>Add header</span>
      </button>
    </fieldset>
  )
}
