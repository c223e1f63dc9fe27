//! The method set of the reference, and what goes beyond it, against a real daemon.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

use futures_util::StreamExt;
use msgbus::{
    CallError, ConsumeOptions, Error, FilterOptions, Headers, JoinOptions, MsgbusClient, NodeId,
    OutgoingMessage, PublisherOptions, Start, SubscribeOptions,
};
use tonic::Code;

mod suite;
use suite::start_daemon;

/// Every method of the reference SDK (spec msgbus-v1 7.2) with its names, arguments and defaults.
#[tokio::test]
async fn program_for_the_reference() -> Result<(), Error> {
    let Some((_suite, _, address)) = start_daemon().await else { return Ok(()) };
    let client = MsgbusClient::connect(format!("http://{address}")).await?;
    assert_eq!(client.health().await?, "SERVING");
    let ready = client.ready().await?;
    assert!(ready.ready);
    let node = ready.node.unwrap();
    let client = client.with_default_origin(node.clone());

    // A raw stream stands before anything was published.
    let mut stream = client.subscribe("events", None, 1).await?;
    let first = client.publish("events", b"one".to_vec()).await?;
    let headers = Headers::from([("kind".to_owned(), "second".to_owned())]);
    client.publish_with_headers("events", b"two".to_vec(), headers).await?;
    assert_eq!((first.head_id, first.origin.as_ref()), (1, Some(&node)));
    assert_eq!(stream.message().await?.unwrap().payload, "one");
    assert_eq!(stream.next().await.unwrap()?.head_id, 2);

    let messages = client.fetch("events", None, 1, 100).await?;
    assert_eq!(messages[1].headers["kind"], "second");
    let options = SubscribeOptions { from_head_id: 2, ..SubscribeOptions::default() };
    let mut stream = client.subscribe_with_options("events", options.clone()).await?;
    assert_eq!(stream.message().await?.unwrap().head_id, 2);
    let mut resilient = client.subscribe_reconnecting("events", None, 0);
    assert_eq!(resilient.next_message().await?.head_id, 1);
    let mut resilient = client.subscribe_reconnecting_with_options("events", options);
    assert_eq!(resilient.next_message().await?.head_id, 2);

    assert_eq!(client.get_head("events", None).await?, Some(2));
    assert_eq!(client.get_head("nothing", None).await?, None);
    assert_eq!(client.list_heads().await?.len(), 1);
    assert!(client.list_peer_sync_states().await?.is_empty());
    assert_eq!(client.delete_range("events", None, 1, 1).await?, 1);

    let target = NodeId { device_id: "worker".into(), ..node };
    let job = client.enqueue_fifo("jobs", "work", target.clone(), b"first".to_vec()).await?;
    client.enqueue_fifo_with_headers("jobs", "work", target, "second", Headers::new()).await?;
    assert_eq!(client.peek_fifo("jobs").await?.id, job.id);
    assert!(client.reject_fifo("jobs", &job.id).await?);
    assert!(client.ack_fifo("jobs", &job.id).await?);
    assert_eq!(client.peek_fifo("nothing").await.unwrap_err().code(), Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn subscriptions_by_filter() -> Result<(), Error> {
    let Some((_suite, client, _)) = start_daemon().await else { return Ok(()) };
    for topic in ["sensors/a/temp", "sensors/b/temp", "sensors/a/hum"] {
        client.publish(topic, topic).await?;
    }
    let subscription = client.subscribe_filter("sensors/+/temp", FilterOptions::default())?;
    let mut stream = Box::pin(subscription.into_stream());
    let first = stream.next().await.unwrap()?;
    let second = stream.next().await.unwrap()?;
    assert_eq!(
        (&*first.message.topic, &*second.message.topic),
        ("sensors/a/temp", "sensors/b/temp")
    );

    let from = Start::After(second.position.unwrap());
    let mut again = client.subscribe_filter("#", FilterOptions { from, ..Default::default() })?;
    assert_eq!(again.recv().await?.message.topic, "sensors/a/hum");

    let mut now =
        client.subscribe_filter("#", FilterOptions { from: Start::Now, ..Default::default() })?;
    now.ready().await?;
    client.publish("sensors/c/temp", "new").await?;
    assert_eq!(now.recv().await?.message.payload, "new");

    let from = Start::Head(2);
    let bad = client.subscribe_filter("a/+", FilterOptions { from, ..Default::default() });
    assert_eq!(bad.unwrap_err().reason(), "bad_argument");
    Ok(())
}

#[tokio::test]
async fn long_logs_and_refusals() -> Result<(), Error> {
    let Some((_suite, client, _)) = start_daemon().await else { return Ok(()) };
    let publisher = client.publisher(PublisherOptions::default());
    for i in 0..2_345 {
        publisher.send(OutgoingMessage::new("long", i.to_string())).await?;
    }
    publisher.flush().await?;
    let messages: Vec<_> = client.fetch_all("long", None, 46).collect().await;
    assert_eq!(messages.len(), 2_300);
    for (i, message) in messages.into_iter().enumerate() {
        assert_eq!(message?.payload, (i + 45).to_string());
    }

    for topic in ["good", "$msgbus.delete", "good"] {
        publisher.send(OutgoingMessage::new(topic, "x")).await?;
    }
    assert_eq!(publisher.flush().await.unwrap_err().reason(), "reserved_topic");
    let message = OutgoingMessage {
        publish_id: Some("only-once".into()),
        ..OutgoingMessage::new("good", "x")
    };
    let first = publisher.publish(message.clone()).await?;
    let second = publisher.publish(message).await?;
    assert_eq!(
        (first.head_id, first.duplicate, second.head_id, second.duplicate),
        (3, false, 3, true)
    );
    publisher.close().await
}

#[tokio::test]
async fn queues() -> Result<(), Error> {
    let Some((_suite, client, _)) = start_daemon().await else { return Ok(()) };
    for payload in ["a", "b"] {
        client.enqueue_fifo("q", "work", NodeId::default(), payload).await?;
    }
    let mut consumer =
        client.consume("q", ConsumeOptions { max_in_flight: 2, ..Default::default() });
    let (a, b) = (consumer.recv().await?, consumer.recv().await?);
    assert!(a.extend(Duration::ZERO).await?, "extended");
    assert!(a.ack().await?, "acknowledged");
    assert!(b.release(Duration::ZERO).await?, "released");
    let again = consumer.recv().await?;
    assert_eq!((&again.payload()[..], again.message.attempts), (&b"b"[..], 1));
    assert!(!a.ack().await?, "acknowledged twice");
    assert_eq!(client.list_queues().await?[0].depth, 1);
    drop(consumer);
    // What was not settled goes back, to the next who asks.
    let mut other = client.consume("q", ConsumeOptions::default());
    assert_eq!(other.recv().await?.payload(), "b");
    Ok(())
}

#[tokio::test]
async fn names() -> Result<(), Error> {
    let Some((_suite, client, address)) = start_daemon().await else { return Ok(()) };
    let other = MsgbusClient::connect(&address).await?;
    let mut plc = client.join("plc.7", JoinOptions::default()).await?;
    let taken = other.join("plc.7", JoinOptions::default()).await;
    assert_eq!(taken.unwrap_err().reason(), "name_taken");
    let console = other.join("console", JoinOptions::default()).await?;
    console.send("plc.7", "start").await?;
    assert_eq!(console.broadcast("plc.*", "all").await?, 1);
    let first = plc.recv().await?;
    assert_eq!(
        (&*first.sender, &first.payload[..], first.broadcast),
        ("console", &b"start"[..], false)
    );
    assert!(plc.recv().await?.broadcast);
    assert_eq!(client.send("nobody", "").await.unwrap_err().reason(), "unknown_client");
    // Who is replaced does not take the name back.
    let _heir = other.join("plc.7", JoinOptions { replace: true }).await?;
    assert_eq!(plc.recv().await.unwrap_err().reason(), "replaced");
    Ok(())
}

/// Counts the handlers that are there.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn calls() -> Result<(), Error> {
    let Some((_suite, client, address)) = start_daemon().await else { return Ok(()) };
    let running = Arc::new(AtomicUsize::new(0));
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let counter = running.clone();
    let registration = client
        .register("com.example.greet", move |call| {
            let (started, counter) = (started.clone(), counter.clone());
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
                let _running = Running(counter);
                match &call.payload[..] {
                    b"fail" => {
                        let error =
                            CallError { payload: "7".into(), ..CallError::new("com.example.full") };
                        return Err(error.into());
                    }
                    b"panic" => panic!("as the test asks for"),
                    b"wait" => {
                        started.send(()).unwrap();
                        std::future::pending::<()>().await;
                    }
                    _ => {}
                }
                Ok([b"hello ", &call.payload[..]].concat().into())
            }
        })
        .await?;
    let caller = MsgbusClient::connect(&address).await?;
    let taken = caller.register("com.example.greet", |_| async { Ok("".into()) }).await;
    assert_eq!(taken.unwrap_err().reason(), "procedure_taken");
    assert_eq!(caller.call("com.example.greet", "you").await?.payload, "hello you");
    match caller.call("com.example.greet", "fail").await {
        Err(Error::Call(error)) => {
            assert_eq!((&*error.name, &error.payload[..]), ("com.example.full", &b"7"[..]))
        }
        other => panic!("{other:?}"),
    }
    let panicked = caller.call("com.example.greet", "panic").await.unwrap_err();
    assert_eq!((panicked.code(), panicked.reason()), (Code::Internal, "application_error"));
    // A call that is dropped is dropped at the callee.
    tokio::select! {
        answer = caller.call("com.example.greet", "wait") => panic!("{answer:?}"),
        _ = starts.recv() => {}
    }
    while running.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    registration.close().await?;
    let gone = caller.call("com.example.greet", "").await.unwrap_err();
    assert_eq!(gone.reason(), "no_such_procedure");
    Ok(())
}

/// `recv` may lose a race, as often as it likes, without losing a message.
#[tokio::test]
async fn receiving_may_be_dropped() -> Result<(), Error> {
    let Some((_suite, client, _)) = start_daemon().await else { return Ok(()) };
    let publisher = client.publisher(PublisherOptions::default());
    let mut by_filter = client.subscribe_filter("t", FilterOptions::default())?;
    let mut by_log = client.subscribe_reconnecting("t", None, 1);
    let (mut filter_next, mut log_next) = (1, 1);
    let mut sent = 0;
    while filter_next <= 500 || log_next <= 500 {
        if sent < 500 {
            sent += 1;
            publisher.send(OutgoingMessage::new("t", sent.to_string())).await?;
        }
        tokio::select! {
            biased;
            received = by_filter.recv(), if filter_next <= 500 => {
                assert_eq!(received?.message.head_id, filter_next);
                filter_next += 1;
            }
            received = by_log.next_message(), if log_next <= 500 => {
                assert_eq!(received?.head_id, log_next);
                log_next += 1;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    publisher.close().await
}

#[tokio::test]
async fn nobody_is_there() {
    assert!(matches!(MsgbusClient::connect("127.0.0.1:1").await, Err(Error::Transport(_))));
    assert!(matches!(MsgbusClient::connect("no address").await, Err(Error::Transport(_))));
}

/// The example is a program that works, to its end.
#[tokio::test]
async fn workshop() {
    let Some((_suite, _, address)) = start_daemon().await else { return };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let run = tokio::task::spawn_blocking(move || {
        let args = ["run", "--quiet", "--all-features", "--example", "workshop", "--", &address];
        std::process::Command::new(cargo).args(args).output().unwrap()
    });
    let output = run.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("made a chair for 40").count(), 3, "{text}");
    assert_eq!(text.matches("made a table for 120").count(), 3, "{text}");
    assert!(text.contains("no price of a sofa: workshop.unknown_piece"), "{text}");
}
