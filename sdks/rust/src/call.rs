//! Calls of procedures, whoever serves them and by whatever protocol.

use bytes::Bytes;

use crate::{
    pb::v2::{self, call_response::Outcome},
    CallError, Error, Headers, MsgbusClient, Result,
};

/// What a procedure answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallResult {
    /// Any bytes.
    pub payload: Bytes,
    /// Any texts.
    pub headers: Headers,
}

impl<B: Into<Bytes>> From<B> for CallResult {
    fn from(payload: B) -> Self {
        Self { payload: payload.into(), headers: Headers::new() }
    }
}

impl MsgbusClient {
    /// Calls a procedure and waits for its answer. Dropping the call cancels it at the callee. Nothing is repeated: after
    /// `UNAVAILABLE` it may have run or not.
    ///
    /// # Errors
    ///
    /// [`Error::Call`]: an error of the application. `UNIMPLEMENTED` (`no_such_procedure`) when nobody has registered it.
    pub async fn call(
        &self,
        procedure: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<CallResult> {
        self.call_with_headers(procedure, payload, Headers::new()).await
    }

    /// As [`call`](Self::call), with headers.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_with_headers(
        &self,
        procedure: impl Into<String>,
        payload: impl Into<Bytes>,
        headers: Headers,
    ) -> Result<CallResult> {
        let request = v2::CallRequest {
            procedure: procedure.into(),
            payload: payload.into(),
            headers,
            ..v2::CallRequest::default()
        };
        let answer = self.clients.clone().call(request).await;
        let answer = answer.map_err(|error| Error::from(error).needs_v2("procedures"))?;
        match answer.into_inner().outcome {
            Some(Outcome::Result(v2::CallResult { payload, headers })) => {
                Ok(CallResult { payload, headers })
            }
            Some(Outcome::Failure(v2::CallFailure { name, message, payload, headers })) => {
                Err(CallError { name, message, payload, headers }.into())
            }
            None => Err(Error::Protocol("the call ended in no way")),
        }
    }
}
