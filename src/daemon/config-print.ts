/**
 * The effective configuration as YAML: every setting with its value and, as a comment, where it
 * comes from. What is printed can be used as a file. The configuration holds names of secret files,
 * never secrets.
 */

import { Document, isCollection, isMap, isNode, YAMLMap } from 'yaml'
import { configLeaves } from './config-leaves.ts'
import { type LoadedConfig, valueAt } from './config.ts'

export function printConfig(loaded: LoadedConfig): string {
  const document = new Document({})
  for (const { path, defaultValue } of configLeaves()) {
    if (path.includes('[]')) continue
    const steps = path.split('.')
    const value = withoutSecrets(path, valueAt(loaded.given, steps) ?? defaultValue)
    if (value === undefined) continue
    const node = document.createNode(value, { flow: Array.isArray(value) && value.length === 0 })
    const origin = ` ${loaded.originOf(path)}`
    // Behind a value on one line, above one on several.
    if (isCollection(node) && node.items.length > 0) node.commentBefore = origin
    else if (isNode(node)) node.comment = origin
    setIn(document.contents, steps, node, document)
  }
  return document.toString({ lineWidth: 0 })
}

/** What is printed is shown to others: hashes of passwords, and what serves as one, are left out. */
function withoutSecrets(path: string, value: unknown): unknown {
  if (path === 'protocols.mqtt.bridges') return bridgesWithoutSecrets(value)
  if (path !== 'users' || !Array.isArray(value)) return value
  return value.map((user: unknown) => {
    if (typeof user !== 'object' || user === null) return user
    const hidden = ['password', 'challengeSecret'].filter((name) => name in user)
    return { ...user, ...Object.fromEntries(hidden.map((name) => [name, '(hidden)'])) }
  })
}

function bridgesWithoutSecrets(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return value.map((bridge: unknown) => {
    if (typeof bridge === 'string') return withoutPassword(bridge)
    if (typeof bridge !== 'object' || bridge === null) return bridge
    const shown: Record<string, unknown> = { ...bridge }
    if (typeof shown['url'] === 'string') shown['url'] = withoutPassword(shown['url'])
    if ('password' in shown) shown['password'] = '(hidden)'
    return shown
  })
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^/:@]*):[^/@]*@/, '$1:(hidden)@')
}

function setIn(map: unknown, steps: readonly string[], node: unknown, document: Document): void {
  const [step = '', ...rest] = steps
  if (!isMap(map)) return
  if (rest.length === 0) {
    map.set(document.createNode(step), node)
    return
  }
  if (!map.has(step)) map.set(document.createNode(step), new YAMLMap())
  setIn(map.get(step), rest, node, document)
}
