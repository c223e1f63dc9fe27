//! The promise that matters: a daemon that is killed and started again in the midst of everything costs nobody a message, and
//! nobody gets one twice. MSGBUS_RESTARTS and MSGBUS_RESTART_MESSAGES make it longer.

use std::{collections::HashMap, env, time::Duration};

use msgbus::{
    Error, FilterOptions, Message, MsgbusClient, OutgoingMessage, PublisherOptions,
    SubscribeOptions,
};
use tokio::sync::mpsc;

mod suite;
use suite::{address, Suite};

const SOON: Duration = Duration::from_millis(10);
const TOPICS: [&str; 2] = ["restarts/a", "restarts/b"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts() -> Result<(), Error> {
    let restarts = number("MSGBUS_RESTARTS", 2);
    let messages = number("MSGBUS_RESTART_MESSAGES", 4_000);
    let Some(mut suite) = Suite::open().await else { return Ok(()) };
    let daemon = suite.ask("daemon").await;
    let client = MsgbusClient::connect(address(&daemon)).await?;

    // Kills come when so many messages have arrived, so that they meet all parts of the way.
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let killing = tokio::spawn(async move {
        let mut count = 0;
        for i in 1..=restarts {
            while count < i * messages / (restarts + 1) {
                arrivals.recv().await.expect("more messages come");
                count += 1;
            }
            suite.ask(&format!("kill {}", daemon["id"])).await;
        }
        suite
    });

    let options = FilterOptions { reconnect_delay: SOON, ..FilterOptions::default() };
    let mut subscription = client.subscribe_filter("restarts/+", options)?;
    let by_filter = tokio::spawn(async move {
        let mut next = HashMap::new();
        for _ in 0..messages {
            follows(&subscription.recv().await?.message, &mut next);
            // The killer may have had enough.
            let _ = arrived.send(());
        }
        Ok::<_, Error>(())
    });
    let options = SubscribeOptions { reconnect_delay: SOON, ..SubscribeOptions::default() };
    let mut resilient = client.subscribe_reconnecting_with_options(TOPICS[0], options);
    let by_log = tokio::spawn(async move {
        let mut next = HashMap::new();
        for _ in 0..messages / 2 {
            follows(&resilient.next_message().await?, &mut next);
        }
        Ok::<_, Error>(())
    });

    let publisher = client.publisher(PublisherOptions {
        reconnect_delay: SOON,
        max_in_flight_messages: 500,
        max_batch_messages: 100,
        ..PublisherOptions::default()
    });
    for i in 0..messages {
        // The payload is the head that the message has to get.
        let payload = (i / 2 + 1).to_string();
        publisher.send(OutgoingMessage::new(TOPICS[i % 2], payload)).await?;
    }
    publisher.close().await?;
    let _suite = killing.await.unwrap();
    by_filter.await.unwrap()?;
    by_log.await.unwrap()?;
    for topic in TOPICS {
        assert_eq!(client.get_head(topic, None).await?, Some(messages as u64 / 2), "{topic}");
    }
    Ok(())
}

/// A message is the next of its log, and the one that was published in this place.
fn follows(message: &Message, next: &mut HashMap<String, u64>) {
    let head = next.entry(message.topic.clone()).or_insert(0);
    *head += 1;
    assert_eq!((message.head_id, &message.payload[..]), (*head, head.to_string().as_bytes()));
}

fn number(variable: &str, standard: usize) -> usize {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}
