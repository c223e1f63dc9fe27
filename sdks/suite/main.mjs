// The sdk-suite: a server that plays the conversations of vectors/ and starts real daemons, for the
// tests of SDKs in any language. It prints one line of JSON, `{"control":"127.0.0.1:<port>"}`, and
// ends when its standard input does, so that it never outlives who started it.
// The control protocol is in README.md beside this file.

import { createServer } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'

import { startConversation } from './conversation.mjs'
import { startRealDaemon } from './real-daemon.mjs'

/** What is running, by id; each belongs to the connection that started it. */
const running = new Map()
let lastId = 0

async function begin(owned, start) {
  const id = ++lastId
  const thing = await start()
  running.set(id, thing)
  owned.add(id)
  return { id, address: thing.address }
}

async function end(owned, id) {
  const thing = running.get(id)
  running.delete(id)
  owned.delete(id)
  await thing?.close()
}

function find(id) {
  const thing = running.get(id)
  if (thing === undefined) throw new Error(`nothing runs under the id ${id}`)
  return thing
}

/** Each takes the words after it and answers with what becomes one line of JSON. */
const commands = {
  play: (owned, name) => begin(owned, () => startConversation(name)),
  verdict: async (owned, id) => {
    const faults = await find(Number(id)).verdict()
    await end(owned, Number(id))
    return { ok: faults.length === 0, faults }
  },
  daemon: (owned, ...args) => begin(owned, () => startRealDaemon(args)),
  kill: async (_, id) => {
    await find(Number(id)).killAndRestart()
    return { address: find(Number(id)).address }
  },
  end: async (owned, id) => {
    await end(owned, Number(id))
    return {}
  },
}

async function answer(owned, line) {
  const [name = '', ...words] = line.trim().split(/\s+/)
  if (!Object.hasOwn(commands, name)) return { error: `unknown command ${name}` }
  try {
    return await commands[name](owned, ...words)
  } catch (error) {
    return { error: error.message }
  }
}

async function serve(socket) {
  const owned = new Set()
  try {
    for await (const line of createInterface({ input: socket })) {
      if (line.trim() !== '') socket.write(`${JSON.stringify(await answer(owned, line))}\n`)
    }
  } finally {
    await Promise.all([...owned].map((id) => end(owned, id)))
  }
}

const control = createServer((socket) => {
  // A test that ends early may leave its connection broken.
  socket.on('error', () => undefined)
  serve(socket).catch(() => undefined)
})

async function stop() {
  await Promise.all([...running.values()].map((thing) => thing.close()))
  process.exit(0)
}

const stopNow = () => void stop()

control.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ control: `127.0.0.1:${control.address().port}` })}\n`)
})
process.stdin.resume().once('end', stopNow)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stopNow)
