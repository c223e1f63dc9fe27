//! The vectors of ../../vectors, as every SDK runs them; their README.md says what they mean.

use std::time::Duration;

use msgbus::{
    check_filter, topic_matches, ConnectOptions, ConsumeOptions, Error, FilterOptions, Message,
    MsgbusClient, NodeId, OutgoingMessage, Position, PublisherOptions, Result, Start,
    SubscribeOptions,
};
use serde_json::{json, Value};

mod suite;
use suite::{address, read_vectors, start_daemon, Suite};

const AT_ONCE: Duration = Duration::from_millis(1);

#[test]
fn topics() {
    let vectors = read_vectors("topics.json");
    for v in vectors["filters"].as_array().unwrap() {
        let filter = text(&v["filter"]);
        assert_eq!(check_filter(&filter).is_ok(), v["valid"], "{filter}");
    }
    for v in vectors["matches"].as_array().unwrap() {
        let (filter, topic) = (text(&v["filter"]), text(&v["topic"]));
        assert_eq!(topic_matches(&filter, &topic), v["matches"], "{filter} on {topic}");
    }
}

#[tokio::test]
async fn names_at_the_daemon() {
    let Some((_suite, client, _)) = start_daemon().await else { return };
    for v in read_vectors("topics.json")["names"].as_array().unwrap() {
        match client.publish(text(&v["name"]), "").await {
            Ok(_) => assert_eq!(v["valid"], true, "{v}"),
            Err(error) => {
                assert_eq!(
                    (error.reason(), word(&error)),
                    (&*text(&v["reason"]), "invalid_argument".into())
                );
            }
        }
    }
}

#[tokio::test]
async fn errors() {
    let Some(mut suite) = Suite::open().await else { return };
    let playing = suite.ask("play v1-fetch").await;
    let client = MsgbusClient::connect(address(&playing)).await.unwrap();
    for v in read_vectors("errors.json").as_array().unwrap() {
        let error = client.get_head(text(&v["topic"]), None).await.unwrap_err();
        let got = json!([error.code() as i32, word(&error), error.reason(), error.is_retryable()]);
        assert_eq!(got, json!([v["status"], v["code"], v["reason"], v["retryable"]]));
    }
}

#[tokio::test]
async fn conversations() {
    let Some(mut suite) = Suite::open().await else { return };
    let mut faults = Vec::new();
    for conversation in read_vectors("conversations.json").as_array().unwrap() {
        let name = text(&conversation["name"]);
        let playing = suite.ask(&format!("play {name}")).await;
        let got = run(address(&playing), &conversation["client"]).await;
        if got != conversation["expect"] {
            faults.push(format!("{name}: got {got}, not {}", conversation["expect"]));
        }
        let verdict = suite.ask(&format!("verdict {}", playing["id"])).await;
        if verdict["ok"] != true {
            faults.push(format!("{name}: {}", verdict["faults"]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

async fn run(address: &str, action: &Value) -> Value {
    let client = MsgbusClient::connect_lazy(address, ConnectOptions::default()).unwrap();
    let mut outcome = json!({});
    // Far above what any takes: what hangs fails instead of holding up the run.
    let acting = tokio::time::timeout(Duration::from_secs(20), act(&client, action, &mut outcome));
    match acting.await.unwrap_or_else(|_| panic!("{action} takes too long")) {
        Ok(()) => {}
        Err(Error::Call(error)) => {
            outcome["failure"] = json!({
                "name": error.name,
                "message": error.message,
                "payload": lossy(&error.payload),
            });
        }
        Err(error) => {
            outcome["error"] = json!({ "code": word(&error), "reason": error.reason() });
        }
    }
    outcome
}

async fn act(client: &MsgbusClient, action: &Value, outcome: &mut Value) -> Result<()> {
    let topic = text(&action["topic"]);
    match action["do"].as_str().unwrap() {
        "subscribe_log" => {
            outcome["messages"] = json!([]);
            let mut subscription = client.subscribe_reconnecting_with_options(
                topic,
                SubscribeOptions {
                    origin: node(&action["device"]),
                    from_head_id: action["from"].as_u64().unwrap(),
                    replay_limit: action["replay_limit"]
                        .as_u64()
                        .unwrap_or(100)
                        .try_into()
                        .unwrap(),
                    reconnect_delay: AT_ONCE,
                },
            );
            for _ in 0..action["take"].as_u64().unwrap() {
                push(outcome, "messages", shown(&subscription.next_message().await?));
            }
        }
        "subscribe" => {
            outcome["messages"] = json!([]);
            let mut subscription = client.subscribe_filter(
                text(&action["filter"]),
                FilterOptions {
                    from: start(&action["from"]),
                    origin: node(&action["device"]),
                    reconnect_delay: AT_ONCE,
                    ..FilterOptions::default()
                },
            )?;
            for _ in 0..action["take"].as_u64().unwrap() {
                push(outcome, "messages", shown(&subscription.recv().await?.message));
            }
        }
        "fetch" => {
            let from = action["from"].as_u64().unwrap();
            let limit = action["limit"].as_u64().unwrap().try_into().unwrap();
            let messages = client.fetch(topic, None, from, limit).await?;
            outcome["messages"] = messages.iter().map(shown).collect();
        }
        "publish" => {
            outcome["heads"] = json!([]);
            let message = OutgoingMessage::new(topic, text(&action["payload"]));
            let published = client.publish_message(message, Duration::from_secs(10)).await?;
            push(outcome, "heads", published.head_id);
        }
        "publisher" => {
            outcome["heads"] = json!([]);
            let options = PublisherOptions { reconnect_delay: AT_ONCE, ..Default::default() };
            let publisher = client.publisher(options);
            let mut pending = Vec::new();
            for payload in action["payloads"].as_array().unwrap() {
                pending.push(publisher.start(OutgoingMessage::new(&topic, text(payload))).await?);
            }
            for pending in pending {
                push(outcome, "heads", pending.receipt().await.ok().map(|receipt| receipt.head_id));
            }
            publisher.close().await?;
        }
        "consume" => {
            outcome["messages"] = json!([]);
            let queue = text(&action["queue"]);
            let options = ConsumeOptions {
                max_in_flight: 10,
                reconnect_delay: AT_ONCE,
                ..Default::default()
            };
            let mut consumer = client.consume(&queue, options);
            for words in action["settle"].as_array().unwrap() {
                let delivery = consumer.recv().await?;
                let (sequence, attempts) = (delivery.message.sequence, delivery.message.attempts);
                let payload = lossy(delivery.payload());
                push(outcome, "messages", format!("{queue} {sequence} {payload} {attempts}"));
                let words = text(words);
                let (verb, ms) = words.split_once(' ').unwrap_or((&words, "0"));
                let duration = Duration::from_millis(ms.parse().unwrap());
                match verb {
                    "ack" => delivery.ack().await?,
                    "release" => delivery.release(duration).await?,
                    _ => delivery.extend(duration).await?,
                };
            }
        }
        "call" => {
            let answer = client.call(text(&action["procedure"]), text(&action["payload"])).await?;
            outcome["answer"] = json!(lossy(&answer.payload));
        }
        other => panic!("unknown action {other}"),
    }
    Ok(())
}

fn push(outcome: &mut Value, field: &str, value: impl Into<Value>) {
    outcome[field].as_array_mut().unwrap().push(value.into());
}

fn shown(message: &Message) -> String {
    let device = &message.origin.as_ref().unwrap().device_id;
    format!("{} {device} {} {}", message.topic, message.head_id, lossy(&message.payload))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn node(device: &Value) -> Option<NodeId> {
    let device_id = device.as_str()?.to_owned();
    Some(NodeId { tenant_id: "tenant".into(), bl_name: "default".into(), device_id })
}

fn start(from: &Value) -> Start {
    match from {
        Value::String(word) if word == "earliest" => Start::Earliest,
        Value::String(word) if word == "now" => Start::Now,
        Value::String(word) if word == "last" => Start::Last,
        Value::Number(head) => Start::Head(head.as_u64().unwrap()),
        position => Start::After(Position {
            epoch: text(&position["epoch"]),
            sequence: position["sequence"].as_u64().unwrap(),
        }),
    }
}

/// A code as the vectors write it.
fn word(error: &Error) -> String {
    let name = format!("{:?}", error.code());
    let mut word = String::new();
    for (i, letter) in name.chars().enumerate() {
        if i > 0 && letter.is_uppercase() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
