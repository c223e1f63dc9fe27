package msgbus

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"msgbus.test/go/pb/msgbusv1"
)

// SubscribeOptions of one log.
type SubscribeOptions struct {
	// Origin of the log; nil: the client's default origin, or else the daemon's own.
	Origin *NodeID
	// FromHeadID is the first head id wanted; 0 is 1.
	FromHeadID uint64
	// ReplayLimit is the page size of what is stored already; 0 is DefaultReplayLimit. On daemons of the reference a
	// raw stream gets no more of it than that.
	ReplayLimit uint32
	// ReconnectDelay of an iterator before its first new attempt; 0 is 250 ms. It doubles up to 10 s, a
	// random half left out, and begins anew after a success.
	ReconnectDelay time.Duration
}

// Subscribe opens a raw stream of one log: what is stored from a head id on, then what comes. It ends with its
// connection; programs that want to go on use [Client.SubscribeIterator].
func (c *Client) Subscribe(ctx context.Context, topic string, origin *NodeID, fromHeadID uint64) (SubscribeStream, error) {
	return c.SubscribeWithOptions(ctx, topic, SubscribeOptions{Origin: origin, FromHeadID: fromHeadID})
}

// SubscribeWithOptions is Subscribe with options.
func (c *Client) SubscribeWithOptions(ctx context.Context, topic string, opts SubscribeOptions) (SubscribeStream, error) {
	limit := opts.ReplayLimit
	if limit == 0 {
		limit = DefaultReplayLimit
	}
	stream, err := c.v1.Subscribe(ctx, &msgbusv1.SubscribeRequest{
		Topic:       topic,
		Origin:      c.origin(opts.Origin),
		FromHeadId:  max(1, opts.FromHeadID),
		ReplayLimit: limit,
	})
	if err != nil {
		return nil, fromGRPC(err, nil)
	}
	return stream, nil
}

// SubscribeIterator reads one log: every message once, in order, over as many connections as that takes. What a daemon
// leaves out is fetched before going on. Not safe for concurrent Recv.
type SubscribeIterator struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	topic  string
	opts   SubscribeOptions
	delay  *reconnectDelay
	// next is the head to deliver next.
	next uint64
	// attempt lives as long as one stream and the fetches beside it.
	attempt       context.Context
	cancelAttempt context.CancelFunc
	stream        SubscribeStream
	// page is a fetch under way: of what is stored (before stream is opened), or of a gap (until fetchTo).
	page    *logPage
	fetchTo uint64
	// held came behind a gap.
	held *Message
	err  error
}

// SubscribeIterator makes an iterator; it opens its stream with the first Recv. A nil ctx is context.Background: end
// it with Close.
func (c *Client) SubscribeIterator(ctx context.Context, topic string, opts SubscribeOptions) *SubscribeIterator {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithCancel(ctx)
	return &SubscribeIterator{
		client: c,
		ctx:    ctx,
		cancel: cancel,
		topic:  topic,
		opts:   opts,
		delay:  newReconnectDelay(opts.ReconnectDelay),
		next:   max(1, opts.FromHeadID),
	}
}

// Close frees the stream; Recv fails with context.Canceled from then on.
func (s *SubscribeIterator) Close() { s.cancel() }

// Recv returns the next message. It blocks while there is none. It returns the context's error when that
// ends, and the daemon's error when trying again cannot mend it; from then on always the same.
func (s *SubscribeIterator) Recv() (*Message, error) {
	for s.err == nil {
		message, err := s.step()
		if err == nil && message == nil {
			continue
		}
		if err == nil {
			s.delay.reset()
			if message.GetHeadId() < s.next {
				// Repeated by the daemon, or fetched already.
				continue
			}
			s.next = message.GetHeadId() + 1
			return message, nil
		}
		s.drop()
		if s.client.closed.Err() != nil || (!errors.Is(err, io.EOF) && !isRetryable(s.ctx, err)) {
			s.fail(err)
		} else if err := s.delay.wait(s.ctx); err != nil {
			s.fail(err)
		}
	}
	return nil, s.err
}

// step reads one message from wherever it is the turn, or moves on; io.EOF means that the stream ended.
func (s *SubscribeIterator) step() (*Message, error) {
	switch {
	case s.page != nil:
		message, err := s.page.recv()
		if err == nil {
			return message, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		return s.endOfPage()
	case s.stream == nil:
		// What is stored is fetched page by page, since older daemons cut the replay.
		s.attempt, s.cancelAttempt = context.WithCancel(s.ctx)
		s.fetchTo = math.MaxUint64
		return nil, s.fetch()
	default:
		return s.recvLive()
	}
}

func (s *SubscribeIterator) recvLive() (*Message, error) {
	response, err := s.stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fromGRPC(err, s.stream.Trailer())
	}
	message := response.GetMessage()
	if message == nil {
		return nil, withoutMessage()
	}
	if message.GetHeadId() > s.next {
		s.held, s.fetchTo = message, message.GetHeadId()-1
		return nil, s.fetch()
	}
	return message, nil
}

func (s *SubscribeIterator) fetch() error {
	limit := uint32(min(pageMessages, s.fetchTo-s.next+1))
	page, err := s.client.openPage(s.attempt, s.topic, s.client.origin(s.opts.Origin), s.next, limit)
	s.page = page
	return err
}

func (s *SubscribeIterator) endOfPage() (*Message, error) {
	count := s.page.count
	s.page = nil
	if s.held != nil {
		if s.next <= s.fetchTo && count > 0 {
			return nil, s.fetch()
		}
		// What cannot be fetched is gone; waiting for it would stop the iterator for good.
		message := s.held
		s.held = nil
		return message, nil
	}
	if count >= pageMessages {
		return nil, s.fetch()
	}
	opts := s.opts
	opts.FromHeadID = s.next
	stream, err := s.client.SubscribeWithOptions(s.attempt, s.topic, opts)
	s.stream = stream
	return nil, err
}

// drop forgets the stream; what it held is still in the daemon's store.
func (s *SubscribeIterator) drop() {
	s.cancelAttempt()
	s.stream, s.page, s.held = nil, nil, nil
}

func (s *SubscribeIterator) fail(err error) {
	if s.ctx.Err() != nil {
		err = s.ctx.Err()
	}
	s.err = err
	s.cancel()
}
