/** A payload as text, JSON or hex. It is untrusted: it becomes text nodes and files, never markup. */

import { useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { announce } from '../console-context.ts'
import { bestForm, payloadForms, prettyJson, showPayload } from '../data/payload-forms.ts'
import type { PayloadForm } from '../data/payload-forms.ts'
import { formatBytes } from '../format.ts'
import { Choice } from './choice.tsx'
import { Icon } from './icon.tsx'

export const formNames: Readonly<Record<PayloadForm, string>> = {
  text: 'Text',
  json: 'JSON',
  hex: 'Hex',
}

const extensions: Readonly<Record<PayloadForm, string>> = { text: 'txt', json: 'json', hex: 'bin' }

export interface PayloadViewProps {
  readonly payload: Uint8Array
  /** Of the whole; larger than `payload` when only its beginning is here. */
  readonly size: number
  /** Name of the file it is saved to, without an extension. */
  readonly fileName: string
  /** Fetches the whole; absent: it cannot be had. */
  readonly loadAll?: (() => void) | undefined
}

export function PayloadView({ payload, size, fileName, loadAll }: PayloadViewProps): JSX.Element {
  const [chosen, choose] = useState<PayloadForm>()
  const form = chosen ?? bestForm(payload)
  const { text, hiddenBytes } = showPayload(payload, form)
  const missing = size - payload.length
  const isNoJson = form === 'json' && size > 0 && prettyJson(payload) === undefined
  return (
    <div class="payload">
      <div class="payload-tools">
        <Choice
          label="Show payload as"
          options={payloadForms.map((value) => ({ value, text: formNames[value] }))}
          value={form}
          onChange={choose}
        />
        <span class="payload-size">{formatBytes(size)}</span>
        {/* Browsers give the clipboard to pages of this machine and of TLS only. */}
        {'clipboard' in navigator && (
          <button
            type="button"
            class="button button-quiet"
            onClick={() => void copyText(text)}
            title="Copy what is shown"
          >
            <Icon name="copy" />
            <span>Copy</span>
          </button>
        )}
        <button
          type="button"
          class="button button-quiet"
          disabled={missing > 0}
          onClick={() => save(payload, `${fileName}.${extensions[bestForm(payload)]}`)}
          title={missing > 0 ? 'Load the whole payload first' : 'Save the payload to a file'}
        >
          <Icon name="download" />
          <span>Save</span>
        </button>
      </div>
      {isNoJson && <p class="payload-note">Not JSON; shown as text.</p>}
      {size === 0 ? (
        <p class="payload-note">The payload is empty.</p>
      ) : (
        <pre class={`payload-text payload-${form}`} tabIndex={0} role="group" aria-label="Payload">
          {text}
        </pre>
      )}
      {missing + hiddenBytes > 0 && (
        <p class="payload-note">
          {formatBytes(missing + hiddenBytes)} more are not shown.{' '}
          {missing > 0 && loadAll !== undefined && (
            <button type="button" class="button-link" onClick={loadAll}>
              Load all {formatBytes(size)}
            </button>
          )}
        </p>
      )}
    </div>
  )
}

async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    announce('Copied')
  } catch (error) {
    announce(`Not copied: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function save(payload: Uint8Array, fileName: string): void {
  // Of no type that a browser would open or rename.
  const type = 'application/octet-stream'
  const url = URL.createObjectURL(new Blob([payload.slice()], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = fileName
  link.click()
  // The download holds the bytes itself once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
