//! The client, and the calls of the reference contract.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio_stream::Stream;
use tonic::{
    transport::{Channel, Endpoint},
    Streaming,
};

use crate::{
    pb::{
        v1::{self, msgbus_service_client::MsgbusServiceClient},
        v2::{
            self, admin_service_client::AdminServiceClient, bus_service_client::BusServiceClient,
            client_service_client::ClientServiceClient, queue_service_client::QueueServiceClient,
        },
    },
    resilient::{ResilientSubscription, SubscribeOptions},
    ClientInfo, DaemonStatus, Error, FifoMessage, Headers, LogInfo, Message, NodeId,
    OutgoingMessage, PeerSyncState, QueueInfo, ReadyResponse, Result, TopicHead,
};

/// The page size of [`SubscribeOptions`] that name none.
pub const DEFAULT_REPLAY_LIMIT: u32 = 100;

/// Above what daemons take by default, since an operator may allow larger messages.
const MAX_RESPONSE_BYTES: usize = 256 << 20;

/// How to connect.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// TLS beyond what `https` endpoints have by themselves.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsOptions>,
}

/// TLS settings; all PEM.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Authorities to trust, instead of those that the features of this crate bring.
    pub ca: Option<Vec<u8>>,
    /// Client certificate and its key, for daemons that ask for one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Name to verify instead of the host of the endpoint.
    pub server_name: Option<String>,
}

/// Speaks with one daemon over one connection, which mends itself. Clones share the connection.
#[derive(Debug, Clone)]
pub struct MsgbusClient {
    pub(crate) v1: MsgbusServiceClient<Channel>,
    pub(crate) bus: BusServiceClient<Channel>,
    pub(crate) clients: ClientServiceClient<Channel>,
    pub(crate) queues: QueueServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
    default_origin: Option<Arc<NodeId>>,
}

impl MsgbusClient {
    /// Connects at once. The endpoint is `host:port`, `http://host:port`, `https://host:port` (TLS), or `unix:/path`.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub async fn connect(endpoint: impl AsRef<str>) -> Result<Self> {
        Self::connect_with(endpoint, ConnectOptions::default()).await
    }

    /// As [`connect`](Self::connect), with options.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub async fn connect_with(endpoint: impl AsRef<str>, options: ConnectOptions) -> Result<Self> {
        Ok(Self::from_channel(to_endpoint(endpoint.as_ref(), options)?.connect().await?))
    }

    /// As [`connect_with`](Self::connect_with), but the first call makes the connection. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] for an endpoint that is not well formed.
    pub fn connect_lazy(endpoint: impl AsRef<str>, options: ConnectOptions) -> Result<Self> {
        Ok(Self::from_channel(to_endpoint(endpoint.as_ref(), options)?.connect_lazy()))
    }

    /// A client over a channel that the program has set up itself.
    pub fn from_channel(channel: Channel) -> Self {
        let most = MAX_RESPONSE_BYTES;
        Self {
            v1: MsgbusServiceClient::new(channel.clone()).max_decoding_message_size(most),
            bus: BusServiceClient::new(channel.clone()).max_decoding_message_size(most),
            clients: ClientServiceClient::new(channel.clone()).max_decoding_message_size(most),
            queues: QueueServiceClient::new(channel.clone()).max_decoding_message_size(most),
            admin: AdminServiceClient::new(channel),
            default_origin: None,
        }
    }

    /// Sets the origin of calls that name none.
    #[must_use]
    pub fn with_default_origin(mut self, origin: NodeId) -> Self {
        self.default_origin = Some(Arc::new(origin));
        self
    }

    pub(crate) fn origin(&self, origin: Option<NodeId>) -> Option<NodeId> {
        origin.or_else(|| self.default_origin.as_deref().cloned())
    }

    /// The status text, `SERVING`. It is answered while the daemon lives, also before its store is open.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn health(&self) -> Result<String> {
        Ok(self.v1.clone().health(v1::HealthRequest {}).await?.into_inner().status)
    }

    /// The node id of the daemon.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn node(&self) -> Result<NodeId> {
        let response = self.v1.clone().health(v1::HealthRequest {}).await?.into_inner();
        response.node.ok_or_else(Error::without_message)
    }

    /// Whether the daemon can store and read.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn ready(&self) -> Result<ReadyResponse> {
        Ok(self.v1.clone().ready(v1::ReadyRequest {}).await?.into_inner())
    }

    /// Stores one message and returns it once it is as durable as the daemon is configured. It is tried once: after
    /// `UNAVAILABLE` it may be stored or not. [`publish_message`](Self::publish_message) repeats safely.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with which the daemon refused it.
    pub async fn publish(
        &self,
        topic: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<Message> {
        self.publish_with_headers(topic, payload, Headers::new()).await
    }

    /// As [`publish`](Self::publish), with headers.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_with_headers(
        &self,
        topic: impl Into<String>,
        payload: impl Into<Bytes>,
        headers: Headers,
    ) -> Result<Message> {
        let message = OutgoingMessage { headers, ..OutgoingMessage::new(topic, payload) };
        self.publish_once(&message).await
    }

    /// Stored messages of one log in order, from a head id on (0 is 1): at most `limit`, of which 0 means 100 and the daemon
    /// gives 10,000 at once. Without an origin: the client's default origin, or else the daemon's own.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn fetch(
        &self,
        topic: impl Into<String>,
        origin: Option<NodeId>,
        from_head_id: u64,
        limit: u32,
    ) -> Result<Vec<Message>> {
        let mut page =
            self.open_page(topic.into(), self.origin(origin), from_head_id, limit).await?;
        let mut messages = Vec::new();
        while let Some(message) = page.next().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// Opens a raw stream of one log: what is stored from a head id on, then what comes. It ends with its connection; programs
    /// that want to go on use [`subscribe_reconnecting`](Self::subscribe_reconnecting).
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn subscribe(
        &self,
        topic: impl Into<String>,
        origin: Option<NodeId>,
        from_head_id: u64,
    ) -> Result<LogStream> {
        let options = SubscribeOptions { origin, from_head_id, ..SubscribeOptions::default() };
        self.subscribe_with_options(topic, options).await
    }

    /// As [`subscribe`](Self::subscribe), with options.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn subscribe_with_options(
        &self,
        topic: impl Into<String>,
        options: SubscribeOptions,
    ) -> Result<LogStream> {
        let stream = self.open_log(topic.into(), &options, options.from_head_id).await?;
        Ok(LogStream(stream))
    }

    pub(crate) async fn open_log(
        &self,
        topic: String,
        options: &SubscribeOptions,
        from_head_id: u64,
    ) -> Result<Streaming<v1::SubscribeResponse>> {
        let request = v1::SubscribeRequest {
            topic,
            origin: self.origin(options.origin.clone()),
            from_head_id: from_head_id.max(1),
            replay_limit: match options.replay_limit {
                0 => DEFAULT_REPLAY_LIMIT,
                limit => limit,
            },
        };
        Ok(self.v1.clone().subscribe(request).await?.into_inner())
    }

    /// Reads one log from a head id on: every message once, in order, over as many connections as that takes.
    pub fn subscribe_reconnecting(
        &self,
        topic: impl Into<String>,
        origin: Option<NodeId>,
        from_head_id: u64,
    ) -> ResilientSubscription {
        let options = SubscribeOptions { origin, from_head_id, ..SubscribeOptions::default() };
        self.subscribe_reconnecting_with_options(topic, options)
    }

    /// As [`subscribe_reconnecting`](Self::subscribe_reconnecting), with options.
    pub fn subscribe_reconnecting_with_options(
        &self,
        topic: impl Into<String>,
        options: SubscribeOptions,
    ) -> ResilientSubscription {
        ResilientSubscription::new(self.clone(), topic.into(), options)
    }

    /// The last head id of a log; none when nothing was ever stored in it.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn get_head(
        &self,
        topic: impl Into<String>,
        origin: Option<NodeId>,
    ) -> Result<Option<u64>> {
        let request = v1::GetHeadRequest { topic: topic.into(), origin: self.origin(origin) };
        let response = self.v1.clone().get_head(request).await?.into_inner();
        Ok(response.found.then_some(response.head_id))
    }

    /// Every log of every origin.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn list_heads(&self) -> Result<Vec<TopicHead>> {
        Ok(self.v1.clone().list_heads(v1::ListHeadsRequest {}).await?.into_inner().heads)
    }

    /// How far synchronisation with each peer has come.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn list_peer_sync_states(&self) -> Result<Vec<PeerSyncState>> {
        let request = v1::ListPeerSyncStatesRequest {};
        Ok(self.v1.clone().list_peer_sync_states(request).await?.into_inner().states)
    }

    /// Deletes messages of the daemon's own log, both ends included, and returns how many. Their heads stay, flagged deleted.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn delete_range(
        &self,
        topic: impl Into<String>,
        origin: Option<NodeId>,
        from_head_id: u64,
        to_head_id: u64,
    ) -> Result<u64> {
        let request = v1::DeleteRangeRequest {
            topic: topic.into(),
            origin: self.origin(origin),
            from_head_id,
            to_head_id,
        };
        Ok(self.v1.clone().delete_range(request).await?.into_inner().deleted_count)
    }

    /// Adds a message at the end of a queue. The topic is kept with it and has no effect, as is the target, whose parts may be
    /// empty.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn enqueue_fifo(
        &self,
        queue: impl Into<String>,
        topic: impl Into<String>,
        target: NodeId,
        payload: impl Into<Bytes>,
    ) -> Result<FifoMessage> {
        self.enqueue_fifo_with_headers(queue, topic, target, payload, Headers::new()).await
    }

    /// As [`enqueue_fifo`](Self::enqueue_fifo), with headers.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn enqueue_fifo_with_headers(
        &self,
        queue: impl Into<String>,
        topic: impl Into<String>,
        target: NodeId,
        payload: impl Into<Bytes>,
        headers: Headers,
    ) -> Result<FifoMessage> {
        let request = v1::EnqueueFifoRequest {
            queue: queue.into(),
            topic: topic.into(),
            source: self.origin(None),
            target: Some(target),
            payload: payload.into(),
            headers,
        };
        let response = self.v1.clone().enqueue_fifo(request).await?.into_inner();
        response.message.ok_or_else(Error::without_message)
    }

    /// The front message of a queue, which stays there. Programs that share a queue use [`consume`](Self::consume).
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` when there is none.
    pub async fn peek_fifo(&self, queue: impl Into<String>) -> Result<FifoMessage> {
        let request = v1::PeekFifoRequest { queue: queue.into() };
        let response = self.v1.clone().peek_fifo(request).await?.into_inner();
        response.message.ok_or_else(Error::without_message)
    }

    /// Removes the front message if it has this id; false in every other case.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn ack_fifo(
        &self,
        queue: impl Into<String>,
        message_id: impl Into<String>,
    ) -> Result<bool> {
        let request = v1::AckFifoRequest { queue: queue.into(), message_id: message_id.into() };
        Ok(self.v1.clone().ack_fifo(request).await?.into_inner().accepted)
    }

    /// Counts an attempt on the front message if it has this id; false in every other case.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn reject_fifo(
        &self,
        queue: impl Into<String>,
        message_id: impl Into<String>,
    ) -> Result<bool> {
        let request = v1::RejectFifoRequest { queue: queue.into(), message_id: message_id.into() };
        Ok(self.v1.clone().reject_fifo(request).await?.into_inner().accepted)
    }

    /// The logs whose topic matches a filter, all with `""`, with their sizes.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn list_logs(&self, filter: impl Into<String>) -> Result<Vec<LogInfo>> {
        let request = v2::ListLogsRequest { filter: filter.into() };
        let needs =
            |error: tonic::Status| Error::from(error).needs_v2("lists of logs; use list_heads");
        let mut stream = self.bus.clone().list_logs(request).await.map_err(needs)?.into_inner();
        let mut logs = Vec::new();
        while let Some(response) = stream.message().await.map_err(needs)? {
            logs.extend(response.logs);
        }
        Ok(logs)
    }

    /// Who is connected and has a name that matches a mask as of [`broadcast`](Self::broadcast); all with `""`.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn list_clients(&self, mask: impl Into<String>) -> Result<Vec<ClientInfo>> {
        let request = v2::ListClientsRequest { mask: mask.into() };
        let needs = |error: tonic::Status| Error::from(error).needs_v2("lists of clients");
        let mut stream =
            self.clients.clone().list_clients(request).await.map_err(needs)?.into_inner();
        let mut clients = Vec::new();
        while let Some(response) = stream.message().await.map_err(needs)? {
            clients.extend(response.clients);
        }
        Ok(clients)
    }

    /// Every queue, by name.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn list_queues(&self) -> Result<Vec<QueueInfo>> {
        let answer = self.queues.clone().list_queues(v2::ListQueuesRequest {}).await;
        let response = answer.map_err(|error| Error::from(error).needs_v2("lists of queues"))?;
        Ok(response.into_inner().queues)
    }

    /// Removes what nobody has leased, and returns how many messages that were.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn purge_queue(&self, queue: impl Into<String>) -> Result<u64> {
        let request = v2::PurgeQueueRequest { queue: queue.into() };
        let answer = self.queues.clone().purge_queue(request).await;
        let response = answer.map_err(|error| Error::from(error).needs_v2("purging queues"))?;
        Ok(response.into_inner().removed)
    }

    /// What the daemon is and how it is doing.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn status(&self) -> Result<DaemonStatus> {
        let answer = self.admin.clone().get_status(v2::GetStatusRequest {}).await;
        Ok(answer.map_err(|error| Error::from(error).needs_v2("its status"))?.into_inner())
    }
}

/// The raw stream of one log; it ends with its connection.
#[derive(Debug)]
pub struct LogStream(Streaming<v1::SubscribeResponse>);

impl LogStream {
    /// The next message; none at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with which the daemon ended it.
    pub async fn message(&mut self) -> Result<Option<Message>> {
        match self.0.message().await? {
            Some(response) => response.message.ok_or_else(Error::without_message).map(Some),
            None => Ok(None),
        }
    }
}

impl Stream for LogStream {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.0).poll_next(cx);
        polled.map(|item| item.map(|item| item?.message.ok_or_else(Error::without_message)))
    }
}

fn to_endpoint(text: &str, options: ConnectOptions) -> Result<Endpoint> {
    let uri = if text.contains("://") || text.starts_with("unix:") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let endpoint = Endpoint::from_shared(uri.clone())?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        // Larger than a batch, so that the daemon need not wait for the reader's every step.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // Finds out that the other side is gone without a word.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    with_tls(endpoint, &uri, options)
}

#[cfg(feature = "tls")]
fn with_tls(endpoint: Endpoint, uri: &str, options: ConnectOptions) -> Result<Endpoint> {
    use tonic::transport::{Certificate, ClientTlsConfig, Identity};
    if !uri.starts_with("https:") && options.tls.is_none() {
        return Ok(endpoint);
    }
    let TlsOptions { ca, identity, server_name } = options.tls.unwrap_or_default();
    let mut config = match ca {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_enabled_roots(),
    };
    if let Some((certificate, key)) = identity {
        config = config.identity(Identity::from_pem(certificate, key));
    }
    if let Some(name) = server_name {
        config = config.domain_name(name);
    }
    Ok(endpoint.tls_config(config)?)
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unnecessary_wraps, reason = "the other one fails")]
fn with_tls(endpoint: Endpoint, _: &str, _: ConnectOptions) -> Result<Endpoint> {
    Ok(endpoint)
}
