//! Commands carried out with the asynchronous library.

use crate::{answer_call, call_outcome, code_of, tell_frame, tell_notification, tell_result};
use crate::{Command, PATIENCE};
use busrt::client::AsyncClient;
use busrt::ipc::{Client, Config};
use busrt::rpc::{Rpc, RpcClient, RpcEvent, RpcHandlers, RpcResult};
use busrt::{async_trait, Error, Frame, OpConfirm};
use serde_json::{json, Value};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Mutex;

struct Handlers;

#[async_trait]
impl RpcHandlers for Handlers {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        answer_call(&event)
    }
    async fn handle_notification(&self, event: RpcEvent) {
        tell_notification(&event);
    }
    async fn handle_frame(&self, frame: Frame) {
        tell_frame(&frame);
    }
}

#[derive(Default)]
struct Session {
    address: String,
    /// What commands go to.
    client: Option<Arc<Mutex<dyn AsyncClient>>>,
    rpc: Option<RpcClient>,
    /// Without the RPC layer: the client that secondaries are made of.
    plain: Option<Arc<Mutex<Client>>>,
    secondary: Option<Arc<Mutex<Client>>>,
}

#[tokio::main]
pub async fn run(address: &str) {
    let mut session = Session {
        address: address.to_owned(),
        ..Session::default()
    };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.expect("input is text") {
        let result = session.carry_out(&Command::parse(&line)).await;
        tell_result(result.map_err(|error| error.to_string()));
    }
}

/// Reports what arrives at a client without the RPC layer.
fn report(client: &mut Client) {
    let frames = client.take_event_channel().expect("nobody took it");
    tokio::spawn(async move {
        while let Ok(frame) = frames.recv().await {
            tell_frame(&frame);
        }
    });
}

async fn confirmed(sent: Result<OpConfirm, Error>) -> Result<Value, Error> {
    Ok(match sent? {
        Some(confirm) => code_of(confirm.await.map_err(Error::io)?),
        None => json!(busrt::RESPONSE_OK),
    })
}

impl Session {
    async fn carry_out(&mut self, command: &Command) -> Result<Value, Error> {
        match command.text("do") {
            "connect" => self.connect(command).await,
            "secondary" => self.make_secondary().await,
            "call" => Ok(self.call(command).await),
            "call0" => {
                let (target, method) = (command.text("target"), command.text("method"));
                let sent = self
                    .rpc()
                    .call0(target, method, command.bytes().into(), command.qos());
                confirmed(sent.await).await
            }
            "notify" => {
                let target = command.text("target");
                let sent = self
                    .rpc()
                    .notify(target, command.bytes().into(), command.qos());
                confirmed(sent.await).await
            }
            "disconnect" => {
                *self = Self {
                    address: std::mem::take(&mut self.address),
                    ..Self::default()
                };
                Ok(Value::Null)
            }
            _ => self.operate(command).await,
        }
    }

    async fn connect(&mut self, command: &Command) -> Result<Value, Error> {
        let config = Config::new(&self.address, command.text("name")).timeout(PATIENCE);
        let mut client = Client::connect(&config).await?;
        if command.is_rpc() {
            let rpc = RpcClient::new(client, Handlers);
            self.client = Some(rpc.client());
            self.rpc = Some(rpc);
        } else {
            report(&mut client);
            let client = Arc::new(Mutex::new(client));
            self.client = Some(client.clone());
            self.plain = Some(client);
        }
        Ok(Value::Null)
    }

    /// Commands with `as: secondary` go to it.
    async fn make_secondary(&mut self) -> Result<Value, Error> {
        let primary = self.plain.as_ref().expect("a plain client is connected");
        let mut secondary = primary.lock().await.register_secondary().await?;
        report(&mut secondary);
        let name = secondary.get_name().to_owned();
        self.secondary = Some(Arc::new(Mutex::new(secondary)));
        Ok(json!(name))
    }

    fn rpc(&self) -> &RpcClient {
        self.rpc
            .as_ref()
            .expect("a client with the RPC layer is connected")
    }

    async fn call(&self, command: &Command) -> Value {
        let (target, method) = (command.text("target"), command.text("method"));
        let params = command.bytes();
        call_outcome(
            self.rpc()
                .call(target, method, params.into(), command.qos())
                .await,
        )
    }

    async fn operate(&self, command: &Command) -> Result<Value, Error> {
        let client: Arc<Mutex<dyn AsyncClient>> = if command.text("as") == "secondary" {
            self.secondary.clone().expect("there is a secondary")
        } else {
            self.client.clone().expect("a client is connected")
        };
        let mut client = client.lock().await;
        let (qos, payload) = (command.qos(), command.bytes());
        let (target, topic) = (command.text("target"), command.text("topic"));
        let sent = match command.text("do") {
            "send" => client.send(target, payload.into(), qos).await,
            "broadcast" => client.send_broadcast(target, payload.into(), qos).await,
            "publish" => client.publish(topic, payload.into(), qos).await,
            "publish_for" => client.publish_for(topic, target, payload.into(), qos).await,
            "subscribe" => client.subscribe_bulk(&command.topics(), qos).await,
            "unsubscribe" => client.unsubscribe_bulk(&command.topics(), qos).await,
            "exclude" => client.exclude_bulk(&command.topics(), qos).await,
            "unexclude" => client.unexclude_bulk(&command.topics(), qos).await,
            "ping" => client.ping().await.map(|()| None),
            other => panic!("there is no command {other}"),
        };
        drop(client);
        confirmed(sent).await
    }
}
