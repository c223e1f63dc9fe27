// Package msgbus is the client of msgbus, a durable, local-first message bus.
//
// A [Client] speaks with one daemon. Two groups of methods live side by side:
//
//   - the methods of the reference SDK, with its names, options and defaults, so that programs port
//     by changing an import: [Client.Publish], [Client.Fetch], [Client.SubscribeIterator],
//     [Client.EnqueueFIFO] and so on;
//   - what daemons of this project offer beyond: subscriptions by filter over every log
//     ([Client.SubscribeFilter]), a batching publisher that neither loses nor repeats
//     ([Client.NewPublisher]), queues with leases ([Client.Consume]), messages to names
//     ([Client.Send], [Client.Join]) and calls ([Client.Call], [Client.Register]).
//
// Against a daemon that only speaks msgbus.v1 the first group works in full. Of the second, a
// subscription to one topic and publishing work with less, the rest fails with [Unsupported].
//
// # Errors
//
// Errors of the daemon are [*Error]: branch on Code; Reason is the daemon's stable word for it. They are
// gRPC status errors as well, so status.Code and status.Convert work. An error that an application
// behind a call returned is a [*CallError].
//
// # Contexts and goroutines
//
// Every call takes a context. Subscriptions and consumers have no goroutine of their own: Recv reads in the goroutine
// that calls it, and what is not read stays in the daemon's store. A [Publisher], a [Participant] and a
// [Registration] have goroutines, which end with their Close, with the context they were made with, or with
// [Client.Close].
//
// A client may be used by many goroutines; a subscription, iterator or consumer by one at a time.
package msgbus
