// Writes src/wire/gen/*.ts from proto/**/*.proto: interfaces, straight-line codecs and service
// descriptors without a run-time library. `--check` writes nothing and fails when a file is not what
// would be written. Only what our contracts use is supported; anything else stops the generator.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import * as prettier from 'prettier'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor/index.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const contracts = [
  { proto: 'proto/msgbus/v1/msgbus.proto', name: 'msgbus-v1' },
  { proto: 'proto/msgbus/v2/msgbus.proto', name: 'msgbus-v2' },
  { proto: 'proto/msgbus/v2/link.proto', name: 'msgbus-link' },
  { proto: 'proto/msgbus/v2/peers.proto', name: 'msgbus-peers' },
  { proto: 'proto/msgbus/v2/mqtt.proto', name: 'msgbus-mqtt' },
]

/** How each scalar is typed, what stands for "absent", and its wire type. */
const scalars = {
  bool: { type: 'boolean', absent: 'false', wire: 0, isSet: (value) => value },
  uint32: { type: 'number', absent: '0', wire: 0, isSet: (value) => value },
  uint64: { type: 'number', absent: '0', wire: 0, isSet: (value) => value },
  string: { type: 'string', absent: "''", wire: 2, isSet: (value) => value },
  bytes: {
    type: 'Uint8Array',
    absent: 'emptyBytes',
    wire: 2,
    isSet: (value) => `${value} !== undefined && ${value}.length > 0`,
  },
}

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1)

/** The comment of the contract, line for line. */
function docs(comment) {
  if (!comment) return ''
  const lines = comment.replaceAll('*/', '*\\/').split('\n')
  if (lines.length === 1) return `/** ${lines[0]} */\n`
  return `/**\n${lines.map((line) => ` * ${line}\n`).join('')} */\n`
}

/** One contract as TypeScript, not yet formatted. */
function generate({ proto }) {
  const parsed = protobuf.parse(readFileSync(join(root, proto), 'utf8'), new protobuf.Root(), {
    keepCase: true,
    alternateCommentMode: true,
  })
  parsed.root.resolveAll()
  const scope = parsed.root.lookup(parsed.package)
  const messages = scope.nestedArray.filter((item) => item instanceof protobuf.Type)
  const services = scope.nestedArray.filter((item) => item instanceof protobuf.Service)
  const sent = new Set(
    services.flatMap(({ methodsArray }) =>
      methodsArray.flatMap(({ requestType, responseType }) => [requestType, responseType]),
    ),
  )
  const nested = new Set(
    messages.flatMap((message) => fieldsOf(message).flatMap((field) => field.nested ?? [])),
  )
  const body = [
    ...messages.map(interfaceOf),
    ...services.map((service) => descriptorOf(service, parsed.package)),
    ...messages.filter(({ name }) => sent.has(name)).map(publicCodecOf),
    ...messages.map(writerOf),
    ...messages.filter(({ name }) => nested.has(name)).map(nestedWriterOf),
    ...messages.map(readerOf),
  ].join('\n\n')
  const used = (names) => names.filter((word) => new RegExp(`\\b${word}\\b`).test(body))
  return `/**
 * The messages and services of ${parsed.package}. Generated from ${proto} by
 * scripts/generate-wire.mjs; change the contract or the generator, then \`npm run generate\`.
 *
 * Decoded \`bytes\` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { ${used(['emptyBytes', 'emptyStringMap', 'ProtoReader']).join(', ')} } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

${body}

const sharedWriter = new ProtoWriter()
`
}

const fieldsOf = (message) =>
  message.fieldsArray.map((field) => {
    field.resolve()
    const isMap = field instanceof protobuf.MapField
    if (isMap && (field.keyType !== 'string' || field.type !== 'string')) {
      throw new Error(`${field.fullName}: only map<string, string> is supported`)
    }
    const nested = field.resolvedType instanceof protobuf.Type ? field.resolvedType.name : undefined
    const scalar = scalars[field.type]
    if (!isMap && nested === undefined && scalar === undefined) {
      throw new Error(`${field.fullName}: type ${field.type} is not supported`)
    }
    const wire = isMap || nested !== undefined ? 2 : scalar.wire
    return {
      name: camel(field.name),
      comment: field.comment,
      isMap,
      isRepeated: field.repeated,
      isPacked: field.repeated && wire === 0,
      nested,
      kind: field.type,
      scalar,
      oneof: field.partOf && camel(field.partOf.name),
      number: field.id,
      tag: (field.id << 3) | wire,
      packedTag: (field.id << 3) | 2,
    }
  })

const oneofsOf = (message) =>
  message.oneofsArray.map((oneof) => ({ name: camel(oneof.name), comment: oneof.comment }))

function typeOf(field) {
  if (field.isMap) return 'ReadonlyMap<string, string>'
  const one = field.nested ?? field.scalar.type
  if (field.isRepeated) return `readonly ${one}[]`
  return field.nested ? `${one} | undefined` : one
}

function interfaceOf(message) {
  const fields = fieldsOf(message)
  const lines = fields
    .filter((field) => !field.oneof)
    .map((field) => `${docs(field.comment)}readonly ${field.name}: ${typeOf(field)}`)
  for (const oneof of oneofsOf(message)) {
    const cases = fields
      .filter((field) => field.oneof === oneof.name)
      .map(
        (field) =>
          `${docs(field.comment)}| { readonly case: '${field.name}'; readonly value: ${field.nested ?? field.scalar.type} }`,
      )
    lines.push(`${docs(oneof.comment)}readonly ${oneof.name}:\n${cases.join('\n')}\n| undefined`)
  }
  if (lines.length === 0) {
    return `${docs(message.comment)}export type ${message.name} = Readonly<Record<never, never>>`
  }
  return `${docs(message.comment)}export interface ${message.name} {\n${lines.join('\n')}\n}`
}

/**
 * Each service twice: with both ends of its methods, and with that of the caller alone, since no bundler takes away
 * what an object holds, and a page pays for every byte.
 */
function descriptorOf(service, packageName) {
  const name = lowerFirst(service.name)
  const methods = service.methodsArray.map((method) => method.resolve())
  const pathOf = (method) => `path: '/${packageName}.${service.name}/${method.name}',`
  const both = methods.map(
    (method) => `${docs(method.comment)}${lowerFirst(method.name)}: {
      ${pathOf(method)}
      requestStream: ${method.requestStream === true},
      responseStream: ${method.responseStream === true},
      requestSerialize: encode${method.requestType},
      requestDeserialize: decode${method.requestType},
      responseSerialize: encode${method.responseType},
      responseDeserialize: decode${method.responseType},
    },`,
  )
  const callers = methods.map(
    (method) => `${lowerFirst(method.name)}: {
      ${pathOf(method)}
      requestSerialize: encode${method.requestType},
      responseDeserialize: decode${method.responseType},
    },`,
  )
  const note = service.comment ?? `The methods of ${packageName}.${service.name}.`
  return `${docs(note)}export const ${name} = {\n${both.join('\n')}\n} as const

/** \`${name}\` for whoever calls it. */
export const ${name}Calls = {\n${callers.join('\n')}\n} as const`
}

/** Encoders and decoders of the messages that are sent by themselves: requests and responses. */
function publicCodecOf(message) {
  const { name } = message
  return `export function encode${name}(message: ProtoInit<${name}>): Uint8Array {
    sharedWriter.reset()
    write${name}(sharedWriter, message)
    return sharedWriter.finish()
  }

  export function decode${name}(bytes: Uint8Array): ${name} {
    return read${name}(new ProtoReader(bytes), bytes.length, undefined)
  }`
}

function writerOf(message) {
  const fields = fieldsOf(message)
  const plain = fields.filter((field) => !field.oneof).map((field) => writeField(field))
  const unions = oneofsOf(message).map((oneof) => {
    const cases = fields
      .filter((field) => field.oneof === oneof.name)
      .map(
        (field) =>
          `case '${field.name}': ${writeOne(field, `message.${oneof.name}.value`, true)}; break`,
      )
    return `switch (message.${oneof.name}?.case) { ${cases.join('\n')}\n case undefined: break }`
  })
  const lines = [...plain, ...unions]
  const [writer, parameter] = lines.length === 0 ? ['_writer', '_message'] : ['writer', 'message']
  return `/** Appends the fields of a message, without a length before them. */
  export function write${message.name}(${writer}: ProtoWriter, ${parameter}: ProtoInit<${message.name}>): void {
    ${lines.join('\n')}
  }`
}

/** The writer of a message as a field of another; it remembers how wide its length was. */
function nestedWriterOf({ name }) {
  return `let width${name} = 1

  /** Appends a message as a field of another. */
  export function writeNested${name}(writer: ProtoWriter, tag: number, message: ProtoInit<${name}>): void {
    const start = writer.begin(tag, width${name})
    write${name}(writer, message)
    width${name} = writer.end(start, width${name})
  }`
}

function writeField(field) {
  const value = `message.${field.name}`
  if (field.isMap) return `if (${value} !== undefined) writer.stringMap(${field.tag}, ${value})`
  if (field.isRepeated) return writeRepeated(field, value)
  const isSet = field.nested ? `${value} !== undefined` : field.scalar.isSet(value)
  return `if (${isSet}) ${writeOne(field, value, false)}`
}

function writeRepeated(field, value) {
  if (field.kind === 'bool') {
    return `if (${value} !== undefined && ${value}.length > 0) writer.packedBools(${field.packedTag}, ${value})`
  }
  if (field.isPacked) throw new Error(`${field.name}: packed ${field.kind} is not supported`)
  return `if (${value} !== undefined) for (const item of ${value}) ${writeOne(field, 'item', false)}`
}

function writeOne(field, value, isUnion) {
  if (field.nested) return `writeNested${field.nested}(writer, ${field.tag}, ${value})`
  // A member of a union is written also when it has the value of an absent field.
  const given = isUnion ? `${value} ?? ${field.scalar.absent}` : value
  return `writer.${field.kind}(${field.tag}, ${given})`
}

function readerOf(message) {
  const fields = fieldsOf(message)
  const oneofs = oneofsOf(message)
  const start = [
    ...fields.filter((field) => !field.oneof).map(startOf),
    ...oneofs.map(({ name }) => `let ${name}: ${message.name}['${name}'] = previous?.${name}`),
  ]
  const cases = fields.flatMap(readField)
  const result = [...fields.filter((field) => !field.oneof), ...oneofs].map(({ name, isMap }) =>
    isMap ? `${name}: ${name} ?? emptyStringMap` : name,
  )
  const previous = result.length === 0 ? '_previous' : 'previous'
  const loop =
    cases.length === 0
      ? 'reader.skip(reader.tag(), end)'
      : `const tag = reader.tag()\nswitch (tag) { ${cases.join('\n')}\n default: reader.skip(tag, end) }`
  return `function read${message.name}(reader: ProtoReader, end: number, ${previous}: ${message.name} | undefined): ${message.name} {
    ${start.join('\n')}
    while (reader.position < end) { ${loop} }
    reader.check(end)
    return { ${result.join(', ')} }
  }`
}

/** A message that occurs twice is merged with what came before, as the format demands. */
function startOf(field) {
  const before = `previous?.${field.name}`
  if (field.isMap) {
    return `let ${field.name}: Map<string, string> | undefined = previous && new Map(previous.${field.name})`
  }
  if (field.isRepeated) {
    const item = field.nested ?? field.scalar.type
    return `const ${field.name}: ${item}[] = previous === undefined ? [] : [...previous.${field.name}]`
  }
  if (field.nested) return `let ${field.name} = ${before}`
  return `let ${field.name} = ${before} ?? ${field.scalar.absent}`
}

function readField(field) {
  if (field.isMap) {
    return [`case ${field.tag}: reader.mapEntry(end, (${field.name} ??= new Map())); break`]
  }
  if (field.isRepeated) {
    const unpacked = `case ${field.tag}: ${field.name}.push(${readOne(field)}); break`
    if (!field.isPacked) return [unpacked]
    return [
      unpacked,
      `case ${field.packedTag}: { const stop = reader.nested(end)
        while (reader.position < stop) ${field.name}.push(${readOne(field)})
        reader.check(stop)
        break }`,
    ]
  }
  if (field.oneof) {
    const earlier = `${field.oneof}?.case === '${field.name}' ? ${field.oneof}.value : undefined`
    return [
      `case ${field.tag}: ${field.oneof} = { case: '${field.name}', value: ${readOne(field, earlier)} }; break`,
    ]
  }
  return [`case ${field.tag}: ${field.name} = ${readOne(field, field.name)}; break`]
}

function readOne(field, earlier = 'undefined') {
  if (field.nested) return `read${field.nested}(reader, reader.nested(end), ${earlier})`
  return field.scalar.wire === 2 ? `reader.${field.kind}(end)` : `reader.${field.kind}()`
}

/**
 * The contracts in the form in which server reflection hands them out. buf makes them, since what
 * protobufjs makes is no faithful copy.
 */
function generateDescriptors() {
  const buf = join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf')
  const args = [
    'build',
    '--exclude-source-info',
    '--as-file-descriptor-set',
    '-o',
    '-#format=binpb',
  ]
  const built = spawnSync(process.execPath, [buf, ...args], { cwd: root })
  if (built.status !== 0) throw new Error(`buf build: ${String(built.stderr)}`)
  const files = []
  const reader = protobuf.Reader.create(built.stdout)
  while (reader.pos < reader.len) {
    // FileDescriptorSet: repeated FileDescriptorProto file = 1.
    if (reader.uint32() !== 0x0a) throw new Error('not a FileDescriptorSet')
    files.push(reader.bytes())
  }
  const entries = files.map((bytes) => {
    const file = descriptorOfFile(bytes)
    return `{
      name: '${file.name}',
      services: ${JSON.stringify(file.services)},
      symbols: ${JSON.stringify(file.symbols)},
      base64: '${Buffer.from(bytes).toString('base64')}',
    },`
  })
  return `/**
 * The contracts as FileDescriptorProtos, for server reflection. Generated by
 * scripts/generate-wire.mjs; \`npm run generate\`.
 */

export interface ContractDescriptor {
  /** Path of the file, as imports name it. */
  readonly name: string
  /** Full names of its services. */
  readonly services: readonly string[]
  /** Full names of everything it declares: messages, services, methods. */
  readonly symbols: readonly string[]
  readonly base64: string
}

export const contractDescriptors: readonly ContractDescriptor[] = [
${entries.join('\n')}
]
`
}

/** What reflection needs to know about a FileDescriptorProto. */
function descriptorOfFile(bytes) {
  const {
    name,
    package: scope,
    messageType,
    service,
  } = descriptor.FileDescriptorProto.decode(bytes)
  const services = service.map((one) => `${scope}.${one.name}`)
  const methods = service.flatMap((one) =>
    one.method.map((method) => `${scope}.${one.name}.${method.name}`),
  )
  const messages = messageType.map((one) => `${scope}.${one.name}`)
  return { name, services, symbols: [...services, ...methods, ...messages] }
}

const outputs = [
  ...contracts.map((contract) => ({ name: contract.name, text: () => generate(contract) })),
  { name: 'descriptors', text: generateDescriptors },
]
const isCheck = process.argv.includes('--check')
const options = await prettier.resolveConfig(join(root, 'scripts', 'generate-wire.mjs'))
mkdirSync(join(root, 'src', 'wire', 'gen'), { recursive: true })
for (const output of outputs) {
  const path = join('src', 'wire', 'gen', `${output.name}.ts`)
  const text = await prettier.format(output.text(), { ...options, parser: 'typescript' })
  if (!isCheck) {
    writeFileSync(join(root, path), text)
  } else if (readFileSync(join(root, path), 'utf8') !== text) {
    process.stderr.write(`${path} is not up to date: npm run generate\n`)
    process.exitCode = 1
  }
}
