/** Type codes of WAMP messages (spec/wamp 1). */

export const messageTypes = {
  hello: 1,
  welcome: 2,
  abort: 3,
  challenge: 4,
  authenticate: 5,
  goodbye: 6,
  error: 8,
  publish: 16,
  published: 17,
  subscribe: 32,
  subscribed: 33,
  unsubscribe: 34,
  unsubscribed: 35,
  event: 36,
  call: 48,
  cancel: 49,
  result: 50,
  register: 64,
  registered: 65,
  unregister: 66,
  unregistered: 67,
  invocation: 68,
  interrupt: 69,
  yield: 70,
} as const

export type MessageType = (typeof messageTypes)[keyof typeof messageTypes]

/**
 * What stands behind the code of each type: i id, n non-negative integer, s text, u URI, d dict; `+` arguments may
 * follow (spec/wamp 1). Kinds and places are fixed, and nothing may stand behind them.
 */
export const layouts: Readonly<Record<number, string>> = {
  [messageTypes.hello]: 'ud',
  [messageTypes.welcome]: 'id',
  [messageTypes.abort]: 'du+',
  [messageTypes.challenge]: 'sd',
  [messageTypes.authenticate]: 'sd',
  [messageTypes.goodbye]: 'du',
  [messageTypes.error]: 'nidu+',
  [messageTypes.publish]: 'idu+',
  [messageTypes.published]: 'ii',
  [messageTypes.subscribe]: 'idu',
  [messageTypes.subscribed]: 'ii',
  [messageTypes.unsubscribe]: 'ii',
  [messageTypes.unsubscribed]: 'i',
  [messageTypes.event]: 'iid+',
  [messageTypes.call]: 'idu+',
  [messageTypes.cancel]: 'id',
  [messageTypes.result]: 'id+',
  [messageTypes.register]: 'idu',
  [messageTypes.registered]: 'ii',
  [messageTypes.unregister]: 'ii',
  [messageTypes.unregistered]: 'i',
  [messageTypes.invocation]: 'iid+',
  [messageTypes.interrupt]: 'id',
  [messageTypes.yield]: 'id+',
}

/** What a client may send to the router. */
const clientTypes: readonly number[] = [
  messageTypes.hello,
  messageTypes.abort,
  messageTypes.authenticate,
  messageTypes.goodbye,
  messageTypes.error,
  messageTypes.publish,
  messageTypes.subscribe,
  messageTypes.unsubscribe,
  messageTypes.call,
  messageTypes.cancel,
  messageTypes.register,
  messageTypes.unregister,
  messageTypes.yield,
]

export function isClientType(type: number): boolean {
  return clientTypes.includes(type)
}

/** Name for people, in capitals as the protocol writes it. */
export function nameOfType(type: number): string {
  const entry = Object.entries(messageTypes).find(([, code]) => code === type)
  return entry === undefined ? `type ${type}` : entry[0].toUpperCase()
}
