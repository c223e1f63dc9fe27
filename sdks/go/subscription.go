package msgbus

import (
	"context"
	"fmt"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"msgbus.test/go/pb/msgbusv2"
)

// Position is a place in the commit order of one daemon's store. Programs may keep it, as JSON for instance, best together
// with their own results.
type Position struct {
	// Epoch names the store; it changes when the store is made anew. Empty on daemons that only speak v1.
	Epoch string `json:"epoch"`
	// Sequence is the place; the head id when Epoch is empty.
	Sequence uint64 `json:"sequence"`
}

// Start says where a subscription begins; make one with Earliest, Now, Last, AtHead or After.
type Start struct {
	kind     startKind
	head     uint64
	position Position
}

type startKind int

const (
	earliest startKind = iota
	now
	last
	atHead
	after
)

var (
	// Earliest begins with everything stored.
	Earliest = Start{kind: earliest}
	// Now begins with what is stored from now on: after the first Recv has reached the daemon, or Ready has returned.
	Now = Start{kind: now}
	// Last begins with the newest message of each matching log.
	Last = Start{kind: last}
)

// AtHead begins at a head id of one log: only for filters without wildcards. Without an origin it is the log of
// the daemon itself.
func AtHead(headID uint64) Start { return Start{kind: atHead, head: max(1, headID)} }

// After begins with what follows a position.
func After(position Position) Start {
	if position.Epoch == "" {
		return AtHead(position.Sequence + 1)
	}
	return Start{kind: after, position: position}
}

// HistoryChange says what to do when the daemon's store was made anew.
type HistoryChange int

const (
	// FromEarliest begins at the earliest again and leaves out what is still the same: nothing is missed.
	FromEarliest HistoryChange = iota
	// FromNow goes on with what comes.
	FromNow
	// FailOnChange ends the subscription with the reason bad_position.
	FailOnChange
)

// FilterOptions of a subscription by filter.
type FilterOptions struct {
	// From says where to begin; the zero value is Earliest.
	From Start
	// Origin: only messages of this one. Nil: the client's default origin, or else every origin.
	Origin *NodeID
	// StoredOnly leaves out publications that are not stored (head id 0).
	StoredOnly bool
	// HeadsOnly leaves payloads and headers out.
	HeadsOnly bool
	// MaxBatch is the most messages that the daemon sends together; 0 is 1,000.
	MaxBatch uint32
	// ReconnectDelay before the first new attempt; 0 is 250 ms, doubling up to 10 s.
	ReconnectDelay time.Duration
	// HistoryChanged says what to do when the daemon's store was made anew.
	HistoryChanged HistoryChange
	// OnReconnect is told of every attempt to come, and why. It runs in the goroutine that calls Recv.
	OnReconnect func(err error)
	// OnDamaged is told of messages that cannot be delivered because their record is damaged.
	OnDamaged func(topic string, origin *NodeID, fromHeadID, toHeadID uint64)
}

// Received is a message of a subscription.
type Received struct {
	*Message
	// Position to go on from behind this message; nil while there is none, as for the last values of a start at Last.
	Position *Position
}

// Subscription reads every message that matches a filter, in commit order of the daemon, each once, over as many
// connections as that takes. Not safe for concurrent use.
type Subscription struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	filter string
	opts   FilterOptions
	origin *NodeID
	delay  *reconnectDelay
	start  Start
	// position is where the next stream goes on.
	position *Position
	known    *knownLogs
	// isAnew: the store was made anew, and what to leave out is decided already.
	isAnew        bool
	stream        feedStream
	cancelAttempt context.CancelFunc
	ready         []Received
	// onV1 reads instead, when the daemon only speaks v1.
	onV1 *SubscribeIterator
	err  error
}

type feedStream = grpc.ServerStreamingClient[msgbusv2.SubscribeResponse]

// SubscribeFilter makes a subscription to every topic that a filter matches, of every origin. It opens its stream with
// the first Recv. It ends with ctx or with Close.
func (c *Client) SubscribeFilter(ctx context.Context, filter string, opts FilterOptions) (*Subscription, error) {
	if err := CheckFilter(filter); err != nil {
		return nil, err
	}
	if opts.From.kind == atHead && !isExact(filter) {
		text := fmt.Sprintf("a head id counts in one log: it cannot start the filter %q", filter)
		return nil, newError(codes.InvalidArgument, "bad_argument", text)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &Subscription{
		client: c,
		ctx:    ctx,
		cancel: cancel,
		filter: filter,
		opts:   opts,
		origin: c.origin(opts.Origin),
		delay:  newReconnectDelay(opts.ReconnectDelay),
		start:  opts.From,
		known:  newKnownLogs(),
	}, nil
}

// Close frees the stream; Recv fails with context.Canceled from then on.
func (s *Subscription) Close() { s.cancel() }

// Recv returns the next message. It blocks while there is none. It returns the context's error when that
// ends, and the daemon's error when trying again cannot mend it; from then on always the same.
func (s *Subscription) Recv() (Received, error) {
	for {
		if len(s.ready) > 0 {
			message := s.ready[0]
			s.ready = s.ready[1:]
			return message, nil
		}
		if s.err != nil {
			return Received{}, s.err
		}
		if s.onV1 != nil {
			return s.recvV1()
		}
		if err := s.read(); err != nil {
			s.recover(err)
		}
	}
}

// Ready returns when the daemon has set the subscription up: with Now, everything stored after that will come.
func (s *Subscription) Ready() error {
	for s.err == nil && s.onV1 == nil && s.position == nil && len(s.ready) == 0 {
		if err := s.read(); err != nil {
			s.recover(err)
		}
	}
	return s.err
}

// All iterates over the messages; an error ends the iteration. Leaving it closes the subscription.
func (s *Subscription) All() iter.Seq2[Received, error] {
	return func(yield func(Received, error) bool) {
		defer s.Close()
		for {
			message, err := s.Recv()
			if !yield(message, err) || err != nil {
				return
			}
		}
	}
}

// read takes one response from the stream, which it opens before.
func (s *Subscription) read() error {
	if s.stream == nil {
		return s.open()
	}
	response, err := s.stream.Recv()
	if err != nil {
		return endOf(err, s.stream)
	}
	s.delay.reset()
	s.accept(response)
	return nil
}

func (s *Subscription) open() error {
	if s.start.kind == atHead && s.origin == nil {
		// A head id counts in one log: the daemon's own, as in v1.
		node, err := s.client.Node(s.ctx)
		if err != nil {
			return err
		}
		s.origin = node
	}
	attempt, cancel := context.WithCancel(s.ctx)
	s.cancelAttempt = cancel
	stream, err := s.client.bus.Subscribe(attempt, &msgbusv2.SubscribeRequest{
		Filter:    s.filter,
		Origin:    toV2Node(s.origin),
		Start:     s.nextStart(),
		MaxBatch:  s.opts.MaxBatch,
		HeadsOnly: s.opts.HeadsOnly,
		// Heads count what is stored.
		StoredOnly: s.opts.StoredOnly || s.start.kind == atHead,
	})
	if err != nil {
		return fromGRPC(err, nil)
	}
	s.stream = stream
	return nil
}

func (s *Subscription) nextStart() *msgbusv2.Start {
	if s.position != nil {
		return toWireStart(After(*s.position))
	}
	// Broken off before there was a position: begin again and leave out what came already.
	if s.isAnew {
		s.isAnew = false
	} else {
		s.known.skipSeen()
	}
	return toWireStart(s.start)
}

func (s *Subscription) accept(response *msgbusv2.SubscribeResponse) {
	// The position comes with the last of several responses; in between the sequence of a message is its position
	// as well, but for the last values of a start at Last.
	epoch := ""
	if s.position != nil {
		epoch = s.position.Epoch
	}
	if position := response.GetPosition(); position != nil {
		epoch = position.GetEpoch()
	}
	s.ready = make([]Received, 0, len(response.GetMessages()))
	var log *knownLog
	for _, wire := range response.GetMessages() {
		// Absent names repeat those of the message before.
		if log == nil || wire.GetTopic() != "" || wire.GetOrigin() != nil {
			log = s.known.find(log, wire)
		}
		headID := wire.GetHeadId()
		// Head 0: not stored, so it has no place and moves none.
		if headID > 0 {
			if headID <= log.skipTo || (s.start.kind == atHead && headID < s.start.head) {
				continue
			}
			log.lastHead, log.lastID = headID, wire.GetId()
			if epoch != "" {
				s.position = &Position{Epoch: epoch, Sequence: wire.GetSequence()}
			}
		}
		s.ready = append(s.ready, Received{Message: &Message{
			Id:          wire.GetId(),
			Topic:       log.topic,
			Origin:      log.origin,
			HeadId:      headID,
			Payload:     wire.GetPayload(),
			Headers:     wire.GetHeaders(),
			CreatedAtMs: wire.GetCreatedAtMs(),
			Deleted:     wire.GetDeleted(),
		}, Position: s.position})
	}
	if position := response.GetPosition(); position != nil {
		s.position = &Position{Epoch: position.GetEpoch(), Sequence: position.GetSequence()}
	}
	for _, damaged := range response.GetDamaged() {
		if s.opts.OnDamaged != nil {
			s.opts.OnDamaged(damaged.GetTopic(), toV1Node(damaged.GetOrigin()), damaged.GetFromHeadId(), damaged.GetToHeadId())
		}
	}
}

// recover prepares another stream, or sets the error with which it ends.
func (s *Subscription) recover(err error) {
	if s.cancelAttempt != nil {
		s.cancelAttempt()
	}
	s.stream = nil
	if hasReason(err, "bad_position") && s.ctx.Err() == nil {
		err = s.startAnew(err)
	}
	if isUnimplemented(err) {
		if s.onV1, err = s.toV1(err); err == nil {
			return
		}
	}
	switch {
	case s.client.closed.Err() != nil || !isRetryable(s.ctx, err):
		s.fail(err)
	default:
		if s.opts.OnReconnect != nil {
			s.opts.OnReconnect(err)
		}
		if err := s.delay.wait(s.ctx); err != nil {
			s.fail(err)
		}
	}
}

func (s *Subscription) fail(err error) {
	if s.ctx.Err() != nil {
		err = s.ctx.Err()
	}
	s.err = err
	s.cancel()
}

// startAnew returns an error after which another stream is opened, or with which the subscription ends.
func (s *Subscription) startAnew(cause error) error {
	switch s.opts.HistoryChanged {
	case FailOnChange:
		return cause
	case FromNow:
		s.start = Now
	default:
		if err := s.known.skipConfirmed(func(log *knownLog) (string, error) { return s.idAt(log) }); err != nil {
			return err
		}
		s.start = Earliest
	}
	s.position, s.isAnew = nil, true
	return newError(codes.Unavailable, "bad_position", "the daemon's store was made anew")
}

// idAt is the id of the message under the last head seen of a log; empty when there is none.
func (s *Subscription) idAt(log *knownLog) (string, error) {
	messages, err := s.client.Fetch(s.ctx, log.topic, log.origin, log.lastHead, 1)
	if err != nil || len(messages) == 0 || messages[0].GetHeadId() != log.lastHead {
		return "", err
	}
	return messages[0].GetId(), nil
}

// toV1 makes what reads instead from a daemon that only speaks v1.
func (s *Subscription) toV1(cause error) (*SubscribeIterator, error) {
	if !isExact(s.filter) {
		return nil, unsupported("filters with wildcards", cause)
	}
	if s.opts.HeadsOnly {
		return nil, unsupported("subscriptions without payloads", cause)
	}
	opts := SubscribeOptions{Origin: s.origin, FromHeadID: 1, ReconnectDelay: s.opts.ReconnectDelay}
	start := s.start
	if start.kind == after {
		// A place in the commit order of a daemon that spoke v2 says nothing here.
		switch s.opts.HistoryChanged {
		case FailOnChange:
			text := "the position was taken from another daemon than this one, which speaks v1 only"
			return nil, newError(codes.FailedPrecondition, "bad_position", text)
		case FromNow:
			start = Now
		}
	}
	switch start.kind {
	case atHead:
		opts.FromHeadID = start.head
	case now, last:
		head, _, err := s.client.GetHead(s.ctx, s.filter, s.origin)
		if err != nil {
			return nil, err
		}
		opts.FromHeadID = head
		if start.kind == now {
			opts.FromHeadID = head + 1
		}
	}
	return s.client.SubscribeIterator(s.ctx, s.filter, opts), nil
}

func (s *Subscription) recvV1() (Received, error) {
	message, err := s.onV1.Recv()
	if err != nil {
		s.err = err
		return Received{}, err
	}
	return Received{Message: message, Position: &Position{Sequence: message.GetHeadId()}}, nil
}

func toWireStart(start Start) *msgbusv2.Start {
	switch start.kind {
	case now:
		return &msgbusv2.Start{At: &msgbusv2.Start_Now{Now: &msgbusv2.Now{}}}
	case last:
		return &msgbusv2.Start{At: &msgbusv2.Start_Last{Last: &msgbusv2.Last{}}}
	case atHead:
		return &msgbusv2.Start{At: &msgbusv2.Start_HeadId{HeadId: start.head}}
	case after:
		position := &msgbusv2.Position{Epoch: start.position.Epoch, Sequence: start.position.Sequence}
		return &msgbusv2.Start{At: &msgbusv2.Start_After{After: position}}
	default:
		return &msgbusv2.Start{At: &msgbusv2.Start_Earliest{Earliest: &msgbusv2.Earliest{}}}
	}
}

func toV2Node(node *NodeID) *msgbusv2.NodeId {
	if node == nil {
		return nil
	}
	return &msgbusv2.NodeId{TenantId: node.GetTenantId(), BlName: node.GetBlName(), DeviceId: node.GetDeviceId()}
}

func toV1Node(node *msgbusv2.NodeId) *NodeID {
	return &NodeID{TenantId: node.GetTenantId(), BlName: node.GetBlName(), DeviceId: node.GetDeviceId()}
}
