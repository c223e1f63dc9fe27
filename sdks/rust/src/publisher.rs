//! Publishing many messages with few frames.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, Notify},
    task::JoinHandle,
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::{
    backlog::{Backlog, Batch, Entry},
    delay::ReconnectDelay,
    pb::v2,
    publish::next_publish_id,
    Error, MsgbusClient, OutgoingMessage, Result,
};

/// Bounds of what a publisher holds and sends together.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// Messages accepted and not yet answered, before `send` waits; default 10,000.
    pub max_in_flight_messages: usize,
    /// Their payload and header bytes, likewise; default 8 MiB.
    pub max_in_flight_bytes: usize,
    /// Messages in one frame; default 1,000, at most 10,000.
    pub max_batch_messages: usize,
    /// Bytes in one frame; default 256 KiB. A larger message goes alone.
    pub max_batch_bytes: usize,
    /// Give every message a publish id, so that what is unanswered when the connection breaks can be sent again and is stored
    /// once; default true. False spares the daemon remembering them: then what is unanswered fails.
    pub idempotent: bool,
    /// So long without any answer, everything waiting fails; default two minutes.
    pub give_up_after: Duration,
    /// Delay before the first new attempt; default 250 ms. It doubles up to 10 s.
    pub reconnect_delay: Duration,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            max_in_flight_messages: 10_000,
            max_in_flight_bytes: 8 << 20,
            max_batch_messages: 1_000,
            max_batch_bytes: 256 << 10,
            idempotent: true,
            give_up_after: Duration::from_secs(120),
            reconnect_delay: Duration::from_millis(250),
        }
    }
}

/// What became of a stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the log.
    pub head_id: u64,
    /// Its id.
    pub id: String,
    /// When it was stored, by the daemon's clock.
    pub created_at_ms: u64,
    /// Stored before under the same publish id.
    pub duplicate: bool,
}

/// Publishes many messages. Batches clock themselves: what is published while batches are on their way goes with the next one,
/// so a single message waits for nothing and a flood fills its frames. What has no answer when the connection breaks is sent
/// again with the same publish ids: no loss, no repetition, same order.
///
/// A daemon that only speaks v1 gets single calls in order; it knows no publish ids, so nothing is repeated there.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A publication under way.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<Receipt>>);

impl Pending {
    /// The receipt, or why the message was refused.
    ///
    /// # Errors
    ///
    /// What the daemon refused it with, or `CANCELLED` when the publisher was dropped.
    pub async fn receipt(self) -> Result<Receipt> {
        self.0.await.unwrap_or_else(|_| Err(closed()))
    }
}

#[derive(Debug)]
struct Shared {
    client: MsgbusClient,
    options: PublisherOptions,
    state: Mutex<State>,
    /// Something was added, answered or closed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    is_closed: bool,
    /// The first refusal of a `send` since the last `flush`.
    refusal: Option<Error>,
}

impl MsgbusClient {
    /// A publisher. [`close`](Publisher::close) it: that flushes; dropping loses what is not sent. Call it within a tokio runtime.
    pub fn publisher(&self, mut options: PublisherOptions) -> Publisher {
        options.max_batch_messages = options.max_batch_messages.clamp(1, 10_000);
        let shared = Arc::new(Shared {
            client: self.clone(),
            options,
            state: Mutex::default(),
            changed: Notify::new(),
        });
        let task = tokio::spawn(run(shared.clone()));
        Publisher { shared, task }
    }
}

impl Publisher {
    /// Publishes one message and returns when it is stored as durably as the daemon is configured.
    ///
    /// # Errors
    ///
    /// What the daemon refused it with.
    pub async fn publish(&self, message: OutgoingMessage) -> Result<Receipt> {
        self.start(message).await?.receipt().await
    }

    /// Accepts one message; waits while there is no room for more. The order of calls is the order of messages.
    ///
    /// # Errors
    ///
    /// `FAILED_PRECONDITION` when the publisher is closed.
    pub async fn start(&self, message: OutgoingMessage) -> Result<Pending> {
        let (sender, receiver) = oneshot::channel();
        self.accept(message, Some(sender)).await?;
        Ok(Pending(receiver))
    }

    /// Accepts one message without waiting for its answer; waits while there is no room for more. The first refusal goes to the
    /// next [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// `FAILED_PRECONDITION` when the publisher is closed.
    pub async fn send(&self, message: OutgoingMessage) -> Result<()> {
        self.accept(message, None).await
    }

    /// Returns when everything accepted so far is answered.
    ///
    /// # Errors
    ///
    /// The first refusal of a [`send`](Self::send) since the last flush.
    pub async fn flush(&self) -> Result<()> {
        let until = self.shared.lock().backlog.accepted;
        self.shared
            .wait_until(|state| {
                let open = state.backlog.messages as u64;
                (state.backlog.accepted - open >= until).then_some(())
            })
            .await;
        self.shared.lock().refusal.take().map_or(Ok(()), Err)
    }

    /// Flushes, then ends the publisher.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn close(self) -> Result<()> {
        self.shared.lock().is_closed = true;
        self.flush().await
    }

    async fn accept(
        &self,
        mut message: OutgoingMessage,
        outcome: Option<oneshot::Sender<Result<Receipt>>>,
    ) -> Result<()> {
        let Shared { options, .. } = &*self.shared;
        if options.idempotent {
            message.publish_id.get_or_insert_with(next_publish_id);
        }
        let headers = message.headers.iter().map(|(key, value)| key.len() + value.len());
        let bytes = message.payload.len() + headers.sum::<usize>();
        let mut entry = Some(Entry { message, bytes, outcome });
        let accepted = self.shared.wait_until(|state| {
            let Backlog { messages, bytes, .. } = state.backlog;
            if state.is_closed {
                return Some(Err(Error::new(
                    Code::FailedPrecondition,
                    "cancelled",
                    "the publisher is closed",
                )));
            }
            let is_full =
                messages >= options.max_in_flight_messages || bytes >= options.max_in_flight_bytes;
            if is_full {
                return None;
            }
            state.backlog.add(entry.take()?);
            Some(Ok(()))
        });
        accepted.await?;
        self.shared.changed.notify_waiters();
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked under the lock left a state that is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state now and after every change, until `look` has found something.
    async fn wait_until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

/// Delivers for as long as there is a publisher, over as many connections as that takes.
async fn run(shared: Arc<Shared>) {
    let mut delay = ReconnectDelay::new(shared.options.reconnect_delay);
    let mut failing_since = None;
    let mut is_v1_only = false;
    loop {
        shared.wait_until(|state| (state.backlog.messages > 0).then_some(())).await;
        let failure = if is_v1_only {
            deliver_singly(&shared).await
        } else {
            let answered = || {
                delay.reset();
                failing_since = None;
            };
            deliver_by_stream(&shared, answered).await
        };
        let unanswered = shared.lock().backlog.put_back();
        if failure.is_unimplemented() {
            is_v1_only = true;
        } else if failure.is_retryable() {
            if !shared.options.idempotent && unanswered > 0 {
                give_up(&shared, unanswered, &failure);
            }
            let since = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= shared.options.give_up_after {
                give_up(&shared, usize::MAX, &failure);
                failing_since = None;
                delay.reset();
            } else {
                delay.wait().await;
            }
        } else {
            blame(&shared, &failure, unanswered);
        }
    }
}

/// Returns with the error that ended the stream.
async fn deliver_by_stream(shared: &Arc<Shared>, mut answered: impl FnMut()) -> Error {
    let (requests, receiver) = mpsc::channel(1);
    let writer = Writer(tokio::spawn(write_batches(shared.clone(), requests)));
    let mut bus = shared.client.bus.clone();
    let outcome = async {
        let mut stream = bus.publish_stream(ReceiverStream::new(receiver)).await?.into_inner();
        loop {
            let response = stream.message().await?.ok_or_else(Error::stream_ended)?;
            // A daemon that starts or stops refuses for now; the whole batch is tried again.
            let refusals = response.results.iter().filter_map(|result| result.refusal.as_ref());
            let mut passing = refusals.filter(|refusal| refusal.code == Code::Unavailable as u32);
            if let Some(refusal) = passing.next() {
                return Err(Error::refused(refusal));
            }
            settle(shared, response)?;
            answered();
        }
    };
    let outcome: Result<std::convert::Infallible> = outcome.await;
    drop(writer);
    match outcome {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// Ends its task when it is dropped.
struct Writer(JoinHandle<()>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn write_batches(shared: Arc<Shared>, requests: mpsc::Sender<v2::PublishStreamRequest>) {
    while let Ok(permit) = requests.reserve().await {
        let request = shared
            .wait_until(|state| state.backlog.next_batch(&shared.options).map(to_request))
            .await;
        permit.send(request);
    }
}

fn settle(shared: &Shared, response: v2::PublishStreamResponse) -> Result<()> {
    let mut state = shared.lock();
    let entries = state
        .backlog
        .answered(response.batch_id, response.results.len())
        .ok_or(Error::Protocol("the daemon answered another batch than it got"))?;
    for (entry, result) in entries.into_iter().zip(response.results) {
        let outcome = match result.refusal {
            Some(refusal) => Err(Error::refused(&refusal)),
            None => Ok(Receipt {
                head_id: result.head_id,
                id: result.id,
                created_at_ms: result.created_at_ms,
                duplicate: result.duplicate,
            }),
        };
        finish(&mut state, entry, outcome);
    }
    drop(state);
    shared.changed.notify_waiters();
    Ok(())
}

/// For daemons without the stream. Never ends by itself.
async fn deliver_singly(shared: &Arc<Shared>) -> Error {
    loop {
        let (id, messages) = shared
            .wait_until(|state| {
                let batch = state.backlog.next_batch(&shared.options)?;
                let messages: Vec<_> =
                    batch.entries.iter().map(|entry| entry.message.clone()).collect();
                Some((batch.id, messages))
            })
            .await;
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in &messages {
            let published = shared.client.publish_once(message).await;
            outcomes.push(published.map(|message| Receipt {
                head_id: message.head_id,
                id: message.id,
                created_at_ms: message.created_at_ms,
                duplicate: false,
            }));
        }
        let mut state = shared.lock();
        let entries = state.backlog.answered(id, messages.len()).unwrap_or_default();
        for (entry, outcome) in entries.into_iter().zip(outcomes) {
            finish(&mut state, entry, outcome);
        }
        drop(state);
        shared.changed.notify_waiters();
    }
}

/// Finds whom a final error concerns: one message, if it came while messages were unanswered.
fn blame(shared: &Shared, error: &Error, unanswered: usize) {
    let is_perhaps_one = matches!(
        error.code(),
        Code::InvalidArgument
            | Code::ResourceExhausted
            | Code::OutOfRange
            | Code::Internal
            | Code::Unknown
    );
    match unanswered {
        1 if is_perhaps_one => give_up(shared, 1, error),
        2.. if is_perhaps_one => shared.lock().backlog.careful = unanswered,
        _ => give_up(shared, usize::MAX, error),
    }
}

/// Fails the first messages of what waits.
fn give_up(shared: &Shared, messages: usize, error: &Error) {
    let mut state = shared.lock();
    for entry in state.backlog.drop_first(messages) {
        finish(&mut state, entry, Err(Error::new(error.code(), error.reason(), error.to_string())));
    }
    drop(state);
    shared.changed.notify_waiters();
}

fn finish(state: &mut State, entry: Entry, outcome: Result<Receipt>) {
    match (entry.outcome, outcome) {
        // Whoever does not wait any more need not be told.
        (Some(sender), outcome) => drop(sender.send(outcome)),
        (None, Err(error)) => {
            state.refusal.get_or_insert(error);
        }
        (None, Ok(_)) => {}
    }
}

fn to_request(batch: &Batch) -> v2::PublishStreamRequest {
    let mut previous = "";
    let messages = batch.entries.iter().map(|Entry { message, .. }| {
        // A topic that repeats the one before is left out.
        let topic = if message.topic == previous { "" } else { &message.topic };
        previous = &message.topic;
        v2::OutgoingMessage {
            topic: topic.to_owned(),
            payload: message.payload.clone(),
            headers: message.headers.clone(),
            publish_id: message.publish_id.clone().unwrap_or_default(),
        }
    });
    let messages = messages.collect();
    v2::PublishStreamRequest { batch_id: batch.id, messages, ..v2::PublishStreamRequest::default() }
}

fn closed() -> Error {
    Error::new(Code::Cancelled, "cancelled", "the publisher was dropped")
}
