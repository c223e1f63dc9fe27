// The writing side of a conversation: single publications and the publishing stream. It stores each
// publish id once, as the daemon does, so that what it holds at the end shows losses and repetitions.

import { fail, toFailure } from './failure.mjs'
import { fakeNode } from './fake-logs.mjs'

export function publishing(conversation, { published }) {
  const heads = new Map()
  const byPublishId = new Map()
  const stored = []

  /** The envelope of a message, stored now or before. */
  function store({ topic, payload, headers }, publishId) {
    const known = publishId === '' ? undefined : byPublishId.get(publishId)
    if (known !== undefined) return { ...known, duplicate: true }
    const head_id = (heads.get(topic) ?? 0) + 1
    heads.set(topic, head_id)
    stored.push(`${topic} ${head_id} ${payload}`)
    const envelope = {
      id: `id-${head_id}`,
      topic,
      origin: fakeNode('fake'),
      head_id,
      payload,
      headers,
      created_at_ms: 1_700_000_000_000 + head_id,
    }
    if (publishId !== '') byPublishId.set(publishId, envelope)
    return { ...envelope, duplicate: false }
  }

  function publish(call, done) {
    const step = conversation.next('publish')
    if (step === undefined) return done(toFailure({ code: 'INTERNAL', message: 'enough' }))
    const [publishId = ''] = call.metadata.get('msgbus-publish-id')
    if (step.store) store(call.request, publishId)
    if (step.fail) return done(toFailure(step.fail))
    if (step.cut) return conversation.cut()
    done(null, { message: store(call.request, publishId) })
  }

  function publishStream(call) {
    const attempt = conversation.next('publish_stream')
    if (attempt === undefined) return fail(call, { code: 'INTERNAL', message: 'enough' })
    let answered = 0
    call.on('error', () => undefined)
    call.on('end', () => call.end())
    call.on('data', ({ batch_id, messages }) => {
      const { answer = Infinity, store: storeMore = false, then = {}, refuse = {} } = attempt
      const isLast = answered >= answer
      if (isLast && !storeMore) return endWith(call, then)
      let topic = ''
      const results = messages.map((message) => {
        if (message.topic !== '') topic = message.topic
        const refusal = refuse[String(message.payload)] ?? refuse['*']
        if (refusal !== undefined) return { refusal }
        return store({ ...message, topic }, message.publish_id)
      })
      if (isLast) return endWith(call, then)
      answered += messages.length
      call.write({ batch_id, results })
    })
  }

  function endWith(call, { fail: failure, cut }) {
    if (failure) return fail(call, failure)
    if (cut) return conversation.cut()
    call.end()
  }

  return {
    v1: { Publish: publish },
    bus: { PublishStream: publishStream },
    check: () => {
      if (published === undefined) return
      if (JSON.stringify(stored) === JSON.stringify(published)) return
      conversation.fault(`it published ${JSON.stringify(stored)}, not ${JSON.stringify(published)}`)
    },
  }
}
