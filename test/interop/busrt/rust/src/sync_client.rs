//! Commands carried out with the synchronous library.

use crate::{answer_call, call_outcome, code_of, tell_frame, tell_notification, tell_result};
use crate::{Command, PATIENCE};
use busrt::rpc::{RpcEvent, RpcResult};
use busrt::sync::client::SyncClient;
use busrt::sync::ipc::{Client, Config};
use busrt::sync::rpc::{RpcClient, SyncRpc, SyncRpcHandlers};
use busrt::{Error, Frame, SyncOpConfirm};
use serde_json::{json, Value};
use std::io::BufRead;
use std::thread;

struct Handlers;

impl SyncRpcHandlers for Handlers {
    fn handle_call(&self, event: RpcEvent) -> RpcResult {
        answer_call(&event)
    }
    fn handle_notification(&self, event: RpcEvent) {
        tell_notification(&event);
    }
    fn handle_frame(&self, frame: Frame) {
        tell_frame(&frame);
    }
}

#[derive(Default)]
struct Session {
    address: String,
    rpc: Option<RpcClient>,
    plain: Option<Client>,
    secondary: Option<Client>,
}

pub fn run(address: &str) {
    let mut session = Session {
        address: address.to_owned(),
        ..Session::default()
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("input is text");
        let result = session.carry_out(&Command::parse(&line));
        tell_result(result.map_err(|error| error.to_string()));
    }
}

/// Reports what arrives at a client without the RPC layer.
fn report(client: &mut Client) {
    let frames = client.take_event_channel().expect("nobody took it");
    thread::spawn(move || {
        while let Ok(frame) = frames.recv() {
            tell_frame(&frame);
        }
    });
}

fn confirmed(sent: Result<SyncOpConfirm, Error>) -> Result<Value, Error> {
    Ok(match sent? {
        Some(confirm) => code_of(confirm.recv().map_err(Error::io)?),
        None => json!(busrt::RESPONSE_OK),
    })
}

impl Session {
    fn carry_out(&mut self, command: &Command) -> Result<Value, Error> {
        match command.text("do") {
            "connect" => self.connect(command),
            "secondary" => self.make_secondary(),
            "call" => Ok(self.call(command)),
            "call0" => {
                let (target, method) = (command.text("target"), command.text("method"));
                confirmed(
                    self.rpc()
                        .call0(target, method, command.bytes().into(), command.qos()),
                )
            }
            "notify" => {
                let target = command.text("target");
                confirmed(
                    self.rpc()
                        .notify(target, command.bytes().into(), command.qos()),
                )
            }
            "disconnect" => {
                *self = Self {
                    address: std::mem::take(&mut self.address),
                    ..Self::default()
                };
                Ok(Value::Null)
            }
            _ => self.operate(command),
        }
    }

    fn connect(&mut self, command: &Command) -> Result<Value, Error> {
        let config = Config::new(&self.address, command.text("name")).timeout(PATIENCE);
        let (mut client, reader) = Client::connect(&config)?;
        thread::spawn(move || reader.run());
        if command.is_rpc() {
            let (rpc, processor) = RpcClient::new(client, Handlers);
            thread::spawn(move || processor.run());
            self.rpc = Some(rpc);
        } else {
            report(&mut client);
            self.plain = Some(client);
        }
        Ok(Value::Null)
    }

    /// Commands with `as: secondary` go to it.
    fn make_secondary(&mut self) -> Result<Value, Error> {
        let primary = self.plain.as_ref().expect("a plain client is connected");
        let (mut secondary, reader) = primary.register_secondary()?;
        thread::spawn(move || reader.run());
        report(&mut secondary);
        let name = secondary.get_name().to_owned();
        self.secondary = Some(secondary);
        Ok(json!(name))
    }

    fn rpc(&self) -> &RpcClient {
        self.rpc
            .as_ref()
            .expect("a client with the RPC layer is connected")
    }

    fn call(&self, command: &Command) -> Value {
        let (target, method) = (command.text("target"), command.text("method"));
        call_outcome(
            self.rpc()
                .call(target, method, command.bytes().into(), command.qos()),
        )
    }

    fn operate(&mut self, command: &Command) -> Result<Value, Error> {
        let sent = if let Some(rpc) = &self.rpc {
            send(&mut *rpc.client().lock(), command)
        } else if command.text("as") == "secondary" {
            send(
                self.secondary.as_mut().expect("there is a secondary"),
                command,
            )
        } else {
            send(self.plain.as_mut().expect("a client is connected"), command)
        };
        confirmed(sent)
    }
}

fn send(client: &mut dyn SyncClient, command: &Command) -> Result<SyncOpConfirm, Error> {
    let (qos, payload) = (command.qos(), command.bytes());
    let (target, topic) = (command.text("target"), command.text("topic"));
    match command.text("do") {
        "send" => client.send(target, payload.into(), qos),
        "broadcast" => client.send_broadcast(target, payload.into(), qos),
        "publish" => client.publish(topic, payload.into(), qos),
        "publish_for" => client.publish_for(topic, target, payload.into(), qos),
        "subscribe" => client.subscribe_bulk(&command.topics(), qos),
        "unsubscribe" => client.unsubscribe_bulk(&command.topics(), qos),
        "exclude" => client.exclude_bulk(&command.topics(), qos),
        "unexclude" => client.unexclude_bulk(&command.topics(), qos),
        "ping" => client.ping().map(|()| None),
        other => panic!("there is no command {other}"),
    }
}
