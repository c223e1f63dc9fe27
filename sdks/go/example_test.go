package msgbus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"testing"
	"time"

	msgbus "msgbus.test/go"
)

// exampleDaemon is where the examples find a daemon, on which nothing was stored before.
var exampleDaemon string

// TestMain gives the examples a daemon. Without an sdk-suite there is none, and examples, which cannot be skipped, are
// not run.
func TestMain(m *testing.M) {
	suite := os.Getenv("MSGBUS_SUITE")
	if suite == "" {
		os.Args = append(os.Args, "-test.skip=^Example")
		os.Exit(m.Run())
	}
	control, err := net.Dial("tcp", suite)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(control, "daemon --storage memory")
	var answer suiteAnswer
	line, err := bufio.NewReader(control).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err != nil || answer.Error != "" {
		log.Fatal(err, answer.Error)
	}
	exampleDaemon = answer.Address
	code := m.Run()
	_ = control.Close()
	os.Exit(code)
}

func dialExample() (context.Context, *msgbus.Client) {
	ctx := context.Background()
	bus, err := msgbus.Dial(ctx, exampleDaemon)
	if err != nil {
		log.Fatal(err)
	}
	return ctx, bus
}

func ExampleClient_Publish() {
	ctx, bus := dialExample()
	defer bus.Close()
	message, err := bus.Publish(ctx, "example/publish", []byte("21.5"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.GetHeadId())
	// Output: 1
}

func ExampleClient_SubscribeFilter() {
	ctx, bus := dialExample()
	defer bus.Close()
	for _, room := range []string{"hall", "attic"} {
		if _, err := bus.Publish(ctx, "example/"+room+"/temp", []byte("21.5")); err != nil {
			log.Fatal(err)
		}
	}
	subscription, err := bus.SubscribeFilter(ctx, "example/+/temp", msgbus.FilterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	count := 0
	for message, err := range subscription.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.Topic, string(message.Payload))
		// Leaving the loop closes the subscription.
		if count++; count == 2 {
			break
		}
	}
	// Output:
	// example/hall/temp 21.5
	// example/attic/temp 21.5
}

func ExampleClient_SubscribeIterator() {
	ctx, bus := dialExample()
	defer bus.Close()
	if _, err := bus.Publish(ctx, "example/iterator", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	iterator := bus.SubscribeIterator(ctx, "example/iterator", msgbus.SubscribeOptions{FromHeadID: 1})
	defer iterator.Close()
	message, err := iterator.Recv()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.GetHeadId(), string(message.GetPayload()))
	// Output: 1 hello
}

func ExampleClient_NewPublisher() {
	ctx, bus := dialExample()
	defer bus.Close()
	publisher := bus.NewPublisher(ctx, msgbus.PublisherOptions{})
	for i := range 1_000 {
		// Waits only when enough is on its way.
		if err := publisher.Send(ctx, "example/many", fmt.Append(nil, i)); err != nil {
			log.Fatal(err)
		}
	}
	if err := publisher.Close(ctx); err != nil {
		log.Fatal(err)
	}
	head, _, err := bus.GetHead(ctx, "example/many", nil)
	fmt.Println(head, err)
	// Output: 1000 <nil>
}

func ExampleClient_Consume() {
	ctx, bus := dialExample()
	defer bus.Close()
	if _, err := bus.EnqueueFIFO(ctx, "example-jobs", "resize", &msgbus.NodeID{}, []byte("picture-17.png")); err != nil {
		log.Fatal(err)
	}
	consumer := bus.Consume(ctx, "example-jobs", msgbus.ConsumeOptions{MaxInFlight: 8, Lease: time.Minute})
	defer consumer.Close()
	job, err := consumer.Recv()
	if err != nil {
		log.Fatal(err)
	}
	accepted, err := job.Ack(ctx)
	fmt.Println(string(job.Payload), accepted, err)
	// Output: picture-17.png true <nil>
}

func ExampleClient_Call() {
	ctx, bus := dialExample()
	defer bus.Close()
	registration, err := bus.Register(ctx, "com.example.rooms",
		func(_ context.Context, call *msgbus.IncomingCall) (*msgbus.CallResult, error) {
			if string(call.Payload) != "3" {
				return nil, &msgbus.CallError{Name: "com.example.no_such_floor"}
			}
			return &msgbus.CallResult{Payload: []byte("3.1, 3.2")}, nil
		})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := bus.Call(ctx, "com.example.rooms", []byte("3"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Payload))
	var failure *msgbus.CallError
	if _, err = bus.Call(ctx, "com.example.rooms", []byte("9")); errors.As(err, &failure) {
		fmt.Println(failure.Name)
	}
	fmt.Println(registration.Close(ctx))
	// Output:
	// 3.1, 3.2
	// com.example.no_such_floor
	// <nil>
}

func ExampleClient_Join() {
	ctx, bus := dialExample()
	defer bus.Close()
	plc, err := bus.Join(ctx, "plc.7", msgbus.JoinOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer plc.Close()
	if err := bus.Send(ctx, "plc.7", []byte("start")); err != nil {
		log.Fatal(err)
	}
	message, err := plc.Recv(ctx)
	fmt.Println(string(message.Payload), err)
	// Output: start <nil>
}
