/**
 * Server reflection (grpc.reflection.v1 and v1alpha), so that tools like grpcurl need no proto files.
 * The answers are constants of the build. The published package for it loads a proto parser into
 * every daemon, for a service that most never use.
 */

import { status } from '@grpc/grpc-js'
import { ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter } from '../../base/proto-writer.ts'
import { type ContractDescriptor, contractDescriptors } from '../../wire/gen/descriptors.ts'
import type { Calls } from './calls.ts'

/** A ServerReflectionRequest: which member of its union is set, and the bytes to return with it. */
interface ReflectionRequest {
  readonly kind: 'file' | 'symbol' | 'extension' | 'extensions' | 'services' | 'none'
  /** File name, symbol, or type. */
  readonly value: string
  readonly host: string
  /** The request itself. */
  readonly original: Uint8Array
}

const kinds: Readonly<Record<number, ReflectionRequest['kind']>> = {
  3: 'file',
  4: 'symbol',
  5: 'extension',
  6: 'extensions',
  7: 'services',
}

const responseSerialize = () => new Uint8Array(0)

export function addReflectionService(calls: Calls): void {
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const method = { path, requestDeserialize: decodeRequest, responseSerialize }
    calls.duplex(method, (requests, responses) => {
      responses.onRoom = () => requests.resume()
      requests.on('data', (request) => {
        if (!responses.send([answer(request)])) requests.pause()
      })
      requests.on('end', () => responses.finish())
    })
  }
}

/** A ServerReflectionResponse. */
function answer(request: ReflectionRequest): Uint8Array {
  const writer = new ProtoWriter()
  if (request.host !== '') writer.string(0x0a, request.host)
  writer.bytes(0x12, request.original)
  const { kind, value } = request
  switch (kind) {
    case 'file':
      writeFile(
        writer,
        contractDescriptors.find(({ name }) => name === value),
        value,
      )
      break
    case 'symbol':
      writeFile(
        writer,
        contractDescriptors.find(({ symbols }) => symbols.includes(value)),
        value,
      )
      break
    case 'services':
      writeServices(writer)
      break
    case 'extensions':
      // Proto3 has none: an ExtensionNumberResponse with the name of the type alone.
      writeNested(writer, 0x2a, () => writer.string(0x0a, value))
      break
    case 'extension':
      writeError(writer, status.NOT_FOUND, `no extension of ${value}`)
      break
    case 'none':
      writeError(writer, status.INVALID_ARGUMENT, 'the request asks for nothing')
      break
  }
  return writer.finish()
}

function writeFile(
  writer: ProtoWriter,
  file: ContractDescriptor | undefined,
  wanted: string,
): void {
  if (file === undefined) {
    writeError(writer, status.NOT_FOUND, `not found: ${wanted}`)
    return
  }
  const bytes = Buffer.from(file.base64, 'base64')
  writeNested(writer, 0x22, () => writer.bytes(0x0a, bytes))
}

function writeServices(writer: ProtoWriter): void {
  writeNested(writer, 0x32, () => {
    for (const service of contractDescriptors.flatMap(({ services }) => services)) {
      writeNested(writer, 0x0a, () => writer.string(0x0a, service))
    }
  })
}

function writeError(writer: ProtoWriter, code: number, message: string): void {
  writeNested(writer, 0x3a, () => {
    writer.uint32(0x08, code)
    writer.string(0x12, message)
  })
}

function writeNested(writer: ProtoWriter, tag: number, write: () => void): void {
  const start = writer.begin(tag, 1)
  write()
  writer.end(start, 1)
}

function decodeRequest(bytes: Uint8Array): ReflectionRequest {
  const reader = new ProtoReader(bytes)
  const end = bytes.length
  let host = ''
  let kind: ReflectionRequest['kind'] = 'none'
  let value = ''
  while (reader.position < end) {
    const tag = reader.tag()
    const known = (tag & 7) === 2 ? kinds[tag >>> 3] : undefined
    if (tag === 0x0a) host = reader.string(end)
    else if (known === undefined) reader.skip(tag, end)
    else {
      kind = known
      value = known === 'extension' ? readExtendedType(reader, end) : reader.string(end)
    }
  }
  reader.check(end)
  return { kind, value, host, original: bytes }
}

/** The containing type of an ExtensionRequest. */
function readExtendedType(reader: ProtoReader, end: number): string {
  const stop = reader.nested(end)
  let type = ''
  while (reader.position < stop) {
    const tag = reader.tag()
    if (tag === 0x0a) type = reader.string(stop)
    else reader.skip(tag, stop)
  }
  reader.check(stop)
  return type
}
