/**
 * The HTTP adapter on a bus in this process, and a client that holds every answer against the OpenAPI document that the
 * adapter itself serves: its status, its content type, and its body, in which nothing may be that the document lacks.
 */

import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { defaultLimits, type Limits } from '../../../src/model/limits.ts'
import type { TopicRule } from '../../../src/model/topic-rule.ts'
import type { AdapterContext } from '../../../src/protocols/adapter.ts'
import { httpSettings, startHttpAdapter } from '../../../src/protocols/http/index.ts'
import { openMemoryLogStore } from '../../../src/stores/memory/memory-log-store.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'

export const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }

export interface SceneOptions {
  /** Of the adapter. */
  readonly settings?: object
  readonly limits?: Partial<Limits>
  readonly topicRules?: readonly TopicRule[]
  /** Without a store. */
  readonly isStarting?: boolean
  readonly consoleFolder?: string
  readonly describe?: AdapterContext['describe']
}

export interface Question {
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Expected; default 200. */
  readonly status?: number
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  /** Of JSON. */
  readonly json: unknown
}

export interface Scene {
  readonly bus: MsgBus
  readonly clock: ManualClock
  /** `http://host:port` */
  readonly base: string
  /** Ids of the operations that were asked, and all there are. */
  readonly asked: Set<string>
  readonly operations: ReadonlyMap<string, DescribedOperation>
  /** Asks by the id of an operation; fails where the document says something else than what is answered. */
  ask(id: string, question?: Question): Promise<Answer>
  /** Checks what was answered to an operation in another way. */
  check(id: string, answer: Answer): void
}

export interface DescribedOperation {
  readonly method: string
  readonly path: string
  readonly responses: Readonly<Record<string, DescribedResponse>>
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
}

interface DescribedResponse {
  readonly $ref?: string
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: {
    readonly schemas: Record<string, object>
    readonly responses: Readonly<Record<string, DescribedResponse>>
  }
}

interface Described {
  readonly operationId: string
  readonly responses: Readonly<Record<string, DescribedResponse>>
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

export async function startScene(t: Scope, options: SceneOptions = {}): Promise<Scene> {
  const { settings, limits, topicRules, isStarting = false, consoleFolder, describe } = options
  const clock = new ManualClock()
  const logger = silentLogger
  const bus = new MsgBus({
    node,
    limits: { ...defaultLimits, ...limits },
    clock,
    logger,
    topicRules,
  })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const store = await openMemoryLogStore({
    folder: '',
    node,
    durability: 'memory',
    clock,
    logger,
    publishIdWindowMs,
    publishIdCount,
  })
  if (!isStarting) bus.attach(store)
  const context: AdapterContext = {
    bus,
    logger,
    version: '0.0.0',
    tls: undefined,
    metricsText: async () => 'msgbus_up 1\n',
    describe,
  }
  const config = httpSettings.parse({ listen: '127.0.0.1:0', ...settings })
  const adapter = await startHttpAdapter(context, config, {
    clock,
    consoleFolder: consoleFolder ?? '/nowhere',
  })
  cleanUp(t, async () => {
    await bus.shutdown()
    const stopped = adapter.stop(0)
    clock.advance(0)
    await stopped
    await store.close()
  })
  const base = `http://${adapter.listeners[0]?.address ?? ''}`
  const checker = new AnswerChecker(
    (await (await fetch(`${base}/v1/openapi.json`)).json()) as Document,
  )
  const asked = new Set<string>()
  const check = (id: string, answer: Answer) => {
    asked.add(id)
    checker.check(id, answer)
  }
  return {
    bus,
    clock,
    base,
    asked,
    operations: checker.operations,
    check,
    ask: async (id, question = {}) => {
      const operation = checker.operation(id)
      const { query = {}, body, headers = {}, status = 200 } = question
      const params = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
      )
      const url = `${base}${operation.path}${params.size === 0 ? '' : `?${params.toString()}`}`
      const init = body === undefined ? {} : { body: Buffer.from(body) }
      const response = await fetch(url, { method: operation.method, headers, ...init })
      const answer = await answerOf(response)
      assert.equal(answer.status, status, `${id}: ${answer.bytes.toString()}`)
      check(id, answer)
      return answer
    },
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const bytes = Buffer.from(await response.arrayBuffer())
  const { status, headers } = response
  const isJson = headers.get('content-type')?.startsWith('application/json') === true
  return { status, headers, bytes, json: isJson ? JSON.parse(bytes.toString()) : undefined }
}

/** Holds answers against the document, strictly: what is not described must not be answered. */
class AnswerChecker {
  readonly operations = new Map<string, DescribedOperation>()
  readonly #document: Document
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })
  readonly #validators = new Map<object, ValidateFunction>()

  constructor(document: Document) {
    this.#document = document
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (name !== 'CloudEvent') closeObjects(schema)
    }
    this.#ajv.addSchema({ $id: 'document', components: document.components })
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { operationId, responses, parameters = [] }] of Object.entries(methods)) {
        assert.ok(!this.operations.has(operationId), `${operationId} is there twice`)
        const upper = method.toUpperCase()
        this.operations.set(operationId, { method: upper, path, responses, parameters })
      }
    }
  }

  operation(id: string): DescribedOperation {
    const operation = this.operations.get(id)
    assert.ok(operation !== undefined, `the document has no operation ${id}`)
    return operation
  }

  check(id: string, { status, headers, json, bytes }: Answer): void {
    const { responses } = this.operation(id)
    const told = responses[status] ?? responses['default']
    assert.ok(told !== undefined, `${id} may not answer ${status}`)
    const name = told.$ref?.split('/').at(-1) ?? ''
    const { content = {} } =
      told.$ref === undefined ? told : (this.#document.components.responses[name] ?? {})
    const type = headers.get('content-type')?.split(';', 1)[0] ?? ''
    const media = content[type] ?? content['*/*']
    assert.ok(media !== undefined, `${id} may not answer ${type}`)
    if (media.schema === undefined) return
    const validate = this.#validator(media.schema)
    assert.ok(
      validate(json),
      `${id}: ${this.#ajv.errorsText(validate.errors)} in ${bytes.toString()}`,
    )
  }

  #validator(schema: object): ValidateFunction {
    let validate = this.#validators.get(schema)
    if (validate === undefined) {
      const { $ref } = schema as { $ref?: string }
      validate = this.#ajv.compile($ref === undefined ? schema : { $ref: `document${$ref}` })
      this.#validators.set(schema, validate)
    }
    return validate
  }
}

/** The document leaves room for fields to come; what is answered today has none of those. */
function closeObjects(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return
  if ('properties' in schema && !('additionalProperties' in schema)) {
    Object.assign(schema, { additionalProperties: false })
  }
  for (const part of Object.values(schema)) closeObjects(part)
}
