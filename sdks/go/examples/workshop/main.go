// A small workshop: an office enqueues orders, two workers share them, whoever asks for a price calls one of them, and
// everything that happens is published. Against another daemon: go run ./examples/workshop host:port
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"

	msgbus "msgbus.test/go"
)

const orders = 6

var prices = map[string]string{"chair": "40", "table": "120"}

func main() {
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, address); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	bus, err := msgbus.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer bus.Close()

	// Who watches sees what happens from now on.
	news, err := bus.SubscribeFilter(ctx, "workshop/+/done", msgbus.FilterOptions{From: msgbus.Now})
	if err != nil {
		return err
	}
	defer news.Close()
	if err := news.Ready(); err != nil {
		return err
	}

	registration, err := bus.Register(ctx, "workshop.price",
		func(_ context.Context, call *msgbus.IncomingCall) (*msgbus.CallResult, error) {
			price, found := prices[string(call.Payload)]
			if !found {
				return nil, &msgbus.CallError{Name: "workshop.unknown_piece"}
			}
			return &msgbus.CallResult{Payload: []byte(price)}, nil
		})
	if err != nil {
		return err
	}

	for i := range orders {
		piece := []string{"chair", "table"}[i%2]
		if _, err := bus.EnqueueFIFO(ctx, "workshop/orders", "order", &msgbus.NodeID{}, []byte(piece)); err != nil {
			return err
		}
	}
	working, goHome := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for _, name := range []string{"anna", "ben"} {
		workers.Add(1)
		go func() {
			defer workers.Done()
			if err := work(working, bus, name); err != nil && !errors.Is(err, context.Canceled) {
				log.Printf("%s: %v", name, err)
			}
		}()
	}

	for range orders {
		done, err := news.Recv()
		if err != nil {
			goHome()
			return err
		}
		worker := strings.Split(done.Topic, "/")[1]
		price, err := bus.Call(ctx, "workshop.price", done.Payload)
		if err != nil {
			goHome()
			return err
		}
		fmt.Printf("%s made a %s for %s\n", worker, done.Payload, price.Payload)
	}
	goHome()
	workers.Wait()

	var failure *msgbus.CallError
	if _, err := bus.Call(ctx, "workshop.price", []byte("sofa")); errors.As(err, &failure) {
		fmt.Printf("no price of a sofa: %s\n", failure.Name)
	}
	return registration.Close(ctx)
}

// work takes orders until ctx ends; what it has then and has not acknowledged goes back.
func work(ctx context.Context, bus *msgbus.Client, name string) error {
	publisher := bus.NewPublisher(ctx, msgbus.PublisherOptions{})
	defer publisher.Close(ctx)
	for order, err := range bus.Consume(ctx, "workshop/orders", msgbus.ConsumeOptions{MaxInFlight: 2}).All() {
		if err != nil {
			return err
		}
		done := msgbus.OutgoingMessage{Topic: "workshop/" + name + "/done", Payload: order.Payload}
		if _, err := publisher.Publish(ctx, done); err != nil {
			return err
		}
		if _, err := order.Ack(ctx); err != nil {
			return err
		}
	}
	return nil
}
