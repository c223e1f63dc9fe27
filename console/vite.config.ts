/**
 * How the pages are built: `index.html` becomes `/` (the console), `demo/index.html` becomes `/demo/`.
 * Everything lands in `dist/console`, which the HTTP adapter serves under a policy that allows scripts and styles
 * of its own host only; so nothing is inlined.
 */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const pages = [here('./index.html'), here('./demo/index.html')].filter((file) => existsSync(file))

export default defineConfig({
  root: here('.'),
  // What the pages ask goes to a daemon. It sees one origin, so it accepts them.
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/msgbus', '/tmb'].map((path) => [
        path,
        { target: process.env['MSGBUS_DEV_DAEMON'] ?? 'http://127.0.0.1:8711', ws: true },
      ]),
    ),
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../dist/console'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    // Every browser that runs the rest knows module preloading.
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: { input: pages },
  },
})
