//! Procedures that this program serves.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{future::BoxFuture, FutureExt};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle, JoinSet},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::{
    delay::ReconnectDelay,
    pb::v2::{self, call_answer::Outcome},
    CallResult, Error, Headers, MsgbusClient, Result,
};

/// A call as the procedure sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IncomingCall {
    /// Its name.
    pub procedure: String,
    /// Any bytes.
    pub payload: Bytes,
    /// Any texts.
    pub headers: Headers,
    /// Name of the caller; empty when it has none.
    pub caller: String,
}

type Handler = Arc<dyn Fn(IncomingCall) -> BoxFuture<'static, Result<CallResult>> + Send + Sync>;

/// A procedure that this program serves. It is registered again when the connection breaks; calls under way then fail for their
/// callers, and their handlers are dropped. Dropping it withdraws the procedure at once.
#[derive(Debug)]
pub struct Registration {
    closing: watch::Sender<bool>,
    task: JoinHandle<Result<()>>,
}

impl MsgbusClient {
    /// Serves a procedure, and returns when it is registered. Handlers run at the same time; one is dropped when nobody waits for
    /// its answer any more. What it returns as error reaches the caller: [`Error::Call`] as it is, any other by its code.
    ///
    /// ```no_run
    /// # async fn example(bus: msgbus::MsgbusClient) -> Result<(), msgbus::Error> {
    /// let rooms = bus
    ///     .register("com.example.rooms", |call| async move {
    ///         if call.payload.is_empty() {
    ///             return Err(msgbus::CallError::new("com.example.no_such_floor").into());
    ///         }
    ///         Ok("3.1, 3.2".into())
    ///     })
    ///     .await?;
    /// let answer = bus.call("com.example.rooms", "3").await?;
    /// assert_eq!(&answer.payload[..], b"3.1, 3.2");
    /// rooms.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `ALREADY_EXISTS` (`procedure_taken`) when somebody else has it.
    pub async fn register<H, F>(
        &self,
        procedure: impl Into<String>,
        handler: H,
    ) -> Result<Registration>
    where
        H: Fn(IncomingCall) -> F + Send + Sync + 'static,
        F: Future<Output = Result<CallResult>> + Send + 'static,
    {
        let procedure = procedure.into();
        let handler: Handler = Arc::new(move |call| handler(call).boxed());
        let opened = open(self, &procedure).await;
        let stream = opened.map_err(|error| error.needs_v2("procedures"))?;
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(run(self.clone(), procedure, handler, stream, closed));
        Ok(Registration { closing, task })
    }
}

impl Registration {
    /// Takes no more calls, lets those under way be answered, and returns when they are.
    ///
    /// # Errors
    ///
    /// With which the registration had ended before.
    pub async fn close(mut self) -> Result<()> {
        self.closing.send_replace(true);
        (&mut self.task).await.unwrap_or(Ok(()))
    }

    /// Returns when the registration is over, for good; it may be dropped while it waits.
    ///
    /// # Errors
    ///
    /// Why it is over.
    pub async fn ended(&mut self) -> Result<()> {
        (&mut self.task).await.unwrap_or(Ok(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Stream {
    requests: mpsc::Sender<v2::RegisterRequest>,
    responses: Streaming<v2::RegisterResponse>,
}

/// Returns when the procedure is registered.
async fn open(client: &MsgbusClient, procedure: &str) -> Result<Stream> {
    let (requests, receiver) = mpsc::channel(64);
    let registration = v2::Registration { procedures: vec![procedure.to_owned()] };
    let first = v2::RegisterRequest { registration: Some(registration), ..Default::default() };
    // There is room, and somebody to receive it.
    drop(requests.send(first).await);
    let answer = client.clients.clone().register(ReceiverStream::new(receiver)).await?;
    let mut responses = answer.into_inner();
    responses.message().await?.ok_or_else(Error::stream_ended)?;
    Ok(Stream { requests, responses })
}

async fn run(
    client: MsgbusClient,
    procedure: String,
    handler: Handler,
    mut stream: Stream,
    mut closing: watch::Receiver<bool>,
) -> Result<()> {
    let mut delay = ReconnectDelay::new(Duration::ZERO);
    loop {
        let mut error = serve(stream, &handler, &mut closing).await;
        stream = loop {
            if *closing.borrow() {
                return Ok(());
            }
            // A procedure that is taken is most often held by our own old stream.
            if !error.is_retryable() && error.reason() != "procedure_taken" {
                return Err(error);
            }
            tokio::select! {
                () = delay.wait() => {}
                () = is_closing(&mut closing) => return Ok(()),
            }
            match open(&client, &procedure).await {
                Ok(stream) => break stream,
                Err(again) => error = again,
            }
        };
        delay.reset();
    }
}

/// Returns with what ended the stream; handlers that still run are dropped.
async fn serve(
    mut stream: Stream,
    handler: &Handler,
    closing: &mut watch::Receiver<bool>,
) -> Error {
    let mut handlers = JoinSet::new();
    let mut running: HashMap<u64, AbortHandle> = HashMap::new();
    let mut is_withdrawn = false;
    loop {
        tokio::select! {
            response = stream.responses.message() => {
                let response = match response {
                    Ok(Some(response)) => response,
                    Ok(None) => return Error::stream_ended(),
                    Err(status) => return status.into(),
                };
                for v2::Cancellation { id } in response.cancellations {
                    if let Some(handler) = running.remove(&id) {
                        handler.abort();
                    }
                }
                for invocation in response.invocations {
                    let id = invocation.id;
                    let answer = answer(handler(to_call(invocation)), id, stream.requests.clone());
                    running.insert(id, handlers.spawn(answer));
                }
            }
            // A handler that panicked is none that answers: the daemon tells its caller at the end of the stream.
            Some(done) = handlers.join_next() => {
                if let Ok(id) = done {
                    running.remove(&id);
                }
            }
            () = is_closing(closing), if !is_withdrawn => {
                is_withdrawn = true;
                let request = v2::RegisterRequest { withdraw: true, ..Default::default() };
                // When it has ended, the responses say so.
                drop(stream.requests.send(request).await);
            }
        }
    }
}

/// Returns when it is to be closed.
async fn is_closing(closing: &mut watch::Receiver<bool>) {
    // Without a sender the registration was dropped, and this task is about to end.
    drop(closing.wait_for(|closing| *closing).await);
}

async fn answer(
    work: BoxFuture<'static, Result<CallResult>>,
    id: u64,
    requests: mpsc::Sender<v2::RegisterRequest>,
) -> u64 {
    // A panic is an answer, too, so that its caller does not wait in vain.
    let outcome = std::panic::AssertUnwindSafe(work).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| {
        Err(Error::new(Code::Internal, "application_error", "the procedure panicked"))
    });
    let answers = vec![v2::CallAnswer { id, outcome: Some(to_outcome(outcome)) }];
    drop(requests.send(v2::RegisterRequest { answers, ..Default::default() }).await);
    id
}

fn to_call(invocation: v2::Invocation) -> IncomingCall {
    let v2::Invocation { procedure, payload, headers, caller, .. } = invocation;
    IncomingCall { procedure, payload, headers, caller }
}

fn to_outcome(outcome: Result<CallResult>) -> Outcome {
    match outcome {
        Ok(CallResult { payload, headers }) => Outcome::Result(v2::CallResult { payload, headers }),
        Err(Error::Call(error)) => {
            let crate::CallError { name, message, payload, headers } = *error;
            Outcome::Failure(v2::CallFailure { name, message, payload, headers })
        }
        Err(error) => Outcome::Refusal(v2::Refusal {
            code: error.code() as u32,
            reason: error.reason().to_owned(),
            message: match error {
                Error::Status { message, .. } => message,
                other => other.to_string(),
            },
        }),
    }
}
