/** The field for lines as they are typed: Enter sends, arrow up and down bring back what was sent before. */

import type { DemoSession } from './demo-session.ts'
import { part } from './page-part.ts'
import { withoutSecrets } from './tmb-command.ts'

/** Lines that can be brought back. */
const maxRecalled = 50

export function connectRawLine(session: DemoSession): void {
  const form = part(document, '[data-part=raw]', HTMLFormElement)
  const field = part(form, '[data-testid=raw-line]', HTMLInputElement)
  const sent: string[] = []
  /** Place in `sent`; its length: what is being typed now. */
  let at = 0
  let draft = ''

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const line = field.value
    if (line === '') return
    session.send([line])
    // Nobody shall find a secret by pressing a key.
    if (withoutSecrets(line) === line && sent.at(-1) !== line) sent.push(line)
    if (sent.length > maxRecalled) sent.shift()
    at = sent.length
    field.value = ''
  })

  field.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    const next = at + step
    if (step === 0 || next < 0 || next > sent.length) return
    event.preventDefault()
    if (at === sent.length) draft = field.value
    at = next
    field.value = sent[at] ?? draft
    field.setSelectionRange(field.value.length, field.value.length)
  })
}
