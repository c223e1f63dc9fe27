package msgbus

// busyBatches: while so many are on their way, smaller ones wait and grow.
const busyBatches = 2

// backlog is what a publisher has accepted and the daemon has not answered: first waiting, then in flight in
// batches, in order. Pure bookkeeping; the publisher's lock guards it.
type backlog struct {
	waiting  []*entry
	inFlight []*batch
	// messages and bytes waiting or in flight.
	messages int
	bytes    int
	// accepted so far, answered ones included.
	accepted int
	lastID   uint64
	// careful: so many of the first messages go alone, to find out which of them broke a stream.
	careful int
}

type batch struct {
	id      uint64
	entries []*entry
}

func (b *backlog) add(e *entry) {
	b.waiting = append(b.waiting, e)
	b.messages++
	b.accepted++
	b.bytes += e.bytes
}

// nextBatch is in flight from now on; nil while none should go.
func (b *backlog) nextBatch(opts *PublisherOptions) *batch {
	most := opts.MaxBatchMessages
	if b.careful > 0 {
		most = 1
	}
	busy := len(b.inFlight) >= busyBatches && len(b.waiting) < most
	if len(b.waiting) == 0 || busy || (b.careful > 0 && len(b.inFlight) > 0) {
		return nil
	}
	count, bytes := 0, 0
	for count < min(most, len(b.waiting)) {
		size := b.waiting[count].bytes
		if count > 0 && bytes+size > opts.MaxBatchBytes {
			break
		}
		bytes += size
		count++
	}
	b.lastID++
	next := &batch{id: b.lastID, entries: b.take(count)}
	b.inFlight = append(b.inFlight, next)
	return next
}

// oldest in flight; nil when nothing is.
func (b *backlog) oldest() *batch {
	if len(b.inFlight) == 0 {
		return nil
	}
	return b.inFlight[0]
}

// answered takes the oldest batch out.
func (b *backlog) answered() {
	entries := b.inFlight[0].entries
	b.inFlight[0] = nil
	b.inFlight = b.inFlight[1:]
	b.release(entries)
}

// putBack puts what is in flight to the front of what waits, in its order, and returns how many messages that are.
func (b *backlog) putBack() int {
	var entries []*entry
	for _, batch := range b.inFlight {
		entries = append(entries, batch.entries...)
	}
	if len(entries) > 0 {
		b.waiting = append(entries, b.waiting...)
		b.inFlight = nil
	}
	return len(entries)
}

// drop gives up the first messages of what waits; all with -1.
func (b *backlog) drop(messages int) []*entry {
	if messages < 0 || messages > len(b.waiting) {
		messages = len(b.waiting)
	}
	dropped := b.take(messages)
	b.release(dropped)
	return dropped
}

func (b *backlog) take(count int) []*entry {
	taken := make([]*entry, count)
	copy(taken, b.waiting)
	clear(b.waiting[:count])
	b.waiting = b.waiting[count:]
	return taken
}

func (b *backlog) release(entries []*entry) {
	for _, e := range entries {
		b.bytes -= e.bytes
	}
	b.messages -= len(entries)
	b.careful = max(0, b.careful-len(entries))
}
