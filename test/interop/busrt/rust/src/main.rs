//! A BUS/RT client under the control of a test: one command per line of standard input, one answer
//! per line of standard output, and lines for what arrives in between. Bytes are written as hex.
//!
//!     busrt-interop async|sync ADDRESS
//!
//! `driven.ts` is the other end and lists the commands.

mod async_client;
mod sync_client;

use busrt::rpc::{RpcError, RpcEvent, RpcResult};
use busrt::{Error, FrameKind, QoS};
use serde_json::{json, Value};
use std::time::Duration;

/// The libraries' own second is short on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "async" => async_client::run(&args[2]),
        "sync" => sync_client::run(&args[2]),
        other => panic!("there is no client {other}"),
    }
}

pub fn tell(line: &Value) {
    println!("{line}");
}

pub fn tell_result(result: Result<Value, String>) {
    match result {
        Ok(value) => tell(&json!({ "result": value })),
        Err(text) => tell(&json!({ "error": text })),
    }
}

pub fn tell_frame(frame: &busrt::Frame) {
    let kind = match frame.kind() {
        FrameKind::Message => "message",
        FrameKind::Broadcast => "broadcast",
        FrameKind::Publish => "publication",
        other => panic!("a frame of kind {other:?} arrived"),
    };
    tell(&json!({
        "event": kind,
        "sender": frame.sender(),
        "primary": frame.primary_sender(),
        "topic": frame.topic(),
        "payload": hex::encode(frame.payload()),
        "realtime": frame.is_realtime(),
    }));
}

pub fn tell_notification(event: &RpcEvent) {
    tell(&json!({
        "event": "notification",
        "sender": event.sender(),
        "payload": hex::encode(event.payload()),
    }));
}

/// What every service of these tests does: `echo`, `fail` with a code of its own, `crash`.
pub fn answer_call(event: &RpcEvent) -> RpcResult {
    let method = event.parse_method()?;
    tell(&json!({
        "event": "call",
        "sender": event.sender(),
        "method": method,
        "payload": hex::encode(event.payload()),
    }));
    match method {
        "echo" => Ok(Some(event.payload().to_vec())),
        "fail" => Err(RpcError::new(1234, Some(b"no luck".to_vec()))),
        "crash" => Err(RpcError::internal(Some(b"something broke".to_vec()))),
        _ => Ok(None),
    }
}

pub fn call_outcome(outcome: Result<RpcEvent, RpcError>) -> Value {
    match outcome {
        Ok(event) => json!({ "payload": hex::encode(event.payload()) }),
        Err(error) => {
            let text = String::from_utf8_lossy(error.data().unwrap_or_default()).into_owned();
            json!({ "code": error.code(), "text": text })
        }
    }
}

/// The result code that came with an acknowledgement.
pub fn code_of(outcome: Result<(), Error>) -> Value {
    json!(outcome.map_or_else(|error| error.kind() as u8, |()| busrt::RESPONSE_OK))
}

/// One line of input.
pub struct Command(Value);

impl Command {
    pub fn parse(line: &str) -> Self {
        Self(serde_json::from_str(line).expect("a command is JSON"))
    }

    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub fn bytes(&self) -> Vec<u8> {
        hex::decode(self.text("payload")).expect("bytes are hex")
    }

    pub fn qos(&self) -> QoS {
        let number = self.0["qos"].as_u64().unwrap_or(1);
        QoS::try_from(u8::try_from(number).unwrap_or(u8::MAX)).expect("there are four of them")
    }

    pub fn topics(&self) -> Vec<&str> {
        let list = self.0["topics"].as_array().expect("topics are a list");
        list.iter().filter_map(Value::as_str).collect()
    }

    pub fn is_rpc(&self) -> bool {
        self.0["rpc"].as_bool().unwrap_or_default()
    }
}
