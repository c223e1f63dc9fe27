//! Queues that several programs share.

use std::time::Duration;

use bytes::Bytes;
use tokio_stream::Stream;
use tonic::Streaming;

use crate::{
    delay::ReconnectDelay,
    opening::Opening,
    pb::v2::{self, settlement::Action},
    Error, MsgbusClient, QueueMessage, Result,
};

/// Options of a consumer.
#[derive(Debug, Clone, Default)]
pub struct ConsumeOptions {
    /// Messages leased and not settled; 0 is 1. More hides the way to the daemon and back.
    pub max_in_flight: u32,
    /// How long a message stays leased, in whole milliseconds; zero is the daemon's, 30 s.
    pub lease: Duration,
    /// Delay before the first new attempt; zero is 250 ms. It doubles up to 10 s.
    pub reconnect_delay: Duration,
}

/// A leased message. Settle it once, with [`ack`](Self::ack) or [`release`](Self::release).
#[derive(Debug)]
pub struct Delivery {
    /// The message itself.
    pub message: QueueMessage,
    /// Until when it is leased by the daemon's clock, milliseconds since 1970; `extend` does not change it.
    pub lease_until_ms: u64,
    lease_id: String,
    client: MsgbusClient,
}

impl Delivery {
    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.message.payload
    }

    /// Done: removes the message. False: the lease had ended, and another consumer may have the message.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn ack(&self) -> Result<bool> {
        self.settle(Action::Acknowledge(v2::Acknowledge {})).await
    }

    /// Not done: counts an attempt and gives the message back after the delay.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn release(&self, delay: Duration) -> Result<bool> {
        self.settle(Action::Release(v2::Release { delay_ms: milliseconds(delay) })).await
    }

    /// Not done yet: keeps the message for this much longer, from now; zero: for as long as at first.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn extend(&self, lease: Duration) -> Result<bool> {
        self.settle(Action::Extend(v2::Extend { lease_ms: milliseconds(lease) })).await
    }

    async fn settle(&self, action: Action) -> Result<bool> {
        let settlement = v2::Settlement {
            queue: self.message.queue.clone(),
            lease_id: self.lease_id.clone(),
            action: Some(action),
        };
        let request = v2::SettleRequest { settlements: vec![settlement] };
        let response = self.client.queues.clone().settle(request).await?.into_inner();
        Ok(response.accepted.first().copied().unwrap_or(false))
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Takes messages from a queue. The daemon leases each to one consumer; what is not acknowledged in time, or when the connection
/// breaks, goes to another. Dropping gives back what is not settled.
#[derive(Debug)]
pub struct Consumer {
    client: MsgbusClient,
    queue: String,
    options: ConsumeOptions,
    delay: ReconnectDelay,
    stream: Option<Streaming<v2::ConsumeResponse>>,
    opening: Opening<Streaming<v2::ConsumeResponse>>,
}

impl MsgbusClient {
    /// A consumer of a queue. It opens its stream with the first [`recv`](Consumer::recv).
    pub fn consume(&self, queue: impl Into<String>, options: ConsumeOptions) -> Consumer {
        Consumer {
            client: self.clone(),
            queue: queue.into(),
            delay: ReconnectDelay::new(options.reconnect_delay),
            options,
            stream: None,
            opening: Opening::default(),
        }
    }
}

impl Consumer {
    /// The next delivery; waits while there is none. It may be dropped while it waits.
    ///
    /// # Errors
    ///
    /// What trying again cannot mend.
    pub async fn recv(&mut self) -> Result<Delivery> {
        loop {
            match self.read().await {
                Ok(delivery) => {
                    self.delay.reset();
                    return Ok(delivery);
                }
                Err(error) if error.is_retryable() => {
                    self.stream = None;
                    self.delay.wait().await;
                }
                Err(error) => {
                    self.stream = None;
                    return Err(error.needs_v2("leases; use peek_fifo and ack_fifo"));
                }
            }
        }
    }

    /// As a stream; it ends after its first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Delivery>> + Send {
        futures_util::stream::unfold(Some(self), |state| async {
            let mut consumer = state?;
            match consumer.recv().await {
                Ok(delivery) => Some((Ok(delivery), Some(consumer))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn read(&mut self) -> Result<Delivery> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let request = v2::ConsumeRequest {
                    queue: self.queue.clone(),
                    max_in_flight: self.options.max_in_flight,
                    lease_ms: milliseconds(self.options.lease),
                };
                let mut queues = self.client.queues.clone();
                let opened = self
                    .opening
                    .get(|| async move { Ok(queues.consume(request).await?.into_inner()) });
                self.stream.insert(opened.await?)
            }
        };
        let response = stream.message().await?.ok_or_else(Error::stream_ended)?;
        Ok(Delivery {
            message: response.message.ok_or_else(Error::without_message)?,
            lease_until_ms: response.lease_until_ms,
            lease_id: response.lease_id,
            client: self.client.clone(),
        })
    }
}
