package msgbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	msgbus "msgbus.test/go"
)

// The vectors of ../../vectors, as every SDK runs them; their README.md says what they mean.

type conversation struct {
	Name   string
	Client action
	Expect outcome
}

type action struct {
	Do, Topic, Filter, Device, Payload, Queue, Procedure string
	From                                                 json.RawMessage
	Take                                                 int
	Limit                                                uint32
	ReplayLimit                                          uint32 `json:"replay_limit"`
	Payloads, Settle                                     []string
}

type outcome struct {
	Messages []string
	Heads    []*uint64
	Answer   *string
	Error    *struct{ Code, Reason string }
	Failure  *struct{ Name, Message, Payload string }
}

func TestTopics(t *testing.T) {
	var vectors struct {
		Filters []struct {
			Filter string
			Valid  bool
		}
		Matches []struct {
			Filter, Topic string
			Matches       bool
		}
	}
	readVectors(t, "topics.json", &vectors)
	for _, v := range vectors.Filters {
		if err := msgbus.CheckFilter(v.Filter); (err == nil) != v.Valid {
			t.Errorf("CheckFilter(%q) = %v", v.Filter, err)
		}
	}
	for _, v := range vectors.Matches {
		if got := msgbus.TopicMatches(v.Filter, v.Topic); got != v.Matches {
			t.Errorf("TopicMatches(%q, %q) = %v", v.Filter, v.Topic, got)
		}
	}
}

func TestNamesAtTheDaemon(t *testing.T) {
	client, _ := startDaemon(t)
	var vectors struct {
		Names []struct {
			Name, Reason string
			Valid        bool
		}
	}
	readVectors(t, "topics.json", &vectors)
	for _, v := range vectors.Names {
		_, err := client.Publish(deadline(t), v.Name, nil)
		var known *msgbus.Error
		if v.Valid && err != nil {
			t.Errorf("%q: %v", v.Name, err)
		} else if !v.Valid && (!errors.As(err, &known) || known.Code != codes.InvalidArgument || known.Reason != v.Reason) {
			t.Errorf("%q: %v, not %s", v.Name, err, v.Reason)
		}
	}
}

func TestErrors(t *testing.T) {
	client := must(msgbus.DialLazy(openSuite(t).ask("play v1-fetch").Address))(t)
	defer client.Close()
	var vectors []struct {
		Status              codes.Code
		Topic, Code, Reason string
		Retryable           bool
	}
	readVectors(t, "errors.json", &vectors)
	for _, v := range vectors {
		_, _, err := client.GetHead(deadline(t), v.Topic, nil)
		var known *msgbus.Error
		if !errors.As(err, &known) {
			t.Fatalf("%s: %v", v.Topic, err)
		}
		got := []any{known.Code, word(known.Code), known.Reason, known.Retryable(), status.Code(err)}
		want := []any{v.Status, v.Code, v.Reason, v.Retryable, v.Status}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, not %v", v.Topic, got, want)
		}
	}
}

func TestConversations(t *testing.T) {
	var conversations []conversation
	readVectors(t, "conversations.json", &conversations)
	for _, c := range conversations {
		t.Run(c.Name, func(t *testing.T) {
			s := openSuite(t)
			playing := s.ask("play " + c.Name)
			client := must(msgbus.DialLazy(playing.Address))(t)
			got := run(deadline(t), client, c.Client)
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			if got, want := asJSON(got), asJSON(c.Expect); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if verdict := s.ask(fmt.Sprint("verdict ", playing.ID)); !verdict.OK {
				t.Error(verdict.Faults)
			}
		})
	}
}

func run(ctx context.Context, client *msgbus.Client, a action) (o outcome) {
	err := actions[a.Do](ctx, client, a, &o)
	var failure *msgbus.CallError
	var known *msgbus.Error
	switch {
	case errors.As(err, &failure):
		o.Failure = &struct{ Name, Message, Payload string }{failure.Name, failure.Message, string(failure.Payload)}
	case errors.As(err, &known):
		o.Error = &struct{ Code, Reason string }{word(known.Code), known.Reason}
	case err != nil:
		o.Error = &struct{ Code, Reason string }{"", err.Error()}
	}
	return o
}

var actions = map[string]func(context.Context, *msgbus.Client, action, *outcome) error{
	"subscribe_log": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		iterator := client.SubscribeIterator(ctx, a.Topic, msgbus.SubscribeOptions{
			Origin:         nodeOf(a.Device),
			FromHeadID:     headOf(a.From),
			ReplayLimit:    a.ReplayLimit,
			ReconnectDelay: time.Millisecond,
		})
		defer iterator.Close()
		for len(o.Messages) < a.Take {
			message, err := iterator.Recv()
			if err != nil {
				return err
			}
			o.Messages = append(o.Messages, shown(message))
		}
		return nil
	},
	"subscribe": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		subscription, err := client.SubscribeFilter(ctx, a.Filter, msgbus.FilterOptions{
			From:           startOf(a.From),
			Origin:         nodeOf(a.Device),
			ReconnectDelay: time.Millisecond,
		})
		if err != nil {
			return err
		}
		for message, err := range subscription.All() {
			if err != nil {
				return err
			}
			o.Messages = append(o.Messages, shown(message.Message))
			if len(o.Messages) == a.Take {
				break
			}
		}
		return nil
	},
	"fetch": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		messages, err := client.Fetch(ctx, a.Topic, nil, headOf(a.From), a.Limit)
		for _, message := range messages {
			o.Messages = append(o.Messages, shown(message))
		}
		return err
	},
	"publish": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		message, err := client.PublishMessage(ctx, msgbus.OutgoingMessage{Topic: a.Topic, Payload: []byte(a.Payload)})
		if err == nil {
			o.Heads = append(o.Heads, &message.HeadId)
		}
		return err
	},
	"publisher": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		publisher := client.NewPublisher(ctx, msgbus.PublisherOptions{ReconnectDelay: time.Millisecond})
		var pending []*msgbus.Pending
		for _, payload := range a.Payloads {
			p, err := publisher.Start(ctx, msgbus.OutgoingMessage{Topic: a.Topic, Payload: []byte(payload)})
			if err != nil {
				return err
			}
			pending = append(pending, p)
		}
		for _, p := range pending {
			receipt, err := p.Wait(ctx)
			if err != nil {
				o.Heads = append(o.Heads, nil)
			} else {
				o.Heads = append(o.Heads, &receipt.HeadID)
			}
		}
		return publisher.Close(ctx)
	},
	"consume": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		consumer := client.Consume(ctx, a.Queue, msgbus.ConsumeOptions{MaxInFlight: 10, ReconnectDelay: time.Millisecond})
		defer consumer.Close()
		for _, words := range a.Settle {
			d, err := consumer.Recv()
			if err != nil {
				return err
			}
			o.Messages = append(o.Messages, fmt.Sprintf("%s %d %s %d", d.Queue, d.Sequence, d.Payload, d.Attempts))
			verb, number, _ := strings.Cut(words, " ")
			ms, _ := strconv.Atoi(number)
			duration := time.Duration(ms) * time.Millisecond
			switch verb {
			case "ack":
				_, err = d.Ack(ctx)
			case "release":
				_, err = d.Release(ctx, duration)
			default:
				_, err = d.Extend(ctx, duration)
			}
			if err != nil {
				return err
			}
		}
		return nil
	},
	"call": func(ctx context.Context, client *msgbus.Client, a action, o *outcome) error {
		result, err := client.Call(ctx, a.Procedure, []byte(a.Payload))
		if err == nil {
			text := string(result.Payload)
			o.Answer = &text
		}
		return err
	},
}

func shown(m *msgbus.Message) string {
	return fmt.Sprintf("%s %s %d %s", m.GetTopic(), m.GetOrigin().GetDeviceId(), m.GetHeadId(), m.GetPayload())
}

func nodeOf(device string) *msgbus.NodeID {
	if device == "" {
		return nil
	}
	return &msgbus.NodeID{TenantId: "tenant", BlName: "default", DeviceId: device}
}

func headOf(from json.RawMessage) uint64 {
	head, _ := strconv.ParseUint(string(from), 10, 64)
	return head
}

func startOf(from json.RawMessage) msgbus.Start {
	switch string(from) {
	case `"earliest"`:
		return msgbus.Earliest
	case `"now"`:
		return msgbus.Now
	case `"last"`:
		return msgbus.Last
	}
	var position msgbus.Position
	if json.Unmarshal(from, &position) == nil {
		return msgbus.After(position)
	}
	return msgbus.AtHead(headOf(from))
}

// word is a code as the vectors write it.
func word(code codes.Code) string {
	var text strings.Builder
	for i, r := range strings.Replace(code.String(), "Canceled", "Cancelled", 1) {
		if i > 0 && r >= 'A' && r <= 'Z' {
			text.WriteByte('_')
		}
		text.WriteRune(r)
	}
	return strings.ToLower(text.String())
}

// asJSON makes an empty list and none the same.
func asJSON(o outcome) string {
	if len(o.Messages) == 0 {
		o.Messages = nil
	}
	if len(o.Heads) == 0 {
		o.Heads = nil
	}
	bytes, _ := json.Marshal(o)
	return string(bytes)
}
