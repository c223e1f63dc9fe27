package msgbus

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"

	"msgbus.test/go/pb/msgbusv2"
)

// ConsumeOptions of a queue that programs share.
type ConsumeOptions struct {
	// MaxInFlight messages leased and not settled; 0 is 1. More hides the way to the daemon and back.
	MaxInFlight uint32
	// Lease is how long a message stays leased; 0 is the daemon's, 30 s. In whole milliseconds.
	Lease time.Duration
	// ReconnectDelay before the first new attempt; 0 is 250 ms, doubling up to 10 s.
	ReconnectDelay time.Duration
}

// Delivery is a leased message. Settle it once, with Ack or Release.
type Delivery struct {
	*msgbusv2.QueueMessage
	// LeaseUntil by the daemon's clock; Extend does not change it.
	LeaseUntil time.Time
	leaseID    string
	client     *Client
}

// Ack is done: it removes the message. False: the lease had ended, and another consumer may have the message.
func (d *Delivery) Ack(ctx context.Context) (bool, error) {
	return d.settle(ctx, &msgbusv2.Settlement{Action: &msgbusv2.Settlement_Acknowledge{Acknowledge: &msgbusv2.Acknowledge{}}})
}

// Release is not done: it counts an attempt and gives the message back after the delay.
func (d *Delivery) Release(ctx context.Context, delay time.Duration) (bool, error) {
	release := &msgbusv2.Release{DelayMs: milliseconds(delay)}
	return d.settle(ctx, &msgbusv2.Settlement{Action: &msgbusv2.Settlement_Release{Release: release}})
}

// Extend is not done yet: it keeps the message for this much longer, from now; 0: for as long as at first.
func (d *Delivery) Extend(ctx context.Context, lease time.Duration) (bool, error) {
	extend := &msgbusv2.Extend{LeaseMs: milliseconds(lease)}
	return d.settle(ctx, &msgbusv2.Settlement{Action: &msgbusv2.Settlement_Extend{Extend: extend}})
}

func (d *Delivery) settle(ctx context.Context, settlement *msgbusv2.Settlement) (bool, error) {
	settlement.Queue, settlement.LeaseId = d.GetQueue(), d.leaseID
	request := &msgbusv2.SettleRequest{Settlements: []*msgbusv2.Settlement{settlement}}
	response, err := unary(ctx, d.client.queues.Settle, request)
	if err != nil {
		return false, err
	}
	return len(response.GetAccepted()) > 0 && response.GetAccepted()[0], nil
}

func milliseconds(d time.Duration) uint32 {
	return uint32(min(max(0, d.Milliseconds()), 1<<32-1))
}

// Consumer takes messages from a queue that several programs share. The daemon leases each message to one of them; what
// is not acknowledged in time, or when the connection breaks, goes to another. Not safe for concurrent Recv; deliveries
// may be settled in any goroutine.
type Consumer struct {
	client        *Client
	ctx           context.Context
	cancel        context.CancelFunc
	queue         string
	opts          ConsumeOptions
	delay         *reconnectDelay
	stream        consumeStream
	cancelAttempt context.CancelFunc
	err           error
}

type consumeStream = grpc.ServerStreamingClient[msgbusv2.ConsumeResponse]

// Consume makes a consumer; it opens its stream with the first Recv and ends with ctx or with Close.
func (c *Client) Consume(ctx context.Context, queue string, opts ConsumeOptions) *Consumer {
	ctx, cancel := context.WithCancel(ctx)
	return &Consumer{client: c, ctx: ctx, cancel: cancel, queue: queue, opts: opts, delay: newReconnectDelay(opts.ReconnectDelay)}
}

// Close ends consuming: what is not settled goes back to the queue at once, and Recv fails with context.Canceled.
func (c *Consumer) Close() { c.cancel() }

// Recv returns the next delivery. It blocks while there is none. It returns the context's error when that ends,
// and the daemon's error when trying again cannot mend it; from then on always the same.
func (c *Consumer) Recv() (*Delivery, error) {
	for c.err == nil {
		delivery, err := c.read()
		if err == nil {
			c.delay.reset()
			return delivery, nil
		}
		c.cancelAttempt()
		c.stream = nil
		if isUnimplemented(err) {
			err = unsupported("leases; use PeekFIFO and AckFIFO", err)
		}
		if c.client.closed.Err() == nil && isRetryable(c.ctx, err) {
			err = c.delay.wait(c.ctx)
		}
		if c.ctx.Err() != nil {
			err = c.ctx.Err()
		}
		c.err = err
	}
	c.cancel()
	return nil, c.err
}

// All iterates over the deliveries; an error ends the iteration. Leaving it closes the consumer.
func (c *Consumer) All() iter.Seq2[*Delivery, error] {
	return func(yield func(*Delivery, error) bool) {
		defer c.Close()
		for {
			delivery, err := c.Recv()
			if !yield(delivery, err) || err != nil {
				return
			}
		}
	}
}

func (c *Consumer) read() (*Delivery, error) {
	if c.stream == nil {
		attempt, cancel := context.WithCancel(c.ctx)
		c.cancelAttempt = cancel
		stream, err := c.client.queues.Consume(attempt, &msgbusv2.ConsumeRequest{
			Queue:       c.queue,
			MaxInFlight: c.opts.MaxInFlight,
			LeaseMs:     milliseconds(c.opts.Lease),
		})
		if err != nil {
			return nil, fromGRPC(err, nil)
		}
		c.stream = stream
	}
	response, err := c.stream.Recv()
	if err != nil {
		return nil, endOf(err, c.stream)
	}
	if response.GetMessage() == nil {
		return nil, withoutMessage()
	}
	return &Delivery{
		QueueMessage: response.GetMessage(),
		LeaseUntil:   time.UnixMilli(int64(response.GetLeaseUntilMs())),
		leaseID:      response.GetLeaseId(),
		client:       c.client,
	}, nil
}
