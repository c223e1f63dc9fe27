/**
 * The configuration file as text with positions: YAML to plain values, every fault of its syntax at
 * once, and for any path the place where it stands, so that later faults can name a line.
 */

import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'

export interface ConfigFile {
  /** Sections by name; empty when the file is empty or has faults. */
  readonly tree: Record<string, unknown>
  /** Faults of the syntax, each with its place. */
  readonly faults: readonly { readonly where: string; readonly text: string }[]
  /**
   * `file:line:column` of the value at the path, or of what comes nearest above it; undefined when
   * not even the section is there. With `ofKey` the place of the key itself.
   */
  placeOf(path: readonly PropertyKey[], ofKey?: boolean): string | undefined
}

/** @param name as people should see it in messages */
export function parseConfigFile(name: string, text: string): ConfigFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  const faults = document.errors.map((error) => ({
    where: place(error.pos[0]),
    text: error.message,
  }))

  let tree: Record<string, unknown> = {}
  if (faults.length === 0 && document.contents !== null) {
    if (isMap(document.contents)) tree = toPlain(document, faults, name)
    else faults.push({ where: place(0), text: 'expected sections, such as `storage:`' })
  }

  const placeOf = (path: readonly PropertyKey[], ofKey = false): string | undefined => {
    let node: unknown = document.contents
    let offset: number | undefined
    for (const [depth, step] of path.entries()) {
      if (isMap(node)) {
        const pair = node.items.find(
          ({ key }) => isScalar(key) && String(key.value) === String(step),
        )
        if (pair === undefined) break
        const at =
          (ofKey && depth === path.length - 1) || !isNode(pair.value) ? pair.key : pair.value
        offset = rangeStart(at) ?? offset
        node = pair.value
      } else {
        node = document.getIn(path.slice(0, depth + 1), true)
        if (!isNode(node)) break
        offset = rangeStart(node) ?? offset
      }
    }
    return offset === undefined ? undefined : place(offset)
  }
  return { tree, faults, placeOf }
}

function toPlain(
  document: ReturnType<typeof parseDocument>,
  faults: { where: string; text: string }[],
  name: string,
): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>
  } catch (error) {
    // Aliases that would grow without bound, or that point to nothing.
    faults.push({ where: name, text: error instanceof Error ? error.message : String(error) })
    return {}
  }
}

function rangeStart(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
