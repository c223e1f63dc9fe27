/** The client as a page gets it: the browser entry in one minified file, made by the bundler of the web pages. */

import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { packageRoot } from '../package-root.ts'

/** One ES module with everything in it. */
export async function bundleClient(): Promise<Rolldown.OutputChunk> {
  const built = await build({
    configFile: false,
    envFile: false,
    logLevel: 'silent',
    root: packageRoot,
    build: {
      write: false,
      target: 'es2023',
      rolldownOptions: {
        input: join(packageRoot, 'src/client/browser.ts'),
        preserveEntrySignatures: 'strict',
      },
    },
  })
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) =>
    'output' in one ? one.output : [],
  )
  const [chunk] = outputs
  if (outputs.length !== 1 || chunk?.type !== 'chunk') throw new Error('expected one file')
  return chunk
}
