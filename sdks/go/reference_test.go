package msgbus_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	msgbus "msgbus.test/go"
)

// referenceProgram is a program for the reference Go SDK: it uses every method, option and type of that one
// (spec msgbus-v1 7.1) and nothing else. It has to compile and to run with this one, unchanged but for the import.
func referenceProgram(ctx context.Context, target string, t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var client *msgbus.Client
	client, err := msgbus.Dial(ctx, target)
	check(err)
	defer client.Close()

	status0, err := client.Health(ctx)
	check(err)
	var ready *msgbus.ReadyResponse
	ready, err = client.Ready(ctx)
	check(err)
	if status0 != "SERVING" || !ready.GetReady() {
		t.Fatalf("%s, %v", status0, ready)
	}
	var node *msgbus.NodeID = ready.GetNode()
	client = client.WithDefaultOrigin(node)

	var message *msgbus.Message
	message, err = client.Publish(ctx, "events", []byte("one"))
	check(err)
	_, err = client.PublishWithHeaders(ctx, "events", []byte("two"), map[string]string{"kind": "second"})
	check(err)
	if message.GetHeadId() != 1 || message.GetOrigin().GetDeviceId() != node.GetDeviceId() {
		t.Fatalf("published %v", message)
	}

	var messages []*msgbus.Message
	messages, err = client.Fetch(ctx, "events", nil, 1, msgbus.DefaultReplayLimit)
	check(err)
	if len(messages) != 2 || messages[1].GetHeaders()["kind"] != "second" {
		t.Fatalf("fetched %v", messages)
	}

	streamCtx, endStreams := context.WithCancel(ctx)
	defer endStreams()
	stream, err := client.Subscribe(streamCtx, "events", nil, 1)
	check(err)
	response, err := stream.Recv()
	check(err)
	if string(response.GetMessage().GetPayload()) != "one" {
		t.Fatalf("received %v", response)
	}
	opts := msgbus.SubscribeOptions{
		Origin: node, FromHeadID: 2, ReplayLimit: 10, ReconnectDelay: 250 * time.Millisecond,
	}
	stream, err = client.SubscribeWithOptions(streamCtx, "events", opts)
	check(err)
	response, err = stream.Recv()
	check(err)
	var iterator *msgbus.SubscribeIterator = client.SubscribeIterator(streamCtx, "events", opts)
	message, err = iterator.Recv()
	check(err)
	if response.GetMessage().GetHeadId() != 2 || message.GetHeadId() != 2 {
		t.Fatalf("received %v and %v", response, message)
	}

	head, found, err := client.GetHead(ctx, "events", nil)
	check(err)
	var heads []*msgbus.TopicHead
	heads, err = client.ListHeads(ctx)
	check(err)
	var states []*msgbus.PeerSyncState
	states, err = client.ListPeerSyncStates(ctx)
	check(err)
	if head != 2 || !found || len(heads) != 1 || heads[0].GetTopic() != "events" || len(states) != 0 {
		t.Fatalf("head %d, %v, %v, %v", head, found, heads, states)
	}
	deleted, err := client.DeleteRange(ctx, "events", nil, 1, 1)
	check(err)
	if deleted != 1 {
		t.Fatalf("deleted %d", deleted)
	}

	target0 := &msgbus.NodeID{TenantId: "tenant", BlName: "default", DeviceId: "worker"}
	var job *msgbus.FifoMessage
	job, err = client.EnqueueFIFO(ctx, "jobs", "work", target0, []byte("first"))
	check(err)
	_, err = client.EnqueueFIFOWithHeaders(ctx, "jobs", "work", target0, []byte("second"), map[string]string{"a": "b"})
	check(err)
	front, err := client.PeekFIFO(ctx, "jobs")
	check(err)
	rejected, err := client.RejectFIFO(ctx, "jobs", front.GetId())
	check(err)
	accepted, err := client.AckFIFO(ctx, "jobs", job.GetId())
	check(err)
	if !rejected || !accepted || front.GetId() != job.GetId() {
		t.Fatalf("queue: %v %v %v", front, rejected, accepted)
	}
	if _, err = client.PeekFIFO(ctx, "nothing"); status.Code(err) != codes.NotFound {
		t.Fatalf("an empty queue: %v", err)
	}

	lazy, err := msgbus.DialLazy(target)
	check(err)
	check(lazy.Close())
	var none *msgbus.Client
	check(none.Close())
	//nolint:staticcheck // The reference documents what a nil context does.
	if _, err = msgbus.Dial(nil, target); err == nil {
		t.Fatal("a nil context was accepted")
	}
}

func TestReferenceProgram(t *testing.T) {
	address := openSuite(t).ask("daemon --storage memory").Address
	referenceProgram(deadline(t), address, t)
}
