//! Subscriptions by filter over every log.

use std::{collections::VecDeque, time::Duration};

use tokio_stream::Stream;
use tonic::{Code, Streaming};

use crate::{
    delay::ReconnectDelay,
    filter::{check_filter, is_exact},
    known_logs::{key_of, KnownLogs},
    opening::Opening,
    pb::v2::{self, start::At},
    Error, Message, MsgbusClient, NodeId, ResilientSubscription, Result, SubscribeOptions,
};

/// A place in the commit order of one daemon's store. Programs may keep it, best together with their own results.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// Names the store; it changes when the store is made anew. Empty on daemons that only speak v1.
    pub epoch: String,
    /// The place; the head id when `epoch` is empty.
    pub sequence: u64,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Start {
    /// Everything stored.
    #[default]
    Earliest,
    /// What is stored from now on: after [`Subscription::ready`].
    Now,
    /// The newest message of each matching log, then what follows.
    Last,
    /// A head id of one log: only for filters without wildcards. Without an origin, the log of the daemon itself.
    Head(u64),
    /// What follows a position.
    After(Position),
}

/// What to do when the daemon's store was made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HistoryChange {
    /// Begin at the earliest again and leave out what is still the same: nothing is missed.
    #[default]
    Earliest,
    /// Go on with what comes.
    Now,
    /// End the subscription with the reason `bad_position`.
    Fail,
}

/// Options of a subscription by filter.
#[derive(Debug, Clone, Default)]
pub struct FilterOptions {
    /// Where to begin; default: everything stored.
    pub from: Start,
    /// Only messages of this origin. None: the client's default origin, or else every origin.
    pub origin: Option<NodeId>,
    /// Leave out publications that are not stored (head id 0).
    pub stored_only: bool,
    /// Leave payloads and headers out.
    pub heads_only: bool,
    /// Most messages that the daemon sends together; 0 is 1,000.
    pub max_batch: u32,
    /// Delay before the first new attempt; zero is 250 ms. It doubles up to 10 s.
    pub reconnect_delay: Duration,
    /// What to do when the daemon's store was made anew.
    pub history_changed: HistoryChange,
}

/// A message of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The message itself.
    pub message: Message,
    /// Where to go on behind it; none while there is no such place, as for the last values of [`Start::Last`].
    pub position: Option<Position>,
}

/// Every message that matches a filter, in commit order of the daemon, each once, over as many connections as that takes.
#[derive(Debug)]
pub struct Subscription {
    client: MsgbusClient,
    filter: String,
    options: FilterOptions,
    origin: Option<NodeId>,
    delay: ReconnectDelay,
    start: Start,
    /// Where the next stream goes on.
    position: Option<Position>,
    known: KnownLogs,
    /// The store was made anew, and what to leave out is decided already.
    is_anew: bool,
    stream: Option<Streaming<v2::SubscribeResponse>>,
    opening: Opening<Streaming<v2::SubscribeResponse>>,
    waiting: VecDeque<Received>,
    /// Reads instead, when the daemon only speaks v1.
    on_v1: Option<Box<ResilientSubscription>>,
}

impl MsgbusClient {
    /// A subscription to every topic that a filter matches, of every origin. It opens its stream with the first
    /// [`recv`](Subscription::recv).
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a bad filter, or a head id with a filter that has wildcards.
    pub fn subscribe_filter(
        &self,
        filter: impl Into<String>,
        options: FilterOptions,
    ) -> Result<Subscription> {
        let filter = filter.into();
        check_filter(&filter)?;
        if matches!(options.from, Start::Head(_)) && !is_exact(&filter) {
            let text =
                format!("a head id counts in one log: it cannot start the filter {filter:?}");
            return Err(Error::new(Code::InvalidArgument, "bad_argument", text));
        }
        let start = match &options.from {
            Start::Head(head) => Start::Head((*head).max(1)),
            Start::After(Position { epoch, sequence }) if epoch.is_empty() => {
                Start::Head(sequence + 1)
            }
            other => other.clone(),
        };
        Ok(Subscription {
            client: self.clone(),
            filter,
            origin: self.origin(options.origin.clone()),
            delay: ReconnectDelay::new(options.reconnect_delay),
            start,
            options,
            position: None,
            known: KnownLogs::default(),
            is_anew: false,
            stream: None,
            opening: Opening::default(),
            waiting: VecDeque::new(),
            on_v1: None,
        })
    }
}

impl Subscription {
    /// The next message; waits while there is none. It may be dropped while it waits.
    ///
    /// # Errors
    ///
    /// What trying again cannot mend.
    pub async fn recv(&mut self) -> Result<Received> {
        loop {
            if let Some(received) = self.waiting.pop_front() {
                return Ok(received);
            }
            if let Some(v1) = &mut self.on_v1 {
                let message = v1.next_message().await?;
                let position = Position { epoch: String::new(), sequence: message.head_id };
                return Ok(Received { message, position: Some(position) });
            }
            self.advance().await?;
        }
    }

    /// Returns when the daemon has set the subscription up: with [`Start::Now`], everything stored after that will come.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub async fn ready(&mut self) -> Result<()> {
        while self.position.is_none() && self.waiting.is_empty() && self.on_v1.is_none() {
            self.advance().await?;
        }
        Ok(())
    }

    /// As a stream; it ends after its first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Received>> + Send {
        futures_util::stream::unfold(Some(self), |state| async {
            let mut subscription = state?;
            match subscription.recv().await {
                Ok(received) => Some((Ok(received), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Takes one response, and prepares another stream when this one ends.
    async fn advance(&mut self) -> Result<()> {
        let Err(mut error) = self.read().await else { return Ok(()) };
        self.stream = None;
        if error.reason() == "bad_position" {
            error = match self.start_anew(error).await {
                Ok(()) => Error::stream_ended(),
                Err(error) => error,
            };
        }
        if error.is_unimplemented() {
            error = match self.v1_reader().await {
                Ok(v1) => {
                    self.on_v1 = Some(Box::new(v1));
                    return Ok(());
                }
                Err(error) => error,
            };
        }
        if !error.is_retryable() {
            return Err(error);
        }
        self.delay.wait().await;
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = self.open().await?;
                self.stream.insert(stream)
            }
        };
        let response = stream.message().await?.ok_or_else(Error::stream_ended)?;
        self.delay.reset();
        self.accept(response);
        Ok(())
    }

    async fn open(&mut self) -> Result<Streaming<v2::SubscribeResponse>> {
        let by_head = matches!(self.start, Start::Head(_));
        if by_head && self.origin.is_none() {
            // A head id counts in one log: the daemon's own, as in v1.
            self.origin = Some(self.client.node().await?);
        }
        let start = match &self.position {
            Some(position) => Start::After(position.clone()),
            // Broken off before there was a position: begin again and leave out what came already.
            None if self.is_anew => self.start.clone(),
            None => {
                self.known.skip_seen();
                self.start.clone()
            }
        };
        let request = v2::SubscribeRequest {
            filter: self.filter.clone(),
            origin: self.origin.clone().map(to_v2),
            start: Some(to_wire(start)),
            max_batch: self.options.max_batch,
            heads_only: self.options.heads_only,
            // Heads count what is stored.
            stored_only: self.options.stored_only || by_head,
        };
        let mut bus = self.client.bus.clone();
        let opened =
            self.opening.get(|| async move { Ok(bus.subscribe(request).await?.into_inner()) });
        let stream = opened.await?;
        self.is_anew = false;
        Ok(stream)
    }

    fn accept(&mut self, response: v2::SubscribeResponse) {
        // The position comes with the last of several responses; in between the sequence of a message is its position as
        // well, but for the last values of a start at the last ones.
        let position =
            response.position.map(|v2::Position { epoch, sequence }| Position { epoch, sequence });
        let epoch =
            position.as_ref().or(self.position.as_ref()).map(|position| position.epoch.clone());
        let mut before = (String::new(), NodeId::default(), key_of("", &NodeId::default()));
        for message in response.messages {
            // Absent names repeat those of the message before.
            if !message.topic.is_empty() || message.origin.is_some() {
                if !message.topic.is_empty() {
                    before.0.clone_from(&message.topic);
                }
                if let Some(origin) = &message.origin {
                    before.1 = to_v1(origin.clone());
                }
                before.2 = key_of(&before.0, &before.1);
            }
            let (topic, origin, key) = &before;
            // Head 0: not stored, so it has no place and moves none.
            if message.head_id > 0 {
                let is_before = matches!(self.start, Start::Head(first) if message.head_id < first);
                if is_before || message.head_id <= self.known.skip_to(key) {
                    continue;
                }
                self.known.seen(key, &message);
                if let Some(epoch) = &epoch {
                    self.position =
                        Some(Position { epoch: epoch.clone(), sequence: message.sequence });
                }
            }
            let message = Message {
                id: message.id,
                topic: topic.clone(),
                origin: Some(origin.clone()),
                head_id: message.head_id,
                payload: message.payload,
                headers: message.headers,
                created_at_ms: message.created_at_ms,
                deleted: message.deleted,
            };
            self.waiting.push_back(Received { message, position: self.position.clone() });
        }
        if position.is_some() {
            self.position = position;
        }
    }

    /// The position means nothing any more. Ok: another stream is to be opened.
    async fn start_anew(&mut self, cause: Error) -> Result<()> {
        match self.options.history_changed {
            HistoryChange::Fail => return Err(cause),
            HistoryChange::Now => self.start = Start::Now,
            HistoryChange::Earliest => {
                for (key, log) in self.known.all() {
                    let (topic, tenant_id, bl_name, device_id) = key.as_ref().clone();
                    let origin = NodeId { tenant_id, bl_name, device_id };
                    let found = self.client.fetch(topic, Some(origin), log.last_head, 1).await?;
                    let is_same = found.first().is_some_and(|found| {
                        found.head_id == log.last_head && found.id == log.last_id
                    });
                    self.known.set_skip_to(&key, if is_same { log.last_head } else { 0 });
                }
                self.start = Start::Earliest;
            }
        }
        (self.position, self.is_anew) = (None, true);
        Ok(())
    }

    /// What reads instead from a daemon that only speaks v1.
    async fn v1_reader(&mut self) -> Result<ResilientSubscription> {
        if !is_exact(&self.filter) {
            return Err(Error::unsupported("filters with wildcards"));
        }
        if self.options.heads_only {
            return Err(Error::unsupported("subscriptions without payloads"));
        }
        let start = match (&self.start, self.options.history_changed) {
            // A place in the commit order of a daemon that spoke v2 says nothing here.
            (Start::After(_), HistoryChange::Fail) => {
                let text = "the position was taken from another daemon than this one, which speaks v1 only";
                return Err(Error::new(Code::FailedPrecondition, "bad_position", text));
            }
            (Start::After(_), HistoryChange::Now) => &Start::Now,
            (start, _) => start,
        };
        let head = || self.client.get_head(self.filter.clone(), self.origin.clone());
        let from_head_id = match start {
            Start::Earliest | Start::After(_) => 1,
            Start::Head(head) => *head,
            Start::Now => head().await?.unwrap_or(0) + 1,
            Start::Last => head().await?.unwrap_or(1),
        };
        let options = SubscribeOptions {
            origin: self.origin.clone(),
            from_head_id,
            reconnect_delay: self.options.reconnect_delay,
            ..SubscribeOptions::default()
        };
        Ok(self.client.subscribe_reconnecting_with_options(self.filter.clone(), options))
    }
}

fn to_wire(start: Start) -> v2::Start {
    let at = match start {
        Start::Earliest => At::Earliest(v2::Earliest {}),
        Start::Now => At::Now(v2::Now {}),
        Start::Last => At::Last(v2::Last {}),
        Start::Head(head) => At::HeadId(head),
        Start::After(Position { epoch, sequence }) => At::After(v2::Position { epoch, sequence }),
    };
    v2::Start { at: Some(at) }
}

fn to_v2(node: NodeId) -> v2::NodeId {
    let NodeId { tenant_id, bl_name, device_id } = node;
    v2::NodeId { tenant_id, bl_name, device_id }
}

fn to_v1(node: v2::NodeId) -> NodeId {
    let v2::NodeId { tenant_id, bl_name, device_id } = node;
    NodeId { tenant_id, bl_name, device_id }
}
