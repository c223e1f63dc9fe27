"""The client of one daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType

from ._pb.v1 import msgbus_pb2 as v1
from ._pb.v2 import msgbus_pb2 as v2
from .connection import Connection, Tls, answer
from .consumer import Consumer
from .errors import MsgbusError, unsupported, without_message
from .log_reader import DEFAULT_REPLAY_LIMIT, LogReader, read_page, read_stored
from .messages import (
    Message,
    NodeId,
    QueueMessage,
    TopicHead,
    message_from,
    node_from,
    node_to_v1,
    queue_message_from,
)
from .procedures import CallHandler, CallResult, Registration, result_of
from .publisher import IdMaker, Publisher, publish_once
from .reconnect import ReconnectDelay
from .subscription import HistoryChange, Start, Subscription

_publish_ids = IdMaker()

_FIRST_DELAY = 0.25


class Client:
    """Speaks with one daemon over one connection, which mends itself. Use ``connect``, or this for a connection
    that is made by the first call.

    ``target`` is ``host:port``, ``http://host:port``, ``https://host:port`` (TLS) or ``unix:/path``.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        tls: Tls | None = None,
        token: str | None = None,
    ) -> None:
        self._connection = Connection(target, tls, token)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends everything at once. Close publishers before: they flush."""
        await self._connection.close()

    async def publish(
        self,
        topic: str,
        payload: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        *,
        publish_id: str = "",
    ) -> Message:
        """Stores a message, and returns it once it is as durable as the daemon is configured.

        Repeated after a broken connection, with the same publish id, so that it is stored once. A daemon that does not know such
        ids, which is one that only speaks v1, is not asked twice: then the message may have been stored or not.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        own = publish_id or _publish_ids.next()
        delay = ReconnectDelay(_FIRST_DELAY)
        is_repeatable = False
        while True:
            try:
                return message_from(
                    await publish_once(self._connection, topic, data, headers or {}, own)
                )
            except MsgbusError as error:
                if not self._connection.may_retry(error):
                    raise
                if not is_repeatable:
                    if not await self._knows_publish_ids(delay):
                        raise
                    is_repeatable = True
            await delay.wait()

    async def _knows_publish_ids(self, delay: ReconnectDelay) -> bool:
        """Whether this daemon speaks v2. An answer of any kind, even a refusal, is that of one."""
        while True:
            try:
                call = self._connection.admin.GetStatus(
                    v2.GetStatusRequest(), metadata=self._connection.metadata
                )
                await answer(call)
                return True
            except MsgbusError as error:
                if error.is_unsupported:
                    return False
                if not error.retryable:
                    return True
                if self._connection.is_closed:
                    raise
            await delay.wait()

    def publisher(
        self,
        *,
        max_in_flight_messages: int = 10_000,
        max_in_flight_bytes: int = 8 << 20,
        max_batch_messages: int = 1_000,
        max_batch_bytes: int = 256 << 10,
        give_up_after: float = 120,
        reconnect_delay: float = _FIRST_DELAY,
    ) -> Publisher:
        """For many messages. Close it: that flushes. Times are seconds."""
        return Publisher(
            self._connection,
            max_in_flight_messages,
            max_in_flight_bytes,
            max_batch_messages,
            max_batch_bytes,
            give_up_after,
            ReconnectDelay(reconnect_delay),
        )

    def subscribe(
        self,
        filter: str,
        *,
        start: Start = "earliest",
        origin: NodeId | None = None,
        stored_only: bool = False,
        history_changed: HistoryChange = "earliest",
        reconnect_delay: float = _FIRST_DELAY,
        on_reconnect: Callable[[MsgbusError], None] | None = None,
    ) -> Subscription:
        """Every message that a filter matches, of every origin or of one. ``start``: see ``Start``."""
        return Subscription(
            self._connection,
            filter,
            start,
            origin,
            stored_only,
            history_changed,
            ReconnectDelay(reconnect_delay),
            on_reconnect,
        )

    def subscribe_log(
        self,
        topic: str,
        *,
        origin: NodeId | None = None,
        from_head: int = 1,
        replay_limit: int = DEFAULT_REPLAY_LIMIT,
        reconnect_delay: float = _FIRST_DELAY,
    ) -> AsyncGenerator[Message, None]:
        """One log by head ids, as msgbus.v1 has it; without an origin that of the daemon itself."""
        return LogReader(
            self._connection,
            topic,
            origin,
            from_head,
            replay_limit,
            ReconnectDelay(reconnect_delay),
        ).messages()

    async def fetch(
        self, topic: str, *, origin: NodeId | None = None, from_head: int = 1, limit: int = 100
    ) -> list[Message]:
        """Stored messages of one log, in order; at most 10,000 at once."""
        async with aclosing(
            read_page(self._connection, topic, origin, max(1, from_head), limit)
        ) as page:
            return [message async for message in page]

    def fetch_all(
        self, topic: str, *, origin: NodeId | None = None, from_head: int = 1
    ) -> AsyncGenerator[Message, None]:
        """One log from a head id to its head, however long it is."""
        return read_stored(self._connection, topic, origin, max(1, from_head), None)

    async def get_head(self, topic: str, *, origin: NodeId | None = None) -> int | None:
        """The last head id of a log; None when nothing was ever stored in it."""
        request = v1.GetHeadRequest(topic=topic, origin=node_to_v1(origin))
        call = self._connection.v1.GetHead(request, metadata=self._connection.metadata)
        response: v1.GetHeadResponse = await answer(call)
        return response.head_id if response.found else None

    async def list_heads(self) -> list[TopicHead]:
        """Every log of every origin."""
        call = self._connection.v1.ListHeads(
            v1.ListHeadsRequest(), metadata=self._connection.metadata
        )
        response: v1.ListHeadsResponse = await answer(call)
        return [TopicHead(log.topic, node_from(log.origin), log.head_id) for log in response.heads]

    async def delete_range(self, topic: str, from_head: int, to_head: int) -> int:
        """Deletes messages of the daemon's own log, both ends included, and returns how many."""
        request = v1.DeleteRangeRequest(topic=topic, from_head_id=from_head, to_head_id=to_head)
        call = self._connection.v1.DeleteRange(request, metadata=self._connection.metadata)
        response: v1.DeleteRangeResponse = await answer(call)
        return response.deleted_count

    async def enqueue(
        self,
        queue: str,
        payload: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        *,
        target: NodeId | None = None,
    ) -> QueueMessage:
        """Adds a message at the end of a queue; with a target, of that node's."""
        data = payload.encode() if isinstance(payload, str) else payload
        request = v1.EnqueueFifoRequest(
            queue=queue,
            topic=queue,
            target=node_to_v1(target) or v1.NodeId(),
            payload=data,
            headers=headers or {},
        )
        call = self._connection.v1.EnqueueFifo(request, metadata=self._connection.metadata)
        return _queue_message(await answer(call))

    def consume(
        self,
        queue: str,
        *,
        max_in_flight: int = 1,
        lease: float = 30,
        reconnect_delay: float = _FIRST_DELAY,
    ) -> Consumer:
        """Takes messages from a queue that programs share. Times are seconds."""
        delay = ReconnectDelay(reconnect_delay)
        return Consumer(self._connection, queue, max_in_flight, lease, delay)

    async def peek_fifo(self, queue: str) -> QueueMessage | None:
        """The front message, which stays there."""
        call = self._connection.v1.PeekFifo(
            v1.PeekFifoRequest(queue=queue), metadata=self._connection.metadata
        )
        try:
            return _queue_message(await answer(call))
        except MsgbusError as error:
            if error.code == "not_found":
                return None
            raise

    async def ack_fifo(self, queue: str, message_id: str) -> bool:
        """Removes the front message if it has this id."""
        request = v1.AckFifoRequest(queue=queue, message_id=message_id)
        call = self._connection.v1.AckFifo(request, metadata=self._connection.metadata)
        response: v1.AckFifoResponse = await answer(call)
        return response.accepted

    async def reject_fifo(self, queue: str, message_id: str) -> bool:
        """Counts an attempt on the front message if it has this id."""
        request = v1.RejectFifoRequest(queue=queue, message_id=message_id)
        call = self._connection.v1.RejectFifo(request, metadata=self._connection.metadata)
        response: v1.RejectFifoResponse = await answer(call)
        return response.accepted

    async def call(
        self,
        procedure: str,
        payload: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> CallResult:
        """Calls a procedure, whoever serves it and by whatever protocol. An error of the application is a CallError.

        Nothing is repeated: after ``unavailable`` it may have run or not.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        request = v2.CallRequest(procedure=procedure, payload=data, headers=headers or {})
        call = self._connection.clients.Call(
            request, timeout=timeout, metadata=self._connection.metadata
        )
        try:
            response: v2.CallResponse = await answer(call)
        except MsgbusError as error:
            raise unsupported("procedures") if error.is_unsupported else error from None
        return result_of(response, procedure)

    async def register(self, procedure: str, handler: CallHandler) -> Registration:
        """Serves a procedure; returns when it is registered."""
        registration = Registration(self._connection, procedure, handler)
        await registration.ready()
        return registration

    async def send(self, target: str, payload: bytes | str = b"") -> None:
        """Hands a message to the client of a name, which may speak any protocol."""
        data = payload.encode() if isinstance(payload, str) else payload
        request = v2.SendRequest(target=target, payload=data)
        await answer(
            self._connection.clients.Send(request, metadata=self._connection.metadata)
        )

    async def broadcast(self, mask: str, payload: bytes | str = b"") -> int:
        """Hands a message to every client whose name matches a mask, and returns how many that were."""
        data = payload.encode() if isinstance(payload, str) else payload
        request = v2.BroadcastRequest(mask=mask, payload=data)
        call = self._connection.clients.Broadcast(request, metadata=self._connection.metadata)
        response: v2.BroadcastResponse = await answer(call)
        return response.receivers

    async def node(self) -> NodeId:
        """The node id of the daemon."""
        call = self._connection.v1.Health(v1.HealthRequest(), metadata=self._connection.metadata)
        response: v1.HealthResponse = await answer(call)
        return node_from(response.node)


async def connect(
    target: str = "127.0.0.1:50051",
    *,
    tls: Tls | None = None,
    token: str | None = None,
    timeout: float = 10,
) -> Client:
    """A client whose connection stands. Raises MsgbusError ``unavailable`` when there is none in time (seconds)."""
    client = Client(target, tls=tls, token=token)
    try:
        await asyncio.wait_for(client._connection.ready(), timeout)
    except asyncio.TimeoutError:
        await client.close()
        text = f"no connection to {target} in time: start msgbusd, or name the address it printed at its start"
        raise MsgbusError("unavailable", "connection_lost", text) from None
    return client


def _queue_message(
    response: v1.EnqueueFifoResponse | v1.PeekFifoResponse,
) -> QueueMessage:
    if not response.HasField("message"):
        raise without_message()
    return queue_message_from(response.message)
