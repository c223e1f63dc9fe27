/**
 * The OpenAPI 3.1 document of the API, made from the operations themselves, so that it cannot say something else than
 * what is checked. Its form is kept in docs/reference/openapi.json, where changes of the contract are seen in review.
 */

import { z } from 'zod'
import { operations } from './api/operations.ts'
import type { AnswerSpec, BodySpec, Operation } from './operation.ts'
import { errorSchema, schemaRegistry } from './schemas.ts'
import { sessionPaths } from './session-routes.ts'

/** Of the API, not of the daemon. */
const apiVersion = '1.0.0'

const refOf = (id: string) => `#/components/schemas/${id}`

const tags = {
  messages: 'Publishing, subscribing, and what is stored.',
  topics: 'Topics and their newest messages.',
  queues: 'FIFO queues.',
  clients: 'Clients by name, and procedures.',
  daemon: 'The daemon itself.',
}

let text: string | undefined

/** As JSON, indented by two; made when it is first asked for. */
export function openApiText(): string {
  return (text ??= `${JSON.stringify(openApiDocument(), undefined, 2)}\n`)
}

export function openApiDocument() {
  return {
    openapi: '3.1.0',
    info: {
      title: 'msgbus',
      version: apiVersion,
      description:
        'The HTTP API of a msgbus daemon. Payloads are bytes: `publish`, `send`, `call` take and give them as they are; in JSON they are text where they are UTF-8, else base64. Unknown parameters are errors.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths: { ...apiPaths(), ...sessionPaths, ...probePaths },
    components: { schemas: componentSchemas(), responses: { Error: errorResponse('It failed.') } },
  }
}

function apiPaths() {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    const path = (paths[operation.path] ??= {})
    path[operation.method.toLowerCase()] = describe(operation)
  }
  return paths
}

function describe(operation: Operation) {
  const { id, tag, summary, description, query, headers = {}, body, answer } = operation
  const failures = Object.entries(operation.failures ?? {}).map(([status, why]) => {
    return [status, errorResponse(why)] as const
  })
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    parameters: [...queryParameters(query), ...headerParameters(headers)],
    ...(body !== undefined && { requestBody: requestBody(body) }),
    responses: {
      200: response(answer),
      ...Object.fromEntries(failures),
      default: { $ref: '#/components/responses/Error' },
    },
  }
}

function queryParameters(query: z.ZodObject) {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'output' })
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as { description?: string }
    return { name, in: 'query', description, required: required.includes(name), schema }
  })
}

/** Families of headers (`ce-*`) have no form in OpenAPI and stand in the text of the operation. */
function headerParameters(headers: Readonly<Record<string, string>>) {
  return Object.entries(headers)
    .filter(([name]) => !name.endsWith('*'))
    .map(([name, description]) => {
      return { name, in: 'header', description, required: false, schema: { type: 'string' } }
    })
}

function requestBody({ description, content }: BodySpec) {
  const types = Object.entries(content).map(([type, schema]) => {
    return [type, schema === undefined ? {} : { schema: reference(schema) }] as const
  })
  return { description, required: false, content: Object.fromEntries(types) }
}

function response({ description, schema, contentType = 'application/json' }: AnswerSpec) {
  const content = schema === undefined ? {} : { schema: reference(schema) }
  return { description, content: { [contentType]: content } }
}

function errorResponse(description: string) {
  return { description, content: { 'application/json': { schema: reference(errorSchema) } } }
}

/** Schemas of bodies all have a name. */
function reference(schema: z.ZodType) {
  const id = schemaRegistry.get(schema)?.id
  if (id === undefined) throw new Error('a schema of a body has no name in the document')
  return { $ref: refOf(id) }
}

function componentSchemas() {
  const { schemas } = z.toJSONSchema(schemaRegistry, {
    io: 'output',
    uri: refOf,
    // What comes later must not break those who were made from this document.
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  })
  for (const schema of Object.values(schemas)) {
    delete schema.$schema
    delete schema.$id
  }
  return schemas
}

const plain = { type: 'object', properties: { status: { type: 'string' } }, required: ['status'] }

const probePaths = {
  '/healthz': {
    get: {
      operationId: 'health',
      tags: ['daemon'],
      summary: 'Answers as long as the process does; restart it when it does not.',
      responses: {
        200: { description: 'It lives.', content: { 'application/json': { schema: plain } } },
      },
    },
  },
  '/readyz': {
    get: {
      operationId: 'readiness',
      tags: ['daemon'],
      summary: 'Whether data can be written and read.',
      responses: {
        200: { description: 'It can.', content: { 'application/json': { schema: plain } } },
        503: { description: 'Not now.', content: { 'application/json': { schema: plain } } },
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['daemon'],
      summary: 'Counters and gauges in the text format of Prometheus.',
      responses: { 200: { description: 'The metrics.', content: { 'text/plain': {} } } },
    },
  },
}

/** For people who look with a browser or curl. */
export function apiPage(): string {
  const rows = operations.map(({ method, path, query, summary }) => {
    const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'output' })
    const names = Object.keys(properties).map((name) => {
      return required.includes(name) ? name : `[${name}]`
    })
    const question = names.length === 0 ? '' : `?${names.join('&')}`
    return `${method.padEnd(6)} ${path}${question}\n       ${summary}\n`
  })
  return [
    'The HTTP API of msgbus. The whole contract, as OpenAPI 3.1: /v1/openapi.json\n',
    ...rows,
    'Probes: /healthz /readyz /metrics\n',
  ].join('\n')
}
