package msgbus

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	"msgbus.test/go/pb/msgbusv1"
)

// Health returns the status text, "SERVING". It is answered while the daemon lives, also before its store is open.
func (c *Client) Health(ctx context.Context) (string, error) {
	response, err := unary(ctx, c.v1.Health, &msgbusv1.HealthRequest{})
	return response.GetStatus(), err
}

// Node returns the node id of the daemon.
func (c *Client) Node(ctx context.Context) (*NodeID, error) {
	response, err := unary(ctx, c.v1.Health, &msgbusv1.HealthRequest{})
	return response.GetNode(), err
}

// Ready tells whether the daemon can store and read.
func (c *Client) Ready(ctx context.Context) (*ReadyResponse, error) {
	return unary(ctx, c.v1.Ready, &msgbusv1.ReadyRequest{})
}

// Publish stores one message and returns it once it is as durable as the daemon is configured. It is tried once:
// after UNAVAILABLE it may be stored or not. [Client.PublishMessage] repeats safely.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte) (*Message, error) {
	return c.PublishWithHeaders(ctx, topic, payload, nil)
}

// PublishWithHeaders is Publish with headers.
func (c *Client) PublishWithHeaders(ctx context.Context, topic string, payload []byte, headers map[string]string) (*Message, error) {
	return c.publishOnce(ctx, OutgoingMessage{Topic: topic, Payload: payload, Headers: headers})
}

// Fetch returns stored messages of one log in order, from a head id on (0 is 1): at most limit, of which 0 means 100
// and the daemon gives 10,000 at once. A nil origin is the client's default origin, or else the daemon's own.
func (c *Client) Fetch(ctx context.Context, topic string, origin *NodeID, fromHeadID uint64, limit uint32) ([]*Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	page, err := c.openPage(ctx, topic, c.origin(origin), fromHeadID, limit)
	if err != nil {
		return nil, err
	}
	var messages []*Message
	for {
		message, err := page.recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, message)
	}
}

// FetchAll iterates over one log from a head id on, ending at its head, however long it is. An error ends the
// iteration.
func (c *Client) FetchAll(ctx context.Context, topic string, origin *NodeID, fromHeadID uint64) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for from := max(1, fromHeadID); ; {
			page, err := c.openPage(ctx, topic, c.origin(origin), from, pageMessages)
			for err == nil {
				var message *Message
				if message, err = page.recv(); err == nil {
					from = message.GetHeadId() + 1
					if !yield(message, nil) {
						return
					}
				}
			}
			if !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			if page.count < pageMessages {
				return
			}
		}
	}
}

// pageMessages is few enough to be answered quickly, and many enough to make the calls cheap.
const pageMessages = 1000

// logPage is one Fetch under way.
type logPage struct {
	stream grpc.ServerStreamingClient[msgbusv1.FetchResponse]
	count  uint32
}

func (c *Client) openPage(ctx context.Context, topic string, origin *NodeID, from uint64, limit uint32) (*logPage, error) {
	request := &msgbusv1.FetchRequest{Topic: topic, Origin: origin, FromHeadId: from, Limit: limit}
	stream, err := c.v1.Fetch(ctx, request)
	if err != nil {
		return nil, fromGRPC(err, nil)
	}
	return &logPage{stream: stream}, nil
}

// recv returns io.EOF at the end of the page.
func (p *logPage) recv() (*Message, error) {
	response, err := p.stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fromGRPC(err, p.stream.Trailer())
	}
	if response.GetMessage() == nil {
		return nil, withoutMessage()
	}
	p.count++
	return response.GetMessage(), nil
}

// GetHead returns the last head id of a log; false when nothing was ever stored in it.
func (c *Client) GetHead(ctx context.Context, topic string, origin *NodeID) (uint64, bool, error) {
	request := &msgbusv1.GetHeadRequest{Topic: topic, Origin: c.origin(origin)}
	response, err := unary(ctx, c.v1.GetHead, request)
	return response.GetHeadId(), response.GetFound(), err
}

// ListHeads returns every log of every origin.
func (c *Client) ListHeads(ctx context.Context) ([]*TopicHead, error) {
	response, err := unary(ctx, c.v1.ListHeads, &msgbusv1.ListHeadsRequest{})
	return response.GetHeads(), err
}

// ListPeerSyncStates returns how far synchronisation with each peer has come.
func (c *Client) ListPeerSyncStates(ctx context.Context) ([]*PeerSyncState, error) {
	response, err := unary(ctx, c.v1.ListPeerSyncStates, &msgbusv1.ListPeerSyncStatesRequest{})
	return response.GetStates(), err
}

// DeleteRange deletes messages of the daemon's own log, both ends included, and returns how many. Their heads
// stay, flagged deleted.
func (c *Client) DeleteRange(ctx context.Context, topic string, origin *NodeID, fromHeadID, toHeadID uint64) (uint64, error) {
	request := &msgbusv1.DeleteRangeRequest{
		Topic:      topic,
		Origin:     c.origin(origin),
		FromHeadId: fromHeadID,
		ToHeadId:   toHeadID,
	}
	response, err := unary(ctx, c.v1.DeleteRange, request)
	return response.GetDeletedCount(), err
}
