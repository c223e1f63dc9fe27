//! A small workshop: an office enqueues orders, two workers share them, whoever asks for a price calls one of them, and
//! everything that happens is published. Against another daemon: `cargo run --example workshop -- host:port`.

use std::{env, error::Error};

use futures_util::TryStreamExt;
use msgbus::{
    CallError, ConsumeOptions, FilterOptions, MsgbusClient, NodeId, OutgoingMessage,
    PublisherOptions, Start,
};

const ORDERS: usize = 6;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".to_owned());
    let bus = MsgbusClient::connect(&address).await?;

    // Who watches sees what happens from now on.
    let from = Start::Now;
    let mut news =
        bus.subscribe_filter("workshop/+/done", FilterOptions { from, ..Default::default() })?;
    news.ready().await?;

    let prices = bus
        .register("workshop.price", |call| async move {
            match &call.payload[..] {
                b"chair" => Ok("40".into()),
                b"table" => Ok("120".into()),
                _ => Err(CallError::new("workshop.unknown_piece").into()),
            }
        })
        .await?;

    for i in 0..ORDERS {
        let piece = if i % 2 == 0 { "chair" } else { "table" };
        bus.enqueue_fifo("workshop/orders", "order", NodeId::default(), piece).await?;
    }
    let workers: Vec<_> = ["anna", "ben"].map(|name| tokio::spawn(work(bus.clone(), name))).into();

    for _ in 0..ORDERS {
        let done = news.recv().await?.message;
        let worker = done.topic.split('/').nth(1).unwrap_or_default();
        let piece = String::from_utf8(done.payload.to_vec())?;
        let price = bus.call("workshop.price", piece.clone()).await?;
        println!("{worker} made a {piece} for {}", String::from_utf8_lossy(&price.payload));
    }
    for worker in workers {
        worker.abort();
    }
    if let Err(msgbus::Error::Call(error)) = bus.call("workshop.price", "sofa").await {
        println!("no price of a sofa: {}", error.name);
    }
    prices.close().await?;
    Ok(())
}

/// Takes orders until it is aborted; what it has then and has not acknowledged goes back.
async fn work(bus: MsgbusClient, name: &str) -> msgbus::Result<()> {
    let publisher = bus.publisher(PublisherOptions::default());
    let orders =
        bus.consume("workshop/orders", ConsumeOptions { max_in_flight: 2, ..Default::default() });
    orders
        .into_stream()
        .try_for_each(|order| {
            let publisher = &publisher;
            async move {
                let done =
                    OutgoingMessage::new(format!("workshop/{name}/done"), order.payload().clone());
                publisher.publish(done).await?;
                order.ack().await?;
                Ok(())
            }
        })
        .await
}
