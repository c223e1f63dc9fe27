package msgbus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	msgbus "msgbus.test/go"
)

// What goes beyond the reference, against a real daemon.

func TestSubscribeFilter(t *testing.T) {
	client, _ := startDaemon(t)
	ctx := deadline(t)
	for _, topic := range []string{"sensors/a/temp", "sensors/b/temp", "sensors/a/hum"} {
		must(client.Publish(ctx, topic, []byte(topic)))(t)
	}
	subscription := must(client.SubscribeFilter(ctx, "sensors/+/temp", msgbus.FilterOptions{}))(t)
	defer subscription.Close()
	first := must(subscription.Recv())(t)
	second := must(subscription.Recv())(t)
	must(client.Publish(ctx, "sensors/c/temp", []byte("late")))(t)
	third := must(subscription.Recv())(t)
	if first.Topic != "sensors/a/temp" || second.Topic != "sensors/b/temp" || string(third.Payload) != "late" {
		t.Fatal(first, second, third)
	}
	again := must(client.SubscribeFilter(ctx, "sensors/#", msgbus.FilterOptions{From: msgbus.After(*second.Position)}))(t)
	defer again.Close()
	if message := must(again.Recv())(t); message.Topic != "sensors/a/hum" {
		t.Fatal(message)
	}

	now := must(client.SubscribeFilter(ctx, "sensors/#", msgbus.FilterOptions{From: msgbus.Now}))(t)
	defer now.Close()
	if err := now.Ready(); err != nil {
		t.Fatal(err)
	}
	must(client.Publish(ctx, "sensors/d/temp", []byte("new")))(t)
	if message := must(now.Recv())(t); string(message.Payload) != "new" {
		t.Fatal(message)
	}

	if _, err := client.SubscribeFilter(ctx, "a/#/b", msgbus.FilterOptions{}); status.Code(err) != codes.InvalidArgument {
		t.Fatal(err)
	}
}

func TestEndOfSubscriptions(t *testing.T) {
	client, _ := startDaemon(t)
	ctx, cancel := context.WithCancel(deadline(t))
	subscription := must(client.SubscribeFilter(ctx, "#", msgbus.FilterOptions{}))(t)
	iterator := client.SubscribeIterator(ctx, "t", msgbus.SubscribeOptions{})
	consumer := client.Consume(ctx, "q", msgbus.ConsumeOptions{})
	ends := make(chan error, 3)
	go func() { _, err := subscription.Recv(); ends <- err }()
	go func() { _, err := iterator.Recv(); ends <- err }()
	go func() { _, err := consumer.Recv(); ends <- err }()
	cancel()
	for range 3 {
		if err := <-ends; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestFetchAll(t *testing.T) {
	client, _ := startDaemon(t)
	ctx := deadline(t)
	publisher := client.NewPublisher(ctx, msgbus.PublisherOptions{})
	for i := range 2_345 {
		if err := publisher.Send(ctx, "long", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Close(ctx); err != nil {
		t.Fatal(err)
	}
	next := uint64(46)
	for message, err := range client.FetchAll(ctx, "long", nil, next) {
		if err != nil || message.GetHeadId() != next || string(message.GetPayload()) != fmt.Sprint(next-1) {
			t.Fatal(message, err)
		}
		next++
	}
	if next != 2_346 {
		t.Fatalf("ended before head %d", next)
	}
}

func TestPublisherRefusal(t *testing.T) {
	client, _ := startDaemon(t)
	ctx := deadline(t)
	var refused []string
	publisher := client.NewPublisher(ctx, msgbus.PublisherOptions{
		OnRefused: func(message msgbus.OutgoingMessage, _ error) { refused = append(refused, message.Topic) },
	})
	for _, topic := range []string{"good", "$msgbus.delete", "good"} {
		if err := publisher.Send(ctx, topic, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Flush(ctx); status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	if len(refused) != 1 || refused[0] != "$msgbus.delete" {
		t.Fatal(refused)
	}
	message := msgbus.OutgoingMessage{Topic: "good", Payload: []byte("x"), PublishID: "only-once"}
	first := must(publisher.Publish(ctx, message))(t)
	second := must(publisher.Publish(ctx, message))(t)
	if first.HeadID != 3 || second.HeadID != 3 || first.Duplicate || !second.Duplicate {
		t.Fatal(first, second)
	}
	if err := publisher.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := publisher.Send(ctx, "good", nil); status.Code(err) != codes.FailedPrecondition {
		t.Fatal(err)
	}
}

// A message that no daemon takes breaks the stream; it alone fails.
func TestPublisherFindsTheMessageThatBreaksItsStream(t *testing.T) {
	client, _ := startDaemon(t)
	ctx := deadline(t)
	publisher := client.NewPublisher(ctx, msgbus.PublisherOptions{ReconnectDelay: time.Millisecond})
	var pending []*msgbus.Pending
	for i := range 5 {
		size := 10
		if i == 2 {
			size = 40 << 20
		}
		message := msgbus.OutgoingMessage{Topic: "t", Payload: make([]byte, size)}
		pending = append(pending, must(publisher.Start(ctx, message))(t))
		if i == 2 {
			// Beyond its limit the publisher waits, so what follows comes after the outcome.
			_, err := pending[2].Wait(ctx)
			if status.Code(err) != codes.ResourceExhausted {
				t.Fatal(err)
			}
		}
	}
	heads := []uint64{}
	for i, p := range pending {
		if i != 2 {
			heads = append(heads, must(p.Wait(ctx))(t).HeadID)
		}
	}
	if fmt.Sprint(heads) != "[1 2 3 4]" {
		t.Fatal(heads)
	}
	if err := publisher.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestConsume(t *testing.T) {
	client, _ := startDaemon(t)
	ctx := deadline(t)
	for _, payload := range []string{"a", "b"} {
		must(client.EnqueueFIFO(ctx, "q", "work", &msgbus.NodeID{}, []byte(payload)))(t)
	}
	consumer := client.Consume(ctx, "q", msgbus.ConsumeOptions{MaxInFlight: 2, Lease: time.Minute})
	a := must(consumer.Recv())(t)
	b := must(consumer.Recv())(t)
	if !must(a.Extend(ctx, 0))(t) || !must(a.Ack(ctx))(t) || !must(b.Release(ctx, 0))(t) {
		t.Fatal("a lease had ended")
	}
	again := must(consumer.Recv())(t)
	if string(again.Payload) != "b" || again.Attempts != 1 {
		t.Fatal(again)
	}
	if must(a.Ack(ctx))(t) {
		t.Fatal("acknowledged twice")
	}
	queues := must(client.ListQueues(ctx))(t)
	if len(queues) != 1 || queues[0].GetDepth() != 1 {
		t.Fatal(queues)
	}
	consumer.Close()
	// What was not settled goes back, to the next who asks.
	other := client.Consume(ctx, "q", msgbus.ConsumeOptions{})
	defer other.Close()
	if message := must(other.Recv())(t); string(message.Payload) != "b" {
		t.Fatal(message)
	}
}

func TestNames(t *testing.T) {
	client, address := startDaemon(t)
	ctx := deadline(t)
	plc := must(client.Join(ctx, "plc.7", msgbus.JoinOptions{}))(t)
	defer plc.Close()
	other := must(msgbus.Dial(ctx, address))(t)
	defer other.Close()
	if _, err := other.Join(ctx, "plc.7", msgbus.JoinOptions{}); status.Code(err) != codes.AlreadyExists {
		t.Fatal(err)
	}
	console := must(other.Join(ctx, "console", msgbus.JoinOptions{}))(t)
	defer console.Close()
	if err := console.Send(ctx, "plc.7", []byte("start")); err != nil {
		t.Fatal(err)
	}
	if n := must(console.Broadcast(ctx, "plc.*", []byte("all")))(t); n != 1 {
		t.Fatal(n)
	}
	first := must(plc.Recv(ctx))(t)
	second := must(plc.Recv(ctx))(t)
	if first.Sender != "console" || string(first.Payload) != "start" || first.Broadcast || !second.Broadcast {
		t.Fatal(first, second)
	}
	var known *msgbus.Error
	if err := client.Send(ctx, "nobody", nil); !errors.As(err, &known) || known.Reason != "unknown_client" {
		t.Fatal(err)
	}
	// Who is replaced does not take the name back.
	heir := must(other.Join(ctx, "plc.7", msgbus.JoinOptions{Replace: true}))(t)
	defer heir.Close()
	if _, err := plc.Recv(ctx); !errors.As(err, &known) || known.Reason != "replaced" {
		t.Fatal(err)
	}
}

func TestCalls(t *testing.T) {
	client, address := startDaemon(t)
	ctx := deadline(t)
	started := make(chan struct{})
	ended := make(chan struct{})
	handler := func(ctx context.Context, call *msgbus.IncomingCall) (*msgbus.CallResult, error) {
		switch string(call.Payload) {
		case "fail":
			return nil, &msgbus.CallError{Name: "com.example.full", Payload: []byte("7")}
		case "refuse":
			return nil, status.Error(codes.PermissionDenied, "not for you")
		case "wait":
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		}
		return &msgbus.CallResult{Payload: append([]byte("hello "), call.Payload...), Headers: call.Headers}, nil
	}
	registration := must(client.Register(ctx, "com.example.greet", handler))(t)
	caller := must(msgbus.Dial(ctx, address))(t)
	defer caller.Close()
	if _, err := caller.Register(ctx, "com.example.greet", handler); status.Code(err) != codes.AlreadyExists {
		t.Fatal(err)
	}
	result := must(caller.CallWithHeaders(ctx, "com.example.greet", []byte("you"), map[string]string{"a": "b"}))(t)
	if string(result.Payload) != "hello you" || result.Headers["a"] != "b" {
		t.Fatal(result)
	}
	var failure *msgbus.CallError
	if _, err := caller.Call(ctx, "com.example.greet", []byte("fail")); !errors.As(err, &failure) || string(failure.Payload) != "7" {
		t.Fatal(err)
	}
	if _, err := caller.Call(ctx, "com.example.greet", []byte("refuse")); status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	go func() { <-started; cancel() }()
	if _, err := caller.Call(short, "com.example.greet", []byte("wait")); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	<-ended
	if err := registration.Close(ctx); err != nil || registration.Err() != nil {
		t.Fatal(err, registration.Err())
	}
	var known *msgbus.Error
	if _, err := caller.Call(ctx, "com.example.greet", nil); !errors.As(err, &known) || known.Reason != "no_such_procedure" {
		t.Fatal(err)
	}
}

func TestDialNowhere(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := msgbus.Dial(ctx, "127.0.0.1:1")
	if status.Code(err) != codes.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := msgbus.DialLazy("http://host:1/path"); status.Code(err) != codes.InvalidArgument {
		t.Fatal(err)
	}
}
