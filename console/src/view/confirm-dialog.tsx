/** Asks before something is done that cannot be undone. Escape and the first button leave everything as it is. */

import { useEffect, useId, useRef } from 'preact/hooks'
import type { ComponentChildren, JSX } from 'preact'

export function ConfirmDialog(props: {
  readonly title: string
  /** What the button that does it says. */
  readonly action: string
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={title} onClose={props.onClose}>
      <h2 id={title}>{props.title}</h2>
      <div class="dialog-text">{props.children}</div>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button
          type="button"
          class="button button-bad"
          onClick={() => {
            props.onConfirm()
            dialog.current?.close()
          }}
        >
          {props.action}
        </button>
      </div>
    </dialog>
  )
}
