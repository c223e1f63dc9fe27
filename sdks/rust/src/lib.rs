//! The client of msgbus, a durable, local-first message bus.
//!
//! A [`MsgbusClient`] speaks with one daemon. Two groups of methods live side by side:
//!
//! - those of the reference SDK, with its names, options and defaults, so that programs port by changing
//!   an import: [`publish`](MsgbusClient::publish), [`fetch`](MsgbusClient::fetch),
//!   [`subscribe_reconnecting`](MsgbusClient::subscribe_reconnecting), [`enqueue_fifo`](MsgbusClient::enqueue_fifo) …
//! - what daemons of this project offer beyond: subscriptions by filter over every log
//!   ([`subscribe_filter`](MsgbusClient::subscribe_filter)), a batching publisher that neither loses nor repeats
//!   ([`publisher`](MsgbusClient::publisher)), queues with leases ([`consume`](MsgbusClient::consume)), messages to
//!   names ([`send`](MsgbusClient::send), [`join`](MsgbusClient::join)) and calls ([`call`](MsgbusClient::call),
//!   [`register`](MsgbusClient::register)).
//!
//! ```no_run
//! # async fn example() -> Result<(), msgbus::Error> {
//! let bus = msgbus::MsgbusClient::connect("127.0.0.1:50051").await?;
//!
//! // Stored, synced to disk, then acknowledged.
//! let message = bus.publish("sensors/hall/temp", "21.5").await?;
//! assert!(message.head_id >= 1);
//!
//! // What is stored, then what comes; survives restarts of the daemon without loss or repetition.
//! let mut sensors = bus.subscribe_filter("sensors/+/temp", Default::default())?;
//! loop {
//!     let received = sensors.recv().await?;
//!     println!("{} {}", received.message.topic, received.message.head_id);
//! }
//! # }
//! ```
//!
//! # Ends, and cancelling
//!
//! Dropping is how things end: a subscription, iterator or consumer that is dropped frees its stream at once, a [`Participant`]
//! gives its name back, a [`Registration`] its procedure. A [`Publisher`] that is dropped loses what it has not sent:
//! [`close`](Publisher::close) it. All `recv` methods may be dropped while they wait, in `tokio::select!` for
//! instance, without losing a message.
//!
//! Daemons that only speak `msgbus.v1` serve the first group in full; of the second, a subscription to one topic and
//! publishing work with less, and the rest fails with the reason [`UNSUPPORTED`].

mod backlog;
mod call;
mod client;
mod consumer;
mod delay;
mod error;
mod filter;
mod known_logs;
mod names;
mod opening;
mod pages;
mod publish;
mod publisher;
mod registration;
mod resilient;
mod subscription;

/// The generated messages and clients of the contracts, for what this crate does not wrap.
pub mod pb {
    /// The frozen contract of the reference.
    #[allow(missing_docs, clippy::all, clippy::pedantic)]
    #[rustfmt::skip]
    pub mod v1 {
        include!("pb/msgbus.v1.rs");
    }
    /// What daemons of this project offer beyond it.
    #[allow(missing_docs, clippy::all, clippy::pedantic)]
    #[rustfmt::skip]
    pub mod v2 {
        include!("pb/msgbus.v2.rs");
    }
}

pub use call::CallResult;
#[cfg(feature = "tls")]
pub use client::TlsOptions;
pub use client::{ConnectOptions, LogStream, MsgbusClient, DEFAULT_REPLAY_LIMIT};
pub use consumer::{ConsumeOptions, Consumer, Delivery};
pub use error::{CallError, Error, Result, UNSUPPORTED};
pub use filter::{check_filter, topic_matches};
pub use names::{DirectMessage, JoinOptions, Participant};
pub use pb::v1::{
    FifoMessage, MessageEnvelope as Message, NodeId, PeerSyncState, ReadyResponse, TopicHead,
};
pub use pb::v2::{ClientInfo, GetStatusResponse as DaemonStatus, LogInfo, QueueInfo, QueueMessage};
pub use publish::OutgoingMessage;
pub use publisher::{Pending, Publisher, PublisherOptions, Receipt};
pub use registration::{IncomingCall, Registration};
pub use resilient::{ResilientSubscription, SubscribeOptions};
pub use subscription::{FilterOptions, HistoryChange, Position, Received, Start, Subscription};

/// Headers of messages and calls; their order means nothing.
pub type Headers = std::collections::HashMap<String, String>;

/// What README.md shows compiles.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
