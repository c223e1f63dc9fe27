/** One of a few, side by side: radio buttons that look like one control. */

import { useId } from 'preact/hooks'
import type { ComponentChildren, JSX } from 'preact'

export interface ChoiceProps<Value extends string> {
  readonly label: string
  readonly options: readonly { readonly value: Value; readonly text: ComponentChildren }[]
  readonly value: Value
  readonly onChange: (value: Value) => void
  readonly isLabelShown?: boolean
}

export function Choice<Value extends string>(props: ChoiceProps<Value>): JSX.Element {
  const name = useId()
  return (
    <fieldset class="choice">
      <legend class={props.isLabelShown === true ? 'label' : 'visually-hidden'}>
        {props.label}
      </legend>
      <div class="choice-options">
        {props.options.map(({ value, text }) => (
          <label key={value} class="choice-option">
            <input
              type="radio"
              class="visually-hidden"
              name={name}
              value={value}
              checked={value === props.value}
              onChange={() => props.onChange(value)}
            />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
