/** `msgbus.v2.AccessService`: who may do what, users, tokens and the audit log. */

import type { Administration } from '../../core/administration.ts'
import { BusError } from '../../model/errors.ts'
import { actions } from '../../model/identity.ts'
import { accessService } from '../../wire/gen/msgbus-v2.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Calls } from './calls.ts'

const tailLinesDefault = 20

export function addAccessService(calls: Calls, context: AdapterContext): void {
  const administration = (): Administration => {
    if (context.administration !== undefined) return context.administration
    throw new BusError('failed_precondition', 'not_found', 'there are no users and rules here')
  }
  calls.unary(accessService.whoAmI, (_, { client }) => administration().whoAmI(client))
  calls.unary(accessService.explain, ({ user, clientName, action, resource }, { client }) => {
    const known = actions.find((each) => each === action)
    if (known === undefined) {
      const text = `${JSON.stringify(action)} is no action; there are ${actions.join(', ')}`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    return administration().explain(client, { user, clientName, action: known, resource })
  })
  calls.unary(accessService.explainTopic, ({ topic }, { client }) => {
    const { receivers, store } = administration().explainTopic(client, topic)
    return { receivers: receivers.map((each) => ({ ...each, source: each.source ?? '' })), store }
  })
  calls.unary(accessService.reload, async (_, { client }) => {
    return { notes: await administration().reload(client) }
  })
  calls.unary(accessService.addUser, async (user, { client }) => {
    return administration().addUser(client, user)
  })
  calls.unary(accessService.listUsers, (_, { client }) => {
    return { users: administration().listUsers(client) }
  })
  calls.unary(accessService.revokeUser, async ({ name }, { client }) => {
    return { tokens: await administration().revokeUser(client, name) }
  })
  calls.unary(accessService.addToken, async (token, { client }) => {
    return administration().addToken(client, token)
  })
  calls.unary(accessService.listTokens, (_, { client }) => {
    return { tokens: administration().listTokens(client) }
  })
  calls.unary(accessService.revokeToken, async ({ id }, { client }) => {
    await administration().revokeToken(client, id)
    return {}
  })
  calls.unary(accessService.verifyAudit, async (_, { client }) => {
    return administration().verifyAudit(client)
  })
  calls.unary(accessService.tailAudit, ({ lines }, { client }) => {
    const count = lines === 0 ? tailLinesDefault : lines
    return { lines: administration().tailAudit(client, count) }
  })
}
