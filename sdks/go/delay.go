package msgbus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	defaultReconnectDelay = 250 * time.Millisecond
	maxReconnectDelay     = 10 * time.Second
)

// reconnectDelay grows exponentially, and leaves out a random half of each step, so that many clients of a
// restarted daemon do not come back in step.
type reconnectDelay struct {
	first time.Duration
	step  time.Duration
}

func newReconnectDelay(first time.Duration) *reconnectDelay {
	if first <= 0 {
		first = defaultReconnectDelay
	}
	return &reconnectDelay{first: first}
}

// reset is called after every success.
func (d *reconnectDelay) reset() { d.step = 0 }

// wait returns nil when it is time for another attempt, or the context's error.
func (d *reconnectDelay) wait(ctx context.Context) error {
	switch {
	case d.step == 0:
		d.step = d.first
	default:
		d.step = min(2*d.step, max(maxReconnectDelay, d.first))
	}
	timer := time.NewTimer(d.step/2 + rand.N(d.step/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
