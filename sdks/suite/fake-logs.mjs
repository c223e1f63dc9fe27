// The logs behind a conversation. A message is known by topic, device and head alone: its payload is
// `m<head>`, so that tests in any language know what has to come.

export const fakeNode = (device_id) => ({ tenant_id: 'tenant', bl_name: 'default', device_id })

/** `[1, "4-6"]` is 1, 4, 5, 6. */
export function headsOf(list) {
  return list.flatMap((item) => {
    if (typeof item === 'number') return [item]
    const [from, to] = item.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

export class FakeLogs {
  #logs = new Map()

  constructor(stored) {
    for (const { topic, device = 'fake', heads, deleted = [] } of stored) {
      this.store(topic, fakeNode(device), headsOf(heads))
      for (const head of headsOf(deleted)) this.#erase(topic, fakeNode(device), head)
    }
  }

  key(topic, origin) {
    return JSON.stringify([topic, origin?.device_id || 'fake'])
  }

  /** Adds what is not there yet; returns the messages of these heads. */
  store(topic, origin, heads) {
    const log = this.#log(topic, origin)
    return heads.map((head) => {
      const message = log.get(head) ?? messageOf(topic, origin, head)
      log.set(head, message)
      return message
    })
  }

  /** Other messages under the same heads: a store that was made anew. */
  rewrite(topic, origin, heads) {
    const log = this.#log(topic, origin)
    log.clear()
    for (const head of heads) {
      const id = `other-${head}`
      log.set(head, { ...messageOf(topic, origin, head), id, payload: Buffer.from(`n${head}`) })
    }
  }

  from(topic, origin, head) {
    return [...this.#log(topic, origin).values()]
      .filter((message) => message.head_id >= head)
      .sort((a, b) => a.head_id - b.head_id)
  }

  head(topic, origin) {
    return Math.max(0, ...this.#log(topic, origin).keys())
  }

  heads() {
    return [...this.#logs].map(([key, log]) => {
      const [topic, device] = JSON.parse(key)
      return { topic, origin: fakeNode(device), head_id: Math.max(0, ...log.keys()) }
    })
  }

  /** The messages of one v2 response: names that repeat are left out, as the contract says. */
  batch(messages) {
    let before = { topic: '', device: '' }
    return messages.map((text) => {
      const [topic, device, head, sequence, payload] = text.split(' ')
      const head_id = Number(head)
      const [stored] =
        head_id === 0
          ? [messageOf(topic, fakeNode(device), 0)]
          : this.store(topic, fakeNode(device), [head_id])
      const message = {
        ...stored,
        topic: topic === before.topic ? '' : topic,
        origin: device === before.device ? null : fakeNode(device),
        sequence: Number(sequence),
      }
      if (payload !== undefined) message.payload = Buffer.from(payload)
      before = { topic, device }
      return message
    })
  }

  #log(topic, origin) {
    const key = this.key(topic, origin)
    const log = this.#logs.get(key) ?? new Map()
    this.#logs.set(key, log)
    return log
  }

  #erase(topic, origin, head) {
    const log = this.#log(topic, origin)
    log.set(head, { ...log.get(head), payload: Buffer.alloc(0), headers: {}, deleted: true })
  }
}

function messageOf(topic, origin, head_id) {
  return {
    id: `id-${head_id}`,
    topic,
    origin: origin?.device_id ? origin : fakeNode('fake'),
    head_id,
    payload: Buffer.from(`m${head_id}`),
    headers: { head: String(head_id) },
    created_at_ms: 1_700_000_000_000 + head_id,
    deleted: false,
  }
}
