//! What can go wrong, and what a program may do about it.

use bytes::Bytes;
use tonic::Code;

use crate::{pb::v2, Headers};

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason of what the daemon does not offer, most often because it only speaks `msgbus.v1`.
pub const UNSUPPORTED: &str = "unsupported";

/// Why something failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The endpoint is not well formed, or no connection could be made.
    Transport(tonic::transport::Error),
    /// The daemon, or the way to it, answered with a status.
    Status {
        /// What programs branch on.
        code: Code,
        /// A stable word, such as `reserved_topic`; docs/reference/errors.md lists them.
        reason: String,
        /// For people.
        message: String,
    },
    /// The daemon broke the contract, as by an answer without its message.
    Protocol(&'static str),
    /// An error of an application behind a call, in its own words.
    Call(Box<CallError>),
}

/// An error of an application behind a call. Handlers return one, callers get it as [`Error::Call`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallError {
    /// What programs branch on, such as `com.example.no_such_room`.
    pub name: String,
    /// For people; empty: the name says it.
    pub message: String,
    /// Whatever belongs to the error.
    pub payload: Bytes,
    /// Likewise.
    pub headers: Headers,
}

impl CallError {
    /// An error with a name alone.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Error {
    /// The code of a status; of other errors what comes nearest.
    pub fn code(&self) -> Code {
        match self {
            Self::Transport(_) => Code::Unavailable,
            Self::Status { code, .. } => *code,
            Self::Protocol(_) => Code::Internal,
            Self::Call(_) => Code::Unknown,
        }
    }

    /// The daemon's stable word for it; of other errors what comes nearest.
    pub fn reason(&self) -> &str {
        match self {
            Self::Transport(_) => "connection_lost",
            Self::Status { reason, .. } => reason,
            Self::Protocol(_) => "undecodable",
            Self::Call(_) => "application_error",
        }
    }

    /// Whether the same again may work: after `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `ABORTED` and `CANCELLED`.
    pub fn is_retryable(&self) -> bool {
        use Code::{Aborted, Cancelled, DeadlineExceeded, Unavailable};
        matches!(
            self,
            Self::Status { code: Unavailable | DeadlineExceeded | Aborted | Cancelled, .. }
        )
    }

    /// The daemon does not know the call; not that nobody has a procedure.
    pub(crate) fn is_unimplemented(&self) -> bool {
        self.code() == Code::Unimplemented && self.reason() == UNSUPPORTED
    }

    pub(crate) fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self::Status { code, reason: reason.into(), message: message.into() }
    }

    pub(crate) fn stream_ended() -> Self {
        Self::new(Code::Unavailable, "connection_lost", "the daemon ended the stream")
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        let text = format!("the daemon does not offer {what}; it speaks msgbus.v1 only");
        Self::new(Code::Unimplemented, UNSUPPORTED, text)
    }

    /// Says what a daemon lacks, when that is why a call failed.
    pub(crate) fn needs_v2(self, what: &str) -> Self {
        if self.is_unimplemented() {
            Self::unsupported(what)
        } else {
            self
        }
    }

    pub(crate) fn without_message() -> Self {
        Self::Protocol("the daemon sent an answer without its message")
    }

    pub(crate) fn refused(refusal: &v2::Refusal) -> Self {
        let code = Code::from_i32(i32::try_from(refusal.code).unwrap_or(Code::Unknown as i32));
        Self::new(code, reason_or_usual(code, &refusal.reason), refusal.message.clone())
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        // What the transport itself failed with has a source; tonic calls a broken connection UNKNOWN or INTERNAL.
        let is_local = std::error::Error::source(&status).is_some();
        if is_local && matches!(status.code(), Code::Unknown | Code::Internal) {
            return Self::new(Code::Unavailable, "connection_lost", status.message());
        }
        let word = status.metadata().get("msgbus-reason").and_then(|word| word.to_str().ok());
        let reason = reason_or_usual(status.code(), word.unwrap_or_default());
        Self::new(status.code(), reason, status.message())
    }
}

impl From<tonic::transport::Error> for Error {
    fn from(error: tonic::transport::Error) -> Self {
        Self::Transport(error)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "no connection: {error}"),
            Self::Status { code, reason, message } => write!(f, "{code:?} ({reason}): {message}"),
            Self::Protocol(text) => f.write_str(text),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(&self.name),
            message => write!(f, "{}: {message}", self.name),
        }
    }
}

impl std::error::Error for CallError {}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Status { .. } | Self::Protocol(_) => None,
        }
    }
}

/// Daemons that only speak v1 name no reason.
pub(crate) fn reason_or_usual(code: Code, reason: &str) -> &str {
    if !reason.is_empty() {
        return reason;
    }
    match code {
        Code::Cancelled | Code::Aborted => "cancelled",
        Code::InvalidArgument => "bad_argument",
        Code::DeadlineExceeded => "timed_out",
        Code::NotFound => "not_found",
        Code::PermissionDenied | Code::Unauthenticated => "access_denied",
        Code::ResourceExhausted => "quota_exceeded",
        Code::OutOfRange => "payload_too_large",
        Code::Unimplemented => UNSUPPORTED,
        Code::Unavailable => "connection_lost",
        Code::DataLoss => "damaged_record",
        Code::Ok
        | Code::Unknown
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Internal => "internal",
    }
}
