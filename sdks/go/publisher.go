package msgbus

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msgbus.test/go/pb/msgbusv2"
)

// PublisherOptions bound what a publisher holds and sends together.
type PublisherOptions struct {
	// MaxInFlightMessages accepted and not yet answered, before Send waits; 0 is 10,000.
	MaxInFlightMessages int
	// MaxInFlightBytes of payloads and headers, likewise; 0 is 8 MiB.
	MaxInFlightBytes int
	// MaxBatchMessages in one frame; 0 is 1,000, at most 10,000.
	MaxBatchMessages int
	// MaxBatchBytes in one frame; 0 is 256 KiB. A larger message goes alone.
	MaxBatchBytes int
	// NotIdempotent gives messages no publish ids, which spares the daemon remembering them: what is unanswered when
	// the connection breaks then fails, for it may have been stored.
	NotIdempotent bool
	// GiveUpAfter so long without any answer, everything waiting fails; 0 is two minutes.
	GiveUpAfter time.Duration
	// ReconnectDelay before the first new attempt; 0 is 250 ms, doubling up to 10 s.
	ReconnectDelay time.Duration
	// OnRefused is told of messages given to Send that were not stored. It must not call the publisher.
	OnRefused func(message OutgoingMessage, err error)
}

// Receipt of a stored message.
type Receipt struct {
	HeadID      uint64
	ID          string
	CreatedAtMs uint64
	// Duplicate: stored before under the same publish id.
	Duplicate bool
}

// Publisher publishes many messages with few frames. Batches clock themselves: what is published while batches are on
// their way goes with the next one, so a single message waits for nothing and a flood fills its frames. What has no
// answer when the connection breaks is sent again with the same publish ids: no loss, no repetition, same order.
//
// A daemon that only speaks v1 gets single calls in order; it knows no publish ids, so nothing is repeated there.
type Publisher struct {
	client *Client
	opts   PublisherOptions
	ctx    context.Context
	cancel context.CancelFunc
	ids    *idMaker
	delay  *reconnectDelay
	ended  chan struct{}

	mu      sync.Mutex
	backlog backlog
	// changed is closed and replaced whenever something was added, answered or ended.
	changed      chan struct{}
	refusal      error
	closed       bool
	failingSince time.Time
}

// NewPublisher makes a publisher. Close it: that flushes. It also ends, without flushing, with ctx and with the client.
func (c *Client) NewPublisher(ctx context.Context, opts PublisherOptions) *Publisher {
	setDefault(&opts.MaxInFlightMessages, 10_000)
	setDefault(&opts.MaxInFlightBytes, 8<<20)
	setDefault(&opts.MaxBatchMessages, 1_000)
	setDefault(&opts.MaxBatchBytes, 256<<10)
	setDefault(&opts.GiveUpAfter, 2*time.Minute)
	opts.MaxBatchMessages = min(opts.MaxBatchMessages, 10_000)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.closed, cancel)
	p := &Publisher{
		client:  c,
		opts:    opts,
		ctx:     ctx,
		cancel:  cancel,
		ids:     newIDMaker(),
		delay:   newReconnectDelay(opts.ReconnectDelay),
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
	}
	c.start(func() {
		defer close(p.ended)
		defer stop()
		p.run()
	})
	return p
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// entry is one message and who waits for it.
type entry struct {
	message OutgoingMessage
	bytes   int
	// outcome has room for one; nil when nobody waits for this message alone.
	outcome chan outcome
}

type outcome struct {
	receipt Receipt
	err     error
}

// Publish publishes one message and returns when it is stored as durably as the daemon is configured, or refused. When ctx
// ends first, the message may be stored all the same. The payload must not change until then.
func (p *Publisher) Publish(ctx context.Context, message OutgoingMessage) (Receipt, error) {
	pending, err := p.Start(ctx, message)
	if err != nil {
		return Receipt{}, err
	}
	return pending.Wait(ctx)
}

// Pending is a publication under way.
type Pending struct{ outcome chan outcome }

// Wait returns the receipt, or why the message was refused. Call it once.
func (p *Pending) Wait(ctx context.Context) (Receipt, error) {
	select {
	case o := <-p.outcome:
		return o.receipt, o.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// Start accepts one message; it waits while there is no room for more. The order of calls is the order of messages.
func (p *Publisher) Start(ctx context.Context, message OutgoingMessage) (*Pending, error) {
	pending := &Pending{outcome: make(chan outcome, 1)}
	return pending, p.accept(ctx, message, pending.outcome)
}

// Send accepts one message without waiting for its answer; it waits while there is no room for more. Refusals go to
// OnRefused and to the next Flush. The payload must not change until Flush returns.
func (p *Publisher) Send(ctx context.Context, topic string, payload []byte) error {
	return p.SendMessage(ctx, OutgoingMessage{Topic: topic, Payload: payload})
}

// SendMessage is Send with headers and a publish id.
func (p *Publisher) SendMessage(ctx context.Context, message OutgoingMessage) error {
	return p.accept(ctx, message, nil)
}

func (p *Publisher) accept(ctx context.Context, message OutgoingMessage, outcome chan outcome) error {
	if message.PublishID == "" && !p.opts.NotIdempotent {
		message.PublishID = p.ids.next()
	}
	bytes := len(message.Payload)
	for key, value := range message.Headers {
		bytes += len(key) + len(value)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.ctx.Err() == nil &&
		(p.backlog.messages >= p.opts.MaxInFlightMessages || p.backlog.bytes >= p.opts.MaxInFlightBytes) {
		if err := p.waitForChange(ctx); err != nil {
			return err
		}
	}
	if p.closed || p.ctx.Err() != nil {
		return newError(codes.FailedPrecondition, "cancelled", "the publisher is closed")
	}
	p.backlog.add(&entry{message: message, bytes: bytes, outcome: outcome})
	p.signal()
	return nil
}

// Flush returns when everything accepted so far is answered, with the first refusal of a Send since the last Flush.
func (p *Publisher) Flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for until := p.backlog.accepted; p.backlog.accepted-p.backlog.messages < until; {
		if err := p.waitForChange(ctx); err != nil {
			return err
		}
	}
	err := p.refusal
	p.refusal = nil
	return err
}

// Close flushes, then ends the publisher; when ctx ends first, what is unanswered fails. It may be called twice.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.cancel()
	<-p.ended
	return err
}

// waitForChange is called, and returns, with the lock held.
func (p *Publisher) waitForChange(ctx context.Context) error {
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal is called with the lock held.
func (p *Publisher) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// run delivers until the publisher ends, over as many connections as that takes.
func (p *Publisher) run() {
	deliver := p.deliverByStream
	for p.waitForMessages() {
		err := deliver()
		p.mu.Lock()
		unanswered := p.backlog.putBack()
		p.mu.Unlock()
		if p.ctx.Err() != nil {
			break
		}
		if isUnimplemented(err) {
			deliver = p.deliverSingly
		} else if err != nil {
			p.recover(err, unanswered)
		}
	}
	p.fail(-1, newError(codes.Canceled, "cancelled", "the publisher is closed"))
}

// waitForMessages is false when the publisher ends.
func (p *Publisher) waitForMessages() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.backlog.messages == 0 {
		if p.waitForChange(p.ctx) != nil {
			return false
		}
	}
	return p.ctx.Err() == nil
}

func (p *Publisher) deliverByStream() error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	stream, err := p.client.bus.PublishStream(ctx)
	if err != nil {
		return fromGRPC(err, nil)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- p.readAnswers(stream)
		// Ends whatever the writer waits for.
		cancel()
	}()
	for {
		batch := p.nextBatch(ctx)
		if batch == nil || stream.Send(toPublishRequest(batch)) != nil {
			// The reader knows why.
			break
		}
	}
	if p.ctx.Err() != nil {
		cancel()
	}
	return <-failed
}

// nextBatch waits until there is one to send; nil when ctx ends.
func (p *Publisher) nextBatch(ctx context.Context) *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ctx.Err() == nil {
		if batch := p.backlog.nextBatch(&p.opts); batch != nil {
			return batch
		}
		if p.waitForChange(ctx) != nil {
			return nil
		}
	}
	return nil
}

type publishStream = grpc.BidiStreamingClient[msgbusv2.PublishStreamRequest, msgbusv2.PublishStreamResponse]

func (p *Publisher) readAnswers(stream publishStream) error {
	for {
		response, err := stream.Recv()
		if err != nil {
			return endOf(err, stream)
		}
		// A daemon that starts or stops refuses for now; the whole batch is tried again.
		for _, result := range response.GetResults() {
			if refusal := result.GetRefusal(); codes.Code(refusal.GetCode()) == codes.Unavailable {
				return fromRefusal(refusal)
			}
		}
		if err := p.settle(response); err != nil {
			return err
		}
	}
}

func (p *Publisher) settle(response *msgbusv2.PublishStreamResponse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	results := response.GetResults()
	batch := p.backlog.oldest()
	if batch == nil || batch.id != response.GetBatchId() || len(batch.entries) != len(results) {
		return newError(codes.Internal, "undecodable", "the daemon answered another batch than it got")
	}
	p.backlog.answered()
	p.delay.reset()
	p.failingSince = time.Time{}
	for i, e := range batch.entries {
		if refusal := results[i].GetRefusal(); refusal != nil {
			p.refuse(e, fromRefusal(refusal))
		} else if e.outcome != nil {
			e.outcome <- outcome{receipt: Receipt{
				HeadID:      results[i].GetHeadId(),
				ID:          results[i].GetId(),
				CreatedAtMs: results[i].GetCreatedAtMs(),
				Duplicate:   results[i].GetDuplicate(),
			}}
		}
	}
	p.signal()
	return nil
}

// deliverSingly is for daemons without the stream.
func (p *Publisher) deliverSingly() error {
	for {
		batch := p.nextBatch(p.ctx)
		if batch == nil {
			return p.ctx.Err()
		}
		outcomes := make([]outcome, len(batch.entries))
		for i, e := range batch.entries {
			message, err := p.client.publishOnce(p.ctx, e.message)
			outcomes[i] = outcome{err: err, receipt: Receipt{
				HeadID: message.GetHeadId(), ID: message.GetId(), CreatedAtMs: message.GetCreatedAtMs(),
			}}
		}
		p.mu.Lock()
		p.backlog.answered()
		for i, e := range batch.entries {
			if outcomes[i].err != nil {
				p.refuse(e, outcomes[i].err)
			} else if e.outcome != nil {
				e.outcome <- outcomes[i]
			}
		}
		p.signal()
		p.mu.Unlock()
	}
}

func (p *Publisher) recover(err error, unanswered int) {
	if !isRetryable(p.ctx, err) {
		p.blame(err, unanswered)
		return
	}
	if p.opts.NotIdempotent && unanswered > 0 {
		p.fail(unanswered, err)
	}
	if p.failingSince.IsZero() {
		p.failingSince = time.Now()
	}
	if time.Since(p.failingSince) >= p.opts.GiveUpAfter {
		p.failingSince = time.Time{}
		p.delay.reset()
		p.fail(-1, err)
		return
	}
	// When it ends early, the loop sees why.
	_ = p.delay.wait(p.ctx)
}

// blame finds whom a final error concerns: one message, if it came while messages were unanswered.
func (p *Publisher) blame(err error, unanswered int) {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.ResourceExhausted, codes.OutOfRange, codes.Internal, codes.Unknown:
		if unanswered == 1 {
			p.fail(1, err)
			return
		}
		if unanswered > 1 {
			p.mu.Lock()
			p.backlog.careful = unanswered
			p.mu.Unlock()
			return
		}
	}
	p.fail(-1, err)
}

// fail gives up the first messages that wait; all with -1.
func (p *Publisher) fail(messages int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.backlog.drop(messages) {
		p.refuse(e, err)
	}
	p.signal()
}

// refuse is called with the lock held.
func (p *Publisher) refuse(e *entry, err error) {
	if e.outcome != nil {
		e.outcome <- outcome{err: err}
		return
	}
	if p.refusal == nil {
		p.refusal = err
	}
	if p.opts.OnRefused != nil {
		p.opts.OnRefused(e.message, err)
	}
}

func toPublishRequest(b *batch) *msgbusv2.PublishStreamRequest {
	messages := make([]*msgbusv2.OutgoingMessage, len(b.entries))
	previous := ""
	for i, e := range b.entries {
		m := e.message
		messages[i] = &msgbusv2.OutgoingMessage{Topic: m.Topic, Payload: m.Payload, Headers: m.Headers, PublishId: m.PublishID}
		// A topic that repeats the one before is left out.
		if i > 0 && m.Topic == previous {
			messages[i].Topic = ""
		}
		previous = m.Topic
	}
	return &msgbusv2.PublishStreamRequest{BatchId: b.id, Messages: messages}
}
