"""One channel to a daemon, with failures turned into ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import grpc.aio

from ._pb.v1 import msgbus_pb2_grpc as v1_grpc
from ._pb.v2 import msgbus_pb2_grpc as v2_grpc
from .errors import MsgbusError, from_rpc

_T = TypeVar("_T")

#: Above what daemons take by default, since an operator may allow larger messages.
_MAX_RESPONSE_BYTES = 256 << 20

_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
    ("grpc.max_send_message_length", _MAX_RESPONSE_BYTES),
    # How often to try again is decided by what tries, so the channel itself does not hold it up.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Which is how long an attempt may take.
    ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Finds out that the other side is gone without a word.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Clients of one process must not share a connection that one of them closes.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True, slots=True)
class Tls:
    """Files are PEM; without ``root_certificates`` those of the system hold."""

    root_certificates: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class Connection:
    """The stubs of a daemon. They are typed loosely because their generator does not say more."""

    def __init__(self, target: str, tls: Tls | None, token: str | None) -> None:
        address, is_tls = parse_target(target)
        self.target = target
        self.is_closed = False
        #: Metadata of every call.
        self.metadata: tuple[tuple[str, str], ...] = (
            () if token is None else (("authorization", f"Bearer {token}"),)
        )
        if tls is None and not is_tls:
            self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        else:
            own = tls or Tls()
            credentials = grpc.ssl_channel_credentials(
                own.root_certificates, own.key, own.certificate
            )
            self._channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        self.v1: Any = v1_grpc.MsgbusServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.bus: Any = v2_grpc.BusServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.clients: Any = v2_grpc.ClientServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.queues: Any = v2_grpc.QueueServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.admin: Any = v2_grpc.AdminServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def ready(self) -> None:
        await self._channel.channel_ready()

    async def close(self) -> None:
        self.is_closed = True
        await self._channel.close()

    def may_retry(self, error: MsgbusError) -> bool:
        return error.retryable and not self.is_closed


def parse_target(target: str) -> tuple[str, bool]:
    """The address of the channel, and whether the target asks for TLS."""
    if "://" not in target:
        return target, False
    url = urlsplit(target)
    if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/"):
        text = f"bad address {target}: expected host:port, http(s)://host:port or unix:/path"
        raise MsgbusError("invalid_argument", "bad_argument", text)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{host}:{url.port or 50051}", url.scheme == "https"


async def answer(call: Awaitable[_T]) -> _T:
    """Awaits a unary call."""
    try:
        return await call
    except grpc.RpcError as error:
        raise from_rpc(error) from error


async def responses(call: Any) -> AsyncGenerator[Any, None]:
    """Of a stream, which is cancelled when nobody reads on."""
    try:
        async for response in call:
            yield response
    except grpc.RpcError as error:
        raise from_rpc(error) from error
    finally:
        call.cancel()


@asynccontextmanager
async def writing(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    """Writes into a stream as long as somebody reads from it, who knows why it ended."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
