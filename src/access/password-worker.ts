/** The thread that hashes passwords, so that the loop of the daemon never waits for it (password-hasher.ts). */

import { argon2id, argon2Verify } from 'hash-wasm'
import { parentPort } from 'node:worker_threads'
import type { HashRequest, HashResponse } from './password-hasher.ts'

parentPort?.on('message', (request: HashRequest) => {
  void answer(request).then((response) => parentPort?.postMessage(response, []))
})

async function answer(request: HashRequest): Promise<HashResponse> {
  const { number, password } = request
  try {
    if (request.kind === 'verify') {
      const isRight = await argon2Verify({ password, hash: request.hash })
      return { number, isRight, hash: '' }
    }
    const { memoryKib, passes, lanes } = request.cost
    const hash = await argon2id({
      password,
      salt: request.salt,
      memorySize: memoryKib,
      iterations: passes,
      parallelism: lanes,
      hashLength: 32,
      outputType: 'encoded',
    })
    return { number, isRight: true, hash }
  } catch {
    // An empty password, or a hash that cannot be computed: it is not the right one.
    return { number, isRight: false, hash: '' }
  }
}
