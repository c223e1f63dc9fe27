//! Reading one log by head ids, over as many connections as that takes.

use std::time::Duration;

use tokio_stream::Stream;
use tonic::Streaming;

use crate::{
    delay::ReconnectDelay,
    opening::Opening,
    pages::{LogPage, PAGE_MESSAGES},
    pb::v1,
    Error, Message, MsgbusClient, NodeId, Result,
};

/// Options of a subscription to one log.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// Origin of the log; none: the client's default origin, or else the daemon's own.
    pub origin: Option<NodeId>,
    /// The first head id wanted; 0 is 1. Default 1.
    pub from_head_id: u64,
    /// Page size of what is stored already; default 100. On daemons of the reference a raw stream gets no more of it.
    pub replay_limit: u32,
    /// Delay before the first new attempt; default 250 ms. It doubles up to 10 s, a random half left out, and begins anew
    /// after a success.
    pub reconnect_delay: Duration,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            origin: None,
            from_head_id: 1,
            replay_limit: crate::DEFAULT_REPLAY_LIMIT,
            reconnect_delay: Duration::from_millis(250),
        }
    }
}

/// Every message of one log once, in order. What a daemon leaves out is fetched before going on.
#[derive(Debug)]
pub struct ResilientSubscription {
    client: MsgbusClient,
    topic: String,
    options: SubscribeOptions,
    delay: ReconnectDelay,
    /// The head to deliver next.
    next: u64,
    stream: Option<Streaming<v1::SubscribeResponse>>,
    /// A fetch under way: of what is stored (before there is a stream), or of what lies before `held`.
    page: Option<LogPage>,
    /// Came behind a gap.
    held: Option<Message>,
    opening_page: Opening<LogPage>,
    opening_stream: Opening<Streaming<v1::SubscribeResponse>>,
    /// What is stored has been fetched; the stream comes next.
    is_fetched: bool,
}

impl ResilientSubscription {
    pub(crate) fn new(client: MsgbusClient, topic: String, options: SubscribeOptions) -> Self {
        Self {
            client,
            topic,
            delay: ReconnectDelay::new(options.reconnect_delay),
            next: options.from_head_id.max(1),
            options,
            stream: None,
            page: None,
            held: None,
            opening_page: Opening::default(),
            opening_stream: Opening::default(),
            is_fetched: false,
        }
    }

    /// The next message; waits while there is none. It may be dropped while it waits.
    ///
    /// # Errors
    ///
    /// What trying again cannot mend. Calling it again tries once more.
    pub async fn next_message(&mut self) -> Result<Message> {
        loop {
            match self.step().await {
                Ok(Some(message)) => {
                    self.delay.reset();
                    // Lower ones are repeated by the daemon, or were fetched already.
                    if message.head_id >= self.next {
                        self.next = message.head_id + 1;
                        return Ok(message);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    (self.stream, self.page, self.held) = (None, None, None);
                    self.is_fetched = false;
                    if !error.is_retryable() {
                        return Err(error);
                    }
                    self.delay.wait().await;
                }
            }
        }
    }

    /// As a stream; it ends after its first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Message>> + Send {
        futures_util::stream::unfold(Some(self), |state| async {
            let mut subscription = state?;
            match subscription.next_message().await {
                Ok(message) => Some((Ok(message), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Reads one message from wherever it is the turn, or moves on.
    async fn step(&mut self) -> Result<Option<Message>> {
        if let Some(page) = &mut self.page {
            if let Some(message) = page.next().await? {
                return Ok(Some(message));
            }
            return Ok(self.end_of_page());
        }
        if let Some(held) = &self.held {
            // What lies between.
            let missing = held.head_id.saturating_sub(self.next);
            if missing == 0 {
                return Ok(self.held.take());
            }
            return self.fetch(u32::try_from(missing).unwrap_or(PAGE_MESSAGES)).await;
        }
        if self.stream.is_none() && !self.is_fetched {
            // What is stored is fetched page by page, since older daemons cut the replay.
            return self.fetch(PAGE_MESSAGES).await;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let (client, topic) = (self.client.clone(), self.topic.clone());
                let (options, next) = (self.options.clone(), self.next);
                let opened = self
                    .opening_stream
                    .get(|| async move { client.open_log(topic, &options, next).await });
                self.stream.insert(opened.await?)
            }
        };
        let response = stream.message().await?.ok_or_else(Error::stream_ended)?;
        let message = response.message.ok_or_else(Error::without_message)?;
        if message.head_id <= self.next {
            return Ok(Some(message));
        }
        self.held = Some(message);
        Ok(None)
    }

    async fn fetch(&mut self, limit: u32) -> Result<Option<Message>> {
        let (client, topic, next) = (self.client.clone(), self.topic.clone(), self.next);
        let origin = client.origin(self.options.origin.clone());
        let limit = limit.min(PAGE_MESSAGES);
        let opened = self
            .opening_page
            .get(|| async move { client.open_page(topic, origin, next, limit).await });
        let page = opened.await?;
        self.page = Some(page);
        Ok(None)
    }

    fn end_of_page(&mut self) -> Option<Message> {
        let count = self.page.take().map_or(0, |page| page.count);
        if self.held.is_some() {
            // What cannot be fetched is gone; waiting for it would stop the subscription for good.
            return if count == 0 { self.held.take() } else { None };
        }
        self.is_fetched = count < PAGE_MESSAGES;
        None
    }
}
