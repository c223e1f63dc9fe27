package msgbus_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	msgbus "msgbus.test/go"
)

// The promise that matters: a daemon that is killed and started again in the midst of everything costs nobody a message,
// and nobody gets one twice. MSGBUS_RESTARTS and MSGBUS_RESTART_MESSAGES make it longer.
func TestRestarts(t *testing.T) {
	restarts, messages := number("MSGBUS_RESTARTS", 2), number("MSGBUS_RESTART_MESSAGES", 4_000)
	s := openSuite(t)
	daemon := s.ask("daemon")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	client := must(msgbus.Dial(ctx, daemon.Address))(t)
	topics := []string{"restarts/a", "restarts/b"}

	// Kills come when so many messages have arrived, so that they meet all parts of the way.
	arrived := make(chan int, messages)
	killed := make(chan error, 1)
	go func() {
		count := 0
		for i := range restarts {
			for count < (i+1)*messages/(restarts+1) {
				select {
				case <-arrived:
					count++
				case <-ctx.Done():
					killed <- ctx.Err()
					return
				}
			}
			if _, err := s.tryAsk(fmt.Sprint("kill ", daemon.ID)); err != nil {
				killed <- err
				return
			}
		}
		killed <- nil
	}()

	byFilter, byLog := make(chan error, 1), make(chan error, 1)
	go func() {
		subscription, err := client.SubscribeFilter(ctx, "restarts/+", msgbus.FilterOptions{ReconnectDelay: 10 * time.Millisecond})
		next := map[string]uint64{}
		for count := 0; err == nil && count < messages; count++ {
			var message msgbus.Received
			if message, err = subscription.Recv(); err == nil {
				err = follows(message.Message, next)
				arrived <- 1
			}
		}
		byFilter <- err
	}()
	go func() {
		opts := msgbus.SubscribeOptions{ReconnectDelay: 10 * time.Millisecond}
		iterator := client.SubscribeIterator(ctx, topics[0], opts)
		var err error
		next := map[string]uint64{}
		for count := 0; err == nil && count < messages/2; count++ {
			var message *msgbus.Message
			if message, err = iterator.Recv(); err == nil {
				err = follows(message, next)
			}
		}
		byLog <- err
	}()

	publisher := client.NewPublisher(ctx, msgbus.PublisherOptions{
		ReconnectDelay: 10 * time.Millisecond, MaxInFlightMessages: 500, MaxBatchMessages: 100,
	})
	for i := range messages {
		// The payload is the head that the message has to get.
		if err := publisher.Send(ctx, topics[i%2], strconv.AppendInt(nil, int64(i/2+1), 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for what, end := range map[string]chan error{"killing": killed, "by filter": byFilter, "by log": byLog} {
		if err := <-end; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, topic := range topics {
		head, _, err := client.GetHead(ctx, topic, nil)
		if err != nil || head != uint64(messages/2) {
			t.Errorf("%s ends at %d, %v", topic, head, err)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	noGoroutinesLeft(t)
}

// follows checks that a message is the next of its log, and the one that was published in this place.
func follows(message *msgbus.Message, next map[string]uint64) error {
	next[message.GetTopic()]++
	head := next[message.GetTopic()]
	if message.GetHeadId() != head || string(message.GetPayload()) != fmt.Sprint(head) {
		return fmt.Errorf("%s: head %d with %s, not %d", message.GetTopic(), message.GetHeadId(), message.GetPayload(), head)
	}
	return nil
}

func number(variable string, standard int) int {
	if value, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return value
	}
	return standard
}

// noGoroutinesLeft waits, since some of the transport's end a moment after its Close.
func noGoroutinesLeft(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		own := ownGoroutines()
		if len(own) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("goroutines are left:\n%s", own[0])
		}
	}
}

func TestNoGoroutineOutlivesTheClient(t *testing.T) {
	client, address := startDaemon(t)
	ctx := deadline(t)
	other := must(msgbus.Dial(ctx, address))(t)
	_ = client.Close()
	handler := func(context.Context, *msgbus.IncomingCall) (*msgbus.CallResult, error) { return nil, nil }
	must(other.Register(ctx, "p", handler))(t)
	must(other.Join(ctx, "n", msgbus.JoinOptions{}))(t)
	publisher := other.NewPublisher(ctx, msgbus.PublisherOptions{})
	must(publisher.Publish(ctx, msgbus.OutgoingMessage{Topic: "t"}))(t)
	subscription := must(other.SubscribeFilter(ctx, "t", msgbus.FilterOptions{}))(t)
	must(subscription.Recv())(t)
	iterator := other.SubscribeIterator(ctx, "t", msgbus.SubscribeOptions{})
	must(iterator.Recv())(t)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := subscription.Recv(); err == nil {
		t.Fatal("received from a closed client")
	}
	subscription.Close()
	iterator.Close()
	noGoroutinesLeft(t)
}
