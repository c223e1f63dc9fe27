//! Messages to clients by name, which are not stored.

use bytes::Bytes;
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};
use tonic::{Code, Streaming};

use crate::{delay::ReconnectDelay, pb::v2, Error, MsgbusClient, Result};

/// What waits for the program at most, besides what HTTP/2 holds.
const BUFFER: usize = 256;

/// Came to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectMessage {
    /// Name of the sender; empty when it has none.
    pub sender: String,
    /// Any bytes.
    pub payload: Bytes,
    /// It went to everybody whose name matches a mask.
    pub broadcast: bool,
}

/// Options of a name.
#[derive(Debug, Clone, Copy, Default)]
pub struct JoinOptions {
    /// Take the name over from the client that has it.
    pub replace: bool,
}

/// Holds a name, and receives what is sent to it. It takes the name again after a broken connection; what was sent meanwhile
/// is lost, as to everybody who is not there. A program that does not receive makes senders wait. Dropping gives the name back.
#[derive(Debug)]
pub struct Participant {
    client: MsgbusClient,
    name: String,
    messages: mpsc::Receiver<Result<DirectMessage>>,
    task: JoinHandle<()>,
}

impl MsgbusClient {
    /// Hands a message to the client of a name, which may speak any protocol, and returns when that client's outbox at the daemon
    /// has it. Nothing is stored. The message comes from nobody: to have a name, [`join`](Self::join).
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` (`unknown_client`) when nobody has the name.
    pub async fn send(&self, target: impl Into<String>, payload: impl Into<Bytes>) -> Result<()> {
        self.send_from("", target.into(), payload.into()).await
    }

    /// Hands a message to every client whose name matches a mask, and returns how many that were. Chunks of a mask are separated
    /// by dots; `?` is one chunk, a `*` the rest.
    ///
    /// # Errors
    ///
    /// As any call: [`Error::Status`].
    pub async fn broadcast(
        &self,
        mask: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<u32> {
        self.broadcast_from("", mask.into(), payload.into()).await
    }

    async fn send_from(&self, from: &str, target: String, payload: Bytes) -> Result<()> {
        let request = v2::SendRequest { target, payload, realtime: false, from: from.to_owned() };
        let sent = self.clients.clone().send(request).await;
        sent.map_err(|error| Error::from(error).needs_v2("messages to names"))?;
        Ok(())
    }

    async fn broadcast_from(&self, from: &str, mask: String, payload: Bytes) -> Result<u32> {
        let request =
            v2::BroadcastRequest { mask, payload, realtime: false, from: from.to_owned() };
        let sent = self.clients.clone().broadcast(request).await;
        let sent = sent.map_err(|error| Error::from(error).needs_v2("messages to names"))?;
        Ok(sent.into_inner().receivers)
    }

    /// Takes a name, and returns when it is taken.
    ///
    /// # Errors
    ///
    /// `ALREADY_EXISTS` (`name_taken`) when another client has it.
    pub async fn join(&self, name: impl Into<String>, options: JoinOptions) -> Result<Participant> {
        let (client, name) = (self.clone(), name.into());
        let request = v2::JoinRequest {
            name: name.clone(),
            replace: options.replace,
            presence: String::new(),
        };
        let joined = open(&client, &request).await;
        let stream = joined.map_err(|error| error.needs_v2("names of clients"))?;
        let (sender, messages) = mpsc::channel(BUFFER);
        let task = tokio::spawn(run(client.clone(), request, stream, sender));
        Ok(Participant { client, name, messages, task })
    }
}

impl Participant {
    /// The next message; waits while there is none. It may be dropped while it waits.
    ///
    /// # Errors
    ///
    /// Why the name is lost for good, once.
    pub async fn recv(&mut self) -> Result<DirectMessage> {
        let ended = || Err(Error::new(Code::Cancelled, "cancelled", "the participant has ended"));
        self.messages.recv().await.unwrap_or_else(ended)
    }

    /// As [`MsgbusClient::send`], from this name.
    ///
    /// # Errors
    ///
    /// As [`MsgbusClient::send`].
    pub async fn send(&self, target: impl Into<String>, payload: impl Into<Bytes>) -> Result<()> {
        self.client.send_from(&self.name, target.into(), payload.into()).await
    }

    /// As [`MsgbusClient::broadcast`], from this name.
    ///
    /// # Errors
    ///
    /// As [`MsgbusClient::broadcast`].
    pub async fn broadcast(
        &self,
        mask: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<u32> {
        self.client.broadcast_from(&self.name, mask.into(), payload.into()).await
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns when the name is taken.
async fn open(
    client: &MsgbusClient,
    request: &v2::JoinRequest,
) -> Result<Streaming<v2::JoinResponse>> {
    let mut stream = client.clients.clone().join(request.clone()).await?.into_inner();
    stream.message().await?.ok_or_else(Error::stream_ended)?;
    Ok(stream)
}

async fn run(
    client: MsgbusClient,
    request: v2::JoinRequest,
    mut stream: Streaming<v2::JoinResponse>,
    messages: mpsc::Sender<Result<DirectMessage>>,
) {
    let mut delay = ReconnectDelay::new(Duration::ZERO);
    loop {
        let mut error = match read(&mut stream, &messages).await {
            Ok(()) => return,
            Err(error) => error,
        };
        stream = loop {
            // Taking a name back from who took it over would begin a fight without end. One that is taken is most often
            // held by our own old stream.
            let is_passing = match error.reason() {
                "replaced" => false,
                "name_taken" | "primary_missing" => true,
                _ => error.is_retryable(),
            };
            if !is_passing {
                // When nobody receives any more, nobody need know.
                drop(messages.send(Err(error)).await);
                return;
            }
            delay.wait().await;
            match open(&client, &request).await {
                Ok(stream) => break stream,
                Err(again) => error = again,
            }
        };
        delay.reset();
    }
}

/// Ok when nobody receives any more.
async fn read(
    stream: &mut Streaming<v2::JoinResponse>,
    messages: &mpsc::Sender<Result<DirectMessage>>,
) -> Result<()> {
    loop {
        let response = stream.message().await?.ok_or_else(Error::stream_ended)?;
        for v2::ReceivedMessage { sender, payload, broadcast, .. } in response.messages {
            if messages.send(Ok(DirectMessage { sender, payload, broadcast })).await.is_err() {
                return Ok(());
            }
        }
    }
}
