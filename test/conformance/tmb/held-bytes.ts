/** Memory that is really held: what is left when the garbage was collected. */

import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Of the heap and of buffers, bytes. */
export async function heldBytes(): Promise<number> {
  // The memory of buffers is given back behind the first collection.
  for (let passes = 0; passes < 2; passes++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
