"""What calls fail with."""

from __future__ import annotations

import grpc
import grpc.aio

#: Trailer in which daemons name the reason of a failure.
_REASON_KEY = "msgbus-reason"

#: What daemons do not offer, most often because they only speak msgbus.v1.
UNSUPPORTED = "unsupported"

_RETRYABLE = frozenset({"unavailable", "deadline_exceeded", "aborted", "cancelled"})

#: Stand in when a daemon names no reason, as those that only speak v1 do.
_USUAL_REASONS = {
    "cancelled": "cancelled",
    "unknown": "internal",
    "invalid_argument": "bad_argument",
    "deadline_exceeded": "timed_out",
    "not_found": "not_found",
    "already_exists": "internal",
    "permission_denied": "access_denied",
    "resource_exhausted": "quota_exceeded",
    "failed_precondition": "internal",
    "aborted": "cancelled",
    "out_of_range": "payload_too_large",
    "unimplemented": UNSUPPORTED,
    "internal": "internal",
    "unavailable": "connection_lost",
    "data_loss": "damaged_record",
    "unauthenticated": "access_denied",
}

_CODE_NAMES = {code.value[0]: code.name.lower() for code in grpc.StatusCode}


class MsgbusError(Exception):
    """A failure that the daemon, or the way to it, answered with."""

    def __init__(self, code: str, reason: str, message: str) -> None:
        super().__init__(f"{code} ({reason}): {message}")
        #: What programs branch on: the gRPC status in lower case, such as ``not_found``.
        self.code = code
        #: A stable word, such as ``reserved_topic``.
        self.reason = reason
        #: For people.
        self.message = message

    @property
    def retryable(self) -> bool:
        """Whether the same again may work."""
        return self.code in _RETRYABLE

    @property
    def is_unsupported(self) -> bool:
        """Whether the daemon does not know the call, as opposed to nobody having a procedure."""
        return self.code == "unimplemented" and self.reason == UNSUPPORTED


class CallError(Exception):
    """An error of the application behind a call, in its own words. Handlers raise one, callers get it."""

    def __init__(
        self,
        name: str,
        message: str = "",
        payload: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        #: What programs branch on, such as ``com.example.no_such_room``.
        self.name = name
        self.message = message
        self.payload = payload
        self.headers = headers or {}


def from_status(number: int, reason: str, message: str) -> MsgbusError:
    code = _CODE_NAMES.get(number, "unknown")
    return MsgbusError(code, reason or _USUAL_REASONS.get(code, "internal"), message)


def from_rpc(error: grpc.RpcError) -> MsgbusError:
    """What a call of the library failed with, as one of ours."""
    if not isinstance(error, grpc.aio.AioRpcError):
        return MsgbusError("unavailable", "connection_lost", str(error))
    reason = ""
    for key, value in error.trailing_metadata() or ():
        if key == _REASON_KEY:
            reason = value.decode() if isinstance(value, bytes) else value
    return from_status(error.code().value[0], reason, error.details() or "")


def unsupported(what: str) -> MsgbusError:
    message = f"the daemon does not offer {what}; it speaks msgbus.v1 only"
    return MsgbusError("unimplemented", UNSUPPORTED, message)


def without_message() -> MsgbusError:
    return MsgbusError("internal", "undecodable", "the daemon sent an answer without its message")


def ended() -> MsgbusError:
    return MsgbusError("unavailable", "connection_lost", "the daemon ended the stream")
