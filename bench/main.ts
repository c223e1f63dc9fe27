/** `npm run bench -- NAME`: runs one benchmark. Names stand below. */

const benches: Readonly<Record<string, () => Promise<{ run(args: string[]): unknown }>>> = {
  durable: async () => import('./durable.ts'),
  codec: async () => import('./codec.ts'),
  unary: async () => import('./http2-load.ts'),
  embed: async () => import('./embed.ts'),
  busrt: async () => import('./busrt/run.ts'),
  mqtt: async () => import('./mqtt/run.ts'),
  tmb: async () => import('./tmb.ts'),
  wamp: async () => import('./wamp/run.ts'),
  link: async () => import('./link.ts'),
  matching: async () => import('./matching.ts'),
  access: async () => import('./access.ts'),
}

const [name = '', ...args] = process.argv.slice(2)
const load = benches[name]
if (load === undefined) {
  process.stderr.write(`bench: say which one: ${Object.keys(benches).join(', ')}\n`)
  process.exitCode = 2
} else {
  const bench = await load()
  await bench.run(args)
}
