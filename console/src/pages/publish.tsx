/** Publishing by hand: what it takes, and what the daemon made of it. */

import { useId, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { BusError } from '../../../src/client/browser.ts'
import { announce, route } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { payloadForms, readPayload } from '../data/payload-forms.ts'
import type { PayloadForm } from '../data/payload-forms.ts'
import { originText } from '../data/shown-message.ts'
import { formatBytes, formatCount, formatTime } from '../format.ts'
import { formatRoute } from '../route.ts'
import { Choice } from '../view/choice.tsx'
import { HeaderFields } from '../view/header-fields.tsx'
import type { HeaderRow } from '../view/header-fields.tsx'
import { Icon } from '../view/icon.tsx'
import { Card, Facts, Failure, PageHead } from '../view/notices.tsx'
import { formNames } from '../view/payload-view.tsx'

type Source = PayloadForm | 'file'
type Keeping = 'stored' | 'live'

/** What became of a publication. */
type Outcome =
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'live'; readonly topic: string; readonly size: number }
  | {
      readonly kind: 'stored'
      readonly topic: string
      readonly origin: string
      readonly headId: number
      readonly id: string
      readonly createdAtMs: number
      readonly size: number
    }

const sources: readonly Source[] = [...payloadForms, 'file']

export function PublishPage(): JSX.Element {
  const [topic, setTopic] = useState(route.value.params['topic'] ?? '')
  const [source, setSource] = useState<Source>('text')
  const [text, setText] = useState('')
  const [file, setFile] = useState<File>()
  const [headers, setHeaders] = useState<readonly HeaderRow[]>([])
  const [keeping, setKeeping] = useState<Keeping>('stored')
  const [isSending, setSending] = useState(false)
  const [outcome, setOutcome] = useState<Outcome>()
  const id = useId()

  const publish = async () => {
    setSending(true)
    try {
      const payload = source === 'file' ? await readFile(file) : readPayload(text, source)
      const done = await send({ topic, payload, headers: headerObject(headers), keeping })
      setOutcome(done)
      announce(done.kind === 'stored' ? `Stored as number ${done.headId}` : 'Published')
    } catch (error) {
      setOutcome({ kind: 'failed', text: failureText(error) })
    }
    setSending(false)
  }
  const submit = (event: Event) => {
    event.preventDefault()
    if (!isSending) void publish()
  }
  const submitByKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event)
  }
  return (
    <>
      <PageHead title="Publish" text="Sends one message, as a program would." />
      <div class="publish">
        <Card>
          <form class="form" onSubmit={submit} onKeyDown={submitByKey}>
            <div class="form-part">
              <label class="label" for={`${id}-topic`}>
                Topic
              </label>
              <input
                id={`${id}-topic`}
                class="field"
                value={topic}
                required
                placeholder="plant/line-3/temperature"
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => setTopic(event.currentTarget.value)}
              />
            </div>
            <div class="form-part">
              <Choice
                label="Payload"
                isLabelShown
                options={sources.map((value) => ({
                  value,
                  text: value === 'file' ? 'File' : formNames[value],
                }))}
                value={source}
                onChange={setSource}
              />
              {source === 'file' ? (
                <input
                  type="file"
                  class="field"
                  aria-label="File to publish"
                  required
                  onChange={(event) => setFile(event.currentTarget.files?.[0])}
                />
              ) : (
                <textarea
                  class="field payload-field"
                  aria-label="Payload"
                  rows={8}
                  value={text}
                  placeholder={placeholders[source]}
                  spellcheck={false}
                  onInput={(event) => setText(event.currentTarget.value)}
                />
              )}
            </div>
            <HeaderFields rows={headers} onChange={setHeaders} />
            <div class="form-part">
              <Choice
                label="Keep it"
                isLabelShown
                options={[
                  { value: 'stored', text: 'Stored' },
                  { value: 'live', text: 'Live only' },
                ]}
                value={keeping}
                onChange={setKeeping}
              />
              <p class="field-note">
                {keeping === 'stored'
                  ? 'It is acknowledged once it is stored, and stays readable.'
                  : 'Subscribers who are there get it. It is not stored, and nobody answers.'}
              </p>
            </div>
            <div class="form-buttons">
              <button type="submit" class="button button-main" disabled={isSending}>
                <Icon name="publish" />
                <span>{isSending ? 'Publishing …' : 'Publish'}</span>
              </button>
              <span class="dim">
                <kbd>Ctrl</kbd> <kbd>Enter</kbd>
              </span>
            </div>
          </form>
        </Card>
        <div class="publish-outcome">{outcome !== undefined && <Result outcome={outcome} />}</div>
      </div>
    </>
  )
}

const placeholders: Readonly<Record<PayloadForm, string>> = {
  text: 'hello',
  json: '{ "temperature": 21.5 }',
  hex: '48 65 6c 6c 6f',
}

async function send(message: {
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly keeping: Keeping
}): Promise<Outcome> {
  const { topic, payload, headers, keeping } = message
  const size = payload.length
  if (keeping === 'live') {
    await busClient().publish(topic, payload, { headers, stored: false })
    return { kind: 'live', topic, size }
  }
  const stored = await busClient().publish(topic, payload, { headers })
  return {
    kind: 'stored',
    topic,
    origin: originText(stored.origin),
    headId: Number(stored.headId),
    id: stored.id,
    createdAtMs: stored.createdAtMs,
    size,
  }
}

async function readFile(file: File | undefined): Promise<Uint8Array> {
  if (file === undefined) throw new Error('Choose a file first')
  return new Uint8Array(await file.arrayBuffer())
}

/** @throws Error for two headers of one name, and for a value without a name */
function headerObject(rows: readonly HeaderRow[]): Readonly<Record<string, string>> {
  const used = rows.filter(({ name, value }) => name !== '' || value !== '')
  const names = new Set<string>()
  for (const { name, value } of used) {
    if (name === '') throw new Error(`The header with the value “${value}” has no name`)
    if (names.has(name)) throw new Error(`The header “${name}” is there twice`)
    names.add(name)
  }
  return Object.fromEntries(used.map(({ name, value }) => [name, value]))
}

function failureText(error: unknown): string {
  if (error instanceof BusError) return `${error.message} (${error.code}, ${error.reason})`
  return error instanceof Error ? error.message : String(error)
}

function Result({ outcome }: { readonly outcome: Outcome }): JSX.Element {
  if (outcome.kind === 'failed') return <Failure title="Not published" text={outcome.text} />
  const { topic, size } = outcome
  if (outcome.kind === 'live') {
    return (
      <Card title="Published live">
        <p>
          {formatBytes(size)} went to whoever subscribes to{' '}
          <a href={formatRoute('topics', { topic })}>{topic}</a>. A daemon that refuses such a
          message does not say so.
        </p>
      </Card>
    )
  }
  const { headId, origin, id, createdAtMs } = outcome
  return (
    <Card title={headId === 0 ? 'Published, not stored by rule' : 'Stored'}>
      <Facts
        rows={[
          [
            'Topic',
            <a key="topic" href={formatRoute('topics', { topic, view: 'history' })}>
              {topic}
            </a>,
          ],
          ['Head id', headId === 0 ? undefined : formatCount(headId)],
          ['Origin', origin],
          ['Size', formatBytes(size)],
          ['Created', formatTime(createdAtMs)],
          ['Message id', <code key="id">{id}</code>],
        ]}
      />
    </Card>
  )
}
