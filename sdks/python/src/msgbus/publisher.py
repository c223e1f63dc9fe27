"""Publishing many messages with few frames."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ._pb.v1 import msgbus_pb2 as v1
from ._pb.v2 import msgbus_pb2 as v2
from .connection import Connection, answer, responses, writing
from .errors import MsgbusError, ended, from_status, without_message
from .messages import Receipt
from .reconnect import ReconnectDelay

#: While so many are on their way, smaller batches wait and grow.
_BUSY_BATCHES = 2

#: Failures of a stream that may be the fault of one of its messages.
_FAULTS_OF_MESSAGES = frozenset(
    {"invalid_argument", "resource_exhausted", "out_of_range", "internal", "unknown"}
)

_UNAVAILABLE = 14


class IdMaker:
    """Publish ids that no other process makes: a random beginning and a number."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(12)
        self._numbers = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


@dataclass(slots=True)
class _Entry:
    topic: str
    payload: bytes
    headers: Mapping[str, str]
    publish_id: str
    bytes: int
    receipt: asyncio.Future[Receipt]


@dataclass(slots=True)
class _Batch:
    id: int
    entries: list[_Entry]


class Publisher:
    """Batches clock themselves: what is published while batches are on their way goes with the next one. What has no answer when
    the connection breaks is sent again with the same publish ids: no loss, no repetition, same order.

    A daemon that only speaks v1 gets single calls in order; it knows no publish ids, so nothing is repeated there.
    """

    def __init__(
        self,
        connection: Connection,
        max_in_flight_messages: int,
        max_in_flight_bytes: int,
        max_batch_messages: int,
        max_batch_bytes: int,
        give_up_after: float,
        delay: ReconnectDelay,
    ) -> None:
        self._connection = connection
        self._max_in_flight_messages = max_in_flight_messages
        self._max_in_flight_bytes = max_in_flight_bytes
        self._max_batch_messages = min(max_batch_messages, 10_000)
        self._max_batch_bytes = max_batch_bytes
        self._give_up_after = give_up_after
        self._delay = delay
        self._ids = IdMaker()
        self._waiting: deque[_Entry] = deque()
        self._in_flight: deque[_Batch] = deque()
        self._batch_ids = itertools.count(1)
        self._messages = 0
        self._bytes = 0
        #: So many of the first messages go alone, to find out which of them broke a stream.
        self._careful = 0
        self._failing_since: float | None = None
        self._is_closing = False
        #: Whoever waits for anything waits for this, and looks again.
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._run())

    async def publish(
        self,
        topic: str,
        payload: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        publish_id: str = "",
    ) -> Receipt:
        """Returns when the message is as durable as the daemon is configured; raises when it is refused."""
        return await (await self.start(topic, payload, headers, publish_id))

    async def start(
        self,
        topic: str,
        payload: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        publish_id: str = "",
    ) -> asyncio.Future[Receipt]:
        """Accepts a message, after waiting for room; await the result for its receipt. The order of calls is the order of messages."""
        data = payload.encode() if isinstance(payload, str) else payload
        own = dict(headers or {})
        size = len(data) + sum(len(key) + len(value) for key, value in own.items())
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(size))
            if self._is_closing:
                raise MsgbusError("cancelled", "cancelled", "the publisher is closed")
            receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
            entry = _Entry(topic, data, own, publish_id or self._ids.next(), size, receipt)
            self._waiting.append(entry)
            self._messages += 1
            self._bytes += size
            self._changed.notify_all()
        return receipt

    async def flush(self) -> None:
        """Returns when everything accepted before is answered."""
        async with self._changed:
            waiting = [entry.receipt for batch in self._in_flight for entry in batch.entries]
            waiting += [entry.receipt for entry in self._waiting]
        if waiting:
            await asyncio.wait(waiting)

    async def close(self) -> None:
        """Flushes, then ends. May be called twice."""
        async with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        await self.flush()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Publisher:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _has_room(self, size: int) -> bool:
        if self._is_closing or self._messages == 0:
            return True
        fits = self._bytes + size <= self._max_in_flight_bytes
        return self._messages < self._max_in_flight_messages and fits

    async def _run(self) -> None:
        deliver = self._deliver_by_stream
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._waiting))
            try:
                await deliver()
            except MsgbusError as error:
                unanswered = self._put_back()
                if error.is_unsupported:
                    deliver = self._deliver_singly
                else:
                    await self._recover(error, unanswered)

    async def _deliver_by_stream(self) -> None:
        call = self._connection.bus.PublishStream(metadata=self._connection.metadata)
        async with writing(self._write(call)), aclosing(responses(call)) as stream:
            async for response in stream:
                # A daemon that starts or stops refuses for now; the whole batch is tried again.
                for result in response.results:
                    if result.HasField("refusal") and result.refusal.code == _UNAVAILABLE:
                        raise _refusal(result.refusal)
                await self._settle(response)
        raise ended()

    async def _write(self, call: Any) -> None:
        while True:
            batch = await self._next_batch()
            messages = []
            topic = ""
            for entry in batch.entries:
                # Absent: that of the message before.
                messages.append(
                    v2.OutgoingMessage(
                        topic="" if entry.topic == topic else entry.topic,
                        payload=entry.payload,
                        headers=entry.headers,
                        publish_id=entry.publish_id,
                    )
                )
                topic = entry.topic
            await call.write(v2.PublishStreamRequest(batch_id=batch.id, messages=messages))

    async def _next_batch(self) -> _Batch:
        async with self._changed:
            while True:
                most = 1 if self._careful > 0 else self._max_batch_messages
                is_busy = len(self._in_flight) >= _BUSY_BATCHES and len(self._waiting) < most
                is_careful = self._careful > 0 and len(self._in_flight) > 0
                if self._waiting and not is_busy and not is_careful:
                    break
                await self._changed.wait()
            batch = _Batch(next(self._batch_ids), self._take(most))
            self._in_flight.append(batch)
            return batch

    def _take(self, most: int) -> list[_Entry]:
        taken: list[_Entry] = []
        size = 0
        while self._waiting and len(taken) < most:
            size += self._waiting[0].bytes
            if taken and size > self._max_batch_bytes:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _settle(self, response: v2.PublishStreamResponse) -> None:
        batch = self._in_flight[0] if self._in_flight else None
        if (
            batch is None
            or batch.id != response.batch_id
            or len(batch.entries) != len(response.results)
        ):
            text = "the daemon answered another batch than it got"
            raise MsgbusError("internal", "undecodable", text)
        self._in_flight.popleft()
        self._delay.reset()
        self._failing_since = None
        for entry, result in zip(batch.entries, response.results):
            if result.HasField("refusal"):
                _refuse(entry, _refusal(result.refusal))
            elif not entry.receipt.done():
                receipt = Receipt(result.head_id, result.id, result.created_at_ms, result.duplicate)
                entry.receipt.set_result(receipt)
        await self._release(batch.entries)

    async def _deliver_singly(self) -> None:
        """For daemons without the stream."""
        while True:
            batch = await self._next_batch()
            for entry in batch.entries:
                try:
                    message = await publish_once(
                        self._connection, entry.topic, entry.payload, entry.headers, ""
                    )
                except MsgbusError as error:
                    _refuse(entry, error)
                else:
                    if not entry.receipt.done():
                        entry.receipt.set_result(
                            Receipt(message.head_id, message.id, message.created_at_ms)
                        )
            self._in_flight.popleft()
            await self._release(batch.entries)

    async def _release(self, entries: list[_Entry]) -> None:
        async with self._changed:
            self._messages -= len(entries)
            self._bytes -= sum(entry.bytes for entry in entries)
            self._careful = max(0, self._careful - len(entries))
            self._changed.notify_all()

    def _put_back(self) -> int:
        """What is in flight goes to the front of what waits, in its order."""
        entries = [entry for batch in self._in_flight for entry in batch.entries]
        self._in_flight.clear()
        self._waiting.extendleft(reversed(entries))
        return len(entries)

    async def _recover(self, error: MsgbusError, unanswered: int) -> None:
        if not self._connection.may_retry(error):
            # Whom a final error concerns: one message, if it came while messages were unanswered.
            if error.code in _FAULTS_OF_MESSAGES and unanswered > 1:
                self._careful = unanswered
                return
            is_of_one = error.code in _FAULTS_OF_MESSAGES and unanswered == 1
            await self._give_up(1 if is_of_one else len(self._waiting), error)
            return
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since >= self._give_up_after:
            self._failing_since = None
            self._delay.reset()
            await self._give_up(len(self._waiting), error)
            return
        await self._delay.wait()

    async def _give_up(self, count: int, error: MsgbusError) -> None:
        entries = [self._waiting.popleft() for _ in range(count)]
        for entry in entries:
            _refuse(entry, error)
        await self._release(entries)


def _refuse(entry: _Entry, error: MsgbusError) -> None:
    if entry.receipt.done():
        return
    entry.receipt.set_exception(error)
    # Whoever only flushes never asks for it.
    entry.receipt.exception()


def _refusal(wire: v2.Refusal) -> MsgbusError:
    return from_status(wire.code, wire.reason, wire.message)


async def publish_once(
    connection: Connection, topic: str, payload: bytes, headers: Mapping[str, str], publish_id: str
) -> v1.MessageEnvelope:
    metadata = connection.metadata
    if publish_id:
        metadata = (*metadata, ("msgbus-publish-id", publish_id))
    request = v1.PublishRequest(topic=topic, payload=payload, headers=headers)
    response: v1.PublishResponse = await answer(connection.v1.Publish(request, metadata=metadata))
    if not response.HasField("message"):
        raise without_message()
    return response.message
