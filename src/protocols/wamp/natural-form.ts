/** The natural form belongs to the wire, since other protocols have to do with it, too. */

export { payloadOf, wampHeader, writeNatural } from '../../wire/wamp/natural-form.ts'
