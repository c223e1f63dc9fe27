//! One connection to the sdk-suite (sdks/suite/README.md).

#![allow(dead_code, reason = "each test program uses a part")]

use std::{env, fs, path::Path};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

pub struct Suite(BufReader<TcpStream>);

impl Suite {
    /// None, and a word about it, where there is no suite: scripts/sdk.mjs starts it.
    pub async fn open() -> Option<Self> {
        let Ok(address) = env::var("MSGBUS_SUITE") else {
            eprintln!("skipped, no sdk-suite: run the tests with `npm run sdk -- rust`");
            return None;
        };
        let socket = TcpStream::connect(address).await.expect("the sdk-suite is there");
        Some(Self(BufReader::new(socket)))
    }

    pub async fn ask(&mut self, command: &str) -> Value {
        self.0.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer.get("error"), None, "{command}");
        answer
    }
}

/// The address in an answer.
pub fn address(answer: &Value) -> &str {
    answer["address"].as_str().unwrap()
}

/// A real daemon and a client of it; it ends with the suite's connection.
pub async fn start_daemon() -> Option<(Suite, msgbus::MsgbusClient, String)> {
    let mut suite = Suite::open().await?;
    let answer = suite.ask("daemon --storage memory").await;
    let client = msgbus::MsgbusClient::connect(address(&answer)).await.unwrap();
    Some((suite, client, address(&answer).to_owned()))
}

pub fn read_vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
