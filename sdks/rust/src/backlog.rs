//! What a publisher has accepted and the daemon has not answered: first waiting, then in flight in batches, in order. Pure
//! bookkeeping.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::{OutgoingMessage, PublisherOptions, Receipt, Result};

/// While so many batches are on their way, smaller ones wait and grow.
const BUSY_BATCHES: usize = 2;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: OutgoingMessage,
    /// Of payload and headers.
    pub(crate) bytes: usize,
    /// None when nobody waits for this message alone.
    pub(crate) outcome: Option<oneshot::Sender<Result<Receipt>>>,
}

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: u64,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<Entry>,
    in_flight: VecDeque<Batch>,
    /// Waiting or in flight.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// So far, answered ones included.
    pub(crate) accepted: u64,
    last_id: u64,
    /// So many of the first messages go alone, to find out which of them broke a stream.
    pub(crate) careful: usize,
}

impl Backlog {
    pub(crate) fn add(&mut self, entry: Entry) {
        self.messages += 1;
        self.accepted += 1;
        self.bytes += entry.bytes;
        self.waiting.push_back(entry);
    }

    /// In flight from now on; none while none should go.
    pub(crate) fn next_batch(&mut self, options: &PublisherOptions) -> Option<&Batch> {
        let most = if self.careful > 0 { 1 } else { options.max_batch_messages };
        let is_busy = self.in_flight.len() >= BUSY_BATCHES && self.waiting.len() < most;
        if self.waiting.is_empty() || is_busy || (self.careful > 0 && !self.in_flight.is_empty()) {
            return None;
        }
        let (mut count, mut bytes) = (0, 0);
        for entry in self.waiting.iter().take(most) {
            if count > 0 && bytes + entry.bytes > options.max_batch_bytes {
                break;
            }
            bytes += entry.bytes;
            count += 1;
        }
        self.last_id += 1;
        let entries = self.waiting.drain(..count).collect();
        self.in_flight.push_back(Batch { id: self.last_id, entries });
        self.in_flight.back()
    }

    /// Takes the oldest batch out, when it is this one.
    pub(crate) fn answered(&mut self, id: u64, results: usize) -> Option<Vec<Entry>> {
        let oldest = self.in_flight.front()?;
        if oldest.id != id || oldest.entries.len() != results {
            return None;
        }
        let entries = self.in_flight.pop_front()?.entries;
        self.release(&entries);
        Some(entries)
    }

    /// Puts what is in flight to the front of what waits, in its order; how many messages that are.
    pub(crate) fn put_back(&mut self) -> usize {
        let mut count = 0;
        while let Some(batch) = self.in_flight.pop_back() {
            count += batch.entries.len();
            for entry in batch.entries.into_iter().rev() {
                self.waiting.push_front(entry);
            }
        }
        count
    }

    /// Gives up the first messages of what waits.
    pub(crate) fn drop_first(&mut self, messages: usize) -> Vec<Entry> {
        let entries: Vec<_> = self.waiting.drain(..messages.min(self.waiting.len())).collect();
        self.release(&entries);
        entries
    }

    fn release(&mut self, entries: &[Entry]) {
        self.messages -= entries.len();
        self.bytes -= entries.iter().map(|entry| entry.bytes).sum::<usize>();
        self.careful = self.careful.saturating_sub(entries.len());
    }
}
