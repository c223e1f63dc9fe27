package msgbus

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"msgbus.test/go/pb/msgbusv2"
)

// Send hands a message to the client of a name, which may speak any protocol, and returns when that client's outbox at
// the daemon has it. Nothing is stored. NOT_FOUND (unknown_client) when nobody has the name. The message comes from
// nobody: to have a name, [Client.Join].
func (c *Client) Send(ctx context.Context, target string, payload []byte) error {
	return c.sendFrom(ctx, "", target, payload)
}

// Broadcast hands a message to every client whose name matches a mask, and returns how many that were. Chunks of a mask
// are separated by dots; '?' is one chunk, a '*' the rest.
func (c *Client) Broadcast(ctx context.Context, mask string, payload []byte) (uint32, error) {
	return c.broadcastFrom(ctx, "", mask, payload)
}

func (c *Client) sendFrom(ctx context.Context, from, target string, payload []byte) error {
	request := &msgbusv2.SendRequest{Target: target, Payload: payload, From: from}
	_, err := unary(ctx, c.clients.Send, request)
	return needsV2(err, "messages to names")
}

func (c *Client) broadcastFrom(ctx context.Context, from, mask string, payload []byte) (uint32, error) {
	request := &msgbusv2.BroadcastRequest{Mask: mask, Payload: payload, From: from}
	response, err := unary(ctx, c.clients.Broadcast, request)
	return response.GetReceivers(), needsV2(err, "messages to names")
}

// needsV2 says what a daemon lacks, when that is why the call failed.
func needsV2(err error, what string) error {
	if isUnimplemented(err) {
		return unsupported(what, err)
	}
	return err
}

// DirectMessage came to a name.
type DirectMessage struct {
	// Sender is its name; empty when it has none.
	Sender  string
	Payload []byte
	// Broadcast: it went to everybody whose name matches a mask.
	Broadcast bool
}

// JoinOptions of a name.
type JoinOptions struct {
	// Replace takes the name over from the client that has it.
	Replace bool
}

// Participant holds a name, and receives what is sent to it. It takes the name again after a broken connection; what was
// sent meanwhile is lost, as to everybody who is not there. A program that does not Recv makes senders wait.
type Participant struct {
	client   *Client
	name     string
	opts     JoinOptions
	ctx      context.Context
	cancel   context.CancelCauseFunc
	messages chan DirectMessage
	ended    chan struct{}
}

// participantBuffer is what waits for the program at most, besides what HTTP/2 holds.
const participantBuffer = 256

// Join takes a name, and returns when it is taken. ALREADY_EXISTS (name_taken) when another client has it. The
// participant ends with Close or with the client; ctx is only about joining.
func (c *Client) Join(ctx context.Context, name string, opts JoinOptions) (*Participant, error) {
	own, cancel := context.WithCancelCause(c.closed)
	p := &Participant{
		client:   c,
		name:     name,
		opts:     opts,
		ctx:      own,
		cancel:   cancel,
		messages: make(chan DirectMessage, participantBuffer),
		ended:    make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { cancel(ctx.Err()) })
	stream, err := p.open()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel(err)
		return nil, needsV2(err, "names of clients")
	}
	c.start(func() {
		defer close(p.ended)
		p.run(stream)
	})
	return p, nil
}

// Recv returns the next message, or why the participant has ended: context.Canceled after Close.
func (p *Participant) Recv(ctx context.Context) (DirectMessage, error) {
	select {
	case message := <-p.messages:
		return message, nil
	default:
	}
	select {
	case message := <-p.messages:
		return message, nil
	case <-p.ctx.Done():
		return DirectMessage{}, context.Cause(p.ctx)
	case <-ctx.Done():
		return DirectMessage{}, ctx.Err()
	}
}

// Send is [Client.Send] from this name.
func (p *Participant) Send(ctx context.Context, target string, payload []byte) error {
	return p.client.sendFrom(ctx, p.name, target, payload)
}

// Broadcast is [Client.Broadcast] from this name.
func (p *Participant) Broadcast(ctx context.Context, mask string, payload []byte) (uint32, error) {
	return p.client.broadcastFrom(ctx, p.name, mask, payload)
}

// Close gives the name back. It may be called twice.
func (p *Participant) Close() {
	p.cancel(context.Canceled)
	<-p.ended
}

type joinStream = grpc.ServerStreamingClient[msgbusv2.JoinResponse]

// open returns when the name is taken.
func (p *Participant) open() (joinStream, error) {
	stream, err := p.client.clients.Join(p.ctx, &msgbusv2.JoinRequest{Name: p.name, Replace: p.opts.Replace})
	if err != nil {
		return nil, fromGRPC(err, nil)
	}
	if _, err := stream.Recv(); err != nil {
		return nil, endOf(err, stream)
	}
	return stream, nil
}

func (p *Participant) run(stream joinStream) {
	delay := newReconnectDelay(0)
	for {
		err := p.read(stream)
		for err != nil {
			// Taking a name back from who took it over would begin a fight without end. One that is taken is
			// most often held by our own old stream.
			isPassing := isRetryable(p.ctx, err) || hasReason(err, "name_taken") || hasReason(err, "primary_missing")
			if hasReason(err, "replaced") || !isPassing || p.ctx.Err() != nil {
				p.cancel(err)
				return
			}
			if delay.wait(p.ctx) != nil {
				return
			}
			stream, err = p.open()
		}
		delay.reset()
	}
}

// read returns with the error that ended the stream.
func (p *Participant) read(stream joinStream) error {
	for {
		response, err := stream.Recv()
		if err != nil {
			return endOf(err, stream)
		}
		for _, message := range response.GetMessages() {
			received := DirectMessage{Sender: message.GetSender(), Payload: message.GetPayload(), Broadcast: message.GetBroadcast()}
			select {
			case p.messages <- received:
			case <-p.ctx.Done():
				return p.ctx.Err()
			}
		}
	}
}

// endOf is why a stream ended, as an *Error.
func endOf(err error, stream grpc.ClientStream) error {
	if errors.Is(err, io.EOF) {
		return newError(codes.Unavailable, "connection_lost", "the daemon ended the stream")
	}
	return fromGRPC(err, stream.Trailer())
}
