//! Single publications.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        atomic::{AtomicU64, Ordering},
        LazyLock,
    },
    time::Duration,
};

use bytes::Bytes;
use tonic::{metadata::MetadataValue, Code, Request};

use crate::{delay::ReconnectDelay, pb::v1, Error, Headers, Message, MsgbusClient, Result};

/// What programs publish.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutgoingMessage {
    /// Non-empty.
    pub topic: String,
    /// Any bytes.
    pub payload: Bytes,
    /// Any texts.
    pub headers: Headers,
    /// Makes a repetition harmless: within the window of the daemon (ten minutes) the same id stores nothing and is answered
    /// with the first message. At most 128 bytes of ASCII; none: one is made where one is needed.
    pub publish_id: Option<String>,
}

impl OutgoingMessage {
    /// A message without headers.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), ..Self::default() }
    }
}

impl MsgbusClient {
    /// Stores one message, and repeats that after a broken connection for at most `patience`: with the same publish id, so that
    /// it is stored once. A daemon that does not know such ids, which is one that only speaks v1, is not asked twice, for the
    /// message may have been stored.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] of the last attempt.
    pub async fn publish_message(
        &self,
        mut message: OutgoingMessage,
        patience: Duration,
    ) -> Result<Message> {
        message.publish_id.get_or_insert_with(next_publish_id);
        let until = tokio::time::Instant::now() + patience;
        let mut delay = ReconnectDelay::new(Duration::ZERO);
        let mut is_repeatable = false;
        loop {
            let error = match self.publish_once(&message).await {
                Err(error) if error.is_retryable() => error,
                outcome => return outcome,
            };
            while !is_repeatable {
                match self.status().await {
                    Err(status) if status.is_unimplemented() => return Err(error),
                    Err(status) if status.is_retryable() => {
                        if tokio::time::timeout_at(until, delay.wait()).await.is_err() {
                            return Err(error);
                        }
                    }
                    // An answer of any other kind, even a refusal, is that of a daemon with v2.
                    _ => is_repeatable = true,
                }
            }
            if tokio::time::timeout_at(until, delay.wait()).await.is_err() {
                return Err(error);
            }
        }
    }

    pub(crate) async fn publish_once(&self, message: &OutgoingMessage) -> Result<Message> {
        let mut request = Request::new(v1::PublishRequest {
            topic: message.topic.clone(),
            origin: self.origin(None),
            payload: message.payload.clone(),
            headers: message.headers.clone(),
        });
        if let Some(id) = &message.publish_id {
            let value = MetadataValue::try_from(id).map_err(|_| {
                Error::new(Code::InvalidArgument, "bad_argument", "a publish id is ASCII text")
            })?;
            request.metadata_mut().insert("msgbus-publish-id", value);
        }
        let response = self.v1.clone().publish(request).await?.into_inner();
        response.message.ok_or_else(Error::without_message)
    }
}

/// An id that no other process makes: a random beginning and a number.
pub(crate) fn next_publish_id() -> String {
    static PREFIX: LazyLock<String> = LazyLock::new(|| {
        let random = || RandomState::new().hash_one(std::process::id());
        format!("{:016x}{:016x}", random(), random())
    });
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{}-{:x}", *PREFIX, LAST.fetch_add(1, Ordering::Relaxed))
}
