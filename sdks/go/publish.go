package msgbus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"msgbus.test/go/pb/msgbusv1"
	"msgbus.test/go/pb/msgbusv2"
)

// publishIDKey is the request metadata in which v1 publications carry their publish id.
const publishIDKey = "msgbus-publish-id"

// OutgoingMessage is what programs publish.
type OutgoingMessage struct {
	Topic   string
	Payload []byte
	Headers map[string]string
	// PublishID makes a repetition harmless: within the window of the daemon (ten minutes) the same id stores
	// nothing and is answered with the first message. At most 128 bytes; empty: one is made where one is needed.
	PublishID string
}

// PublishMessage stores one message, and repeats that after a broken connection, until ctx ends: with the same
// publish id, so that it is stored once. A daemon that does not know such ids, which is one that only speaks v1,
// is not asked twice, for the message may have been stored.
func (c *Client) PublishMessage(ctx context.Context, message OutgoingMessage) (*Message, error) {
	if message.PublishID == "" {
		message.PublishID = publishIDs.next()
	}
	delay := newReconnectDelay(0)
	isRepeatable := false
	for {
		envelope, err := c.publishOnce(ctx, message)
		if err == nil || !isRetryable(ctx, err) || c.closed.Err() != nil {
			return envelope, err
		}
		for !isRepeatable {
			_, statusErr := unary(ctx, c.admin.GetStatus, &msgbusv2.GetStatusRequest{})
			if isUnimplemented(statusErr) {
				return nil, err
			}
			// An answer of any other kind, even a refusal, is that of a daemon with v2.
			if isRepeatable = !isRetryableCode(status.Code(statusErr)); isRepeatable {
				break
			}
			if delay.wait(ctx) != nil || c.closed.Err() != nil {
				return nil, err
			}
		}
		if delay.wait(ctx) != nil {
			return nil, err
		}
	}
}

func (c *Client) publishOnce(ctx context.Context, message OutgoingMessage) (*Message, error) {
	if message.PublishID != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, publishIDKey, message.PublishID)
	}
	var trailer metadata.MD
	response, err := c.v1.Publish(ctx, &msgbusv1.PublishRequest{
		Topic:   message.Topic,
		Origin:  c.defaultOrigin,
		Payload: message.Payload,
		Headers: message.Headers,
	}, grpc.Trailer(&trailer))
	if err != nil {
		return nil, fromGRPC(err, trailer)
	}
	if response.GetMessage() == nil {
		return nil, withoutMessage()
	}
	return response.GetMessage(), nil
}

// idMaker makes publish ids that no other process makes: a random beginning and a number.
type idMaker struct {
	prefix string
	last   atomic.Uint64
}

var publishIDs = newIDMaker()

func newIDMaker() *idMaker {
	var random [12]byte
	// crypto/rand does not fail: it ends the program where the system has no randomness.
	_, _ = rand.Read(random[:])
	return &idMaker{prefix: hex.EncodeToString(random[:]) + "-"}
}

func (m *idMaker) next() string {
	return m.prefix + strconv.FormatUint(m.last.Add(1), 36)
}
