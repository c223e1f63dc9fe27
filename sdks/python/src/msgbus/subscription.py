"""Subscriptions by filter, over many logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Literal, Union

from ._pb.v2 import msgbus_pb2 as v2
from .connection import Connection, answer, responses
from .errors import MsgbusError, ended, unsupported
from .filters import check_filter, is_exact
from .known_logs import KnownLog, KnownLogs
from .log_reader import DEFAULT_REPLAY_LIMIT, LogReader, read_page
from .messages import NO_HEADERS, Message, NodeId, Position, node_from, node_to_v1, node_to_v2
from .reconnect import ReconnectDelay
from ._pb.v1 import msgbus_pb2 as v1

#: ``earliest``: everything stored; ``now``: what comes; ``last``: the newest message of each log, then what comes; a number: from
#: this head id on, for filters without wildcards; a position: behind it.
Start = Union[Literal["earliest", "now", "last"], int, Position]

#: What to do when the daemon's store was made anew: begin at the earliest and leave out what is still the same, go on with what
#: comes, or fail with the reason ``bad_position``.
HistoryChange = Literal["earliest", "now", "fail"]


class Subscription:
    """Every message that a filter matches, each once, over as many connections as that takes.

    An asynchronous iterator; leave it with ``close``, or use it in ``async with``. It ends with a MsgbusError when trying again
    cannot help.
    """

    def __init__(
        self,
        connection: Connection,
        filter: str,
        start: Start,
        origin: NodeId | None,
        stored_only: bool,
        history_changed: HistoryChange,
        delay: ReconnectDelay,
        on_reconnect: Callable[[MsgbusError], None] | None,
    ) -> None:
        check_filter(filter)
        if isinstance(start, int) and not is_exact(filter):
            text = f"a head id counts in one log: it cannot start the filter {filter!r}"
            raise MsgbusError("invalid_argument", "bad_argument", text)
        if isinstance(start, Position) and start.epoch == "":
            start = start.sequence + 1
        self._connection = connection
        self._filter = filter
        self._start: Start = max(1, start) if isinstance(start, int) else start
        self._origin = origin
        self._stored_only = stored_only
        self._history_changed = history_changed
        self._delay = delay
        self._on_reconnect = on_reconnect
        self._position: Position | None = None
        self._known = KnownLogs()
        #: The store was made anew, and what to leave out is decided already.
        self._is_anew = False
        self._messages = self._read()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Message:
        return await anext(self._messages)

    async def close(self) -> None:
        await self._messages.aclose()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _read(self) -> AsyncGenerator[Message, None]:
        while True:
            try:
                async with aclosing(self._attempt()) as attempt:
                    async for message in attempt:
                        yield message
                raise ended()
            except MsgbusError as error:
                cause = await self._start_anew(error)
                if cause.is_unsupported:
                    break
                if not self._connection.may_retry(cause):
                    raise cause from error
                if self._on_reconnect is not None:
                    self._on_reconnect(cause)
            await self._delay.wait()
        async with aclosing(await self._read_v1()) as log:
            async for message in log:
                yield message

    async def _attempt(self) -> AsyncGenerator[Message, None]:
        if isinstance(self._start, int) and self._origin is None:
            # A head id counts in one log: the daemon's own, as in v1.
            health = self._connection.v1.Health(
                v1.HealthRequest(), metadata=self._connection.metadata
            )
            self._origin = node_from((await answer(health)).node)
        request = v2.SubscribeRequest(
            filter=self._filter,
            origin=node_to_v2(self._origin),
            start=self._next_start(),
            # Heads count what is stored.
            stored_only=self._stored_only or isinstance(self._start, int),
        )
        call = self._connection.bus.Subscribe(request, metadata=self._connection.metadata)
        async with aclosing(responses(call)) as stream:
            async for response in stream:
                self._delay.reset()
                for message in self._accept(response):
                    yield message
                if response.HasField("position"):
                    position = response.position
                    self._position = Position(position.epoch, position.sequence)

    def _next_start(self) -> v2.Start:
        if self._position is not None:
            return _wire_start(self._position)
        # Broken off before there was a position: begin again and leave out what came already.
        if self._is_anew:
            self._is_anew = False
        else:
            self._known.skip_seen()
        return _wire_start(self._start)

    def _accept(self, response: v2.SubscribeResponse) -> list[Message]:
        # The position comes with the last of several responses; in between the sequence of a message is its position
        # as well, but for the last values of a start at "last".
        epoch = self._position.epoch if self._position else ""
        if response.HasField("position"):
            epoch = response.position.epoch
        ready = []
        log: KnownLog | None = None
        place = self._position
        for wire in response.messages:
            # Absent names repeat those of the message before.
            if log is None or wire.topic or wire.HasField("origin"):
                log = self._known.find(log, wire)
            # Head 0: not stored, so it has no place and moves none.
            if wire.head_id > 0:
                is_before = isinstance(self._start, int) and wire.head_id < self._start
                if wire.head_id <= log.skip_to or is_before:
                    continue
                log.last_head, log.last_id = wire.head_id, wire.id
                if epoch:
                    place = Position(epoch, wire.sequence)
            ready.append(
                Message(
                    id=wire.id,
                    topic=log.topic,
                    origin=log.origin,
                    head_id=wire.head_id,
                    payload=wire.payload,
                    headers=dict(wire.headers) if wire.headers else NO_HEADERS,
                    created_at_ms=wire.created_at_ms,
                    deleted=wire.deleted,
                    position=place,
                )
            )
        self._position = place
        return ready

    async def _start_anew(self, cause: MsgbusError) -> MsgbusError:
        """What follows from a failure: the same, or, when the store was made anew, one after which it goes on."""
        if cause.reason != "bad_position" or self._history_changed == "fail":
            return cause
        if self._history_changed == "now":
            self._start = "now"
        else:
            try:
                await self._known.skip_confirmed(self._id_at)
            except MsgbusError as error:
                return error
            self._start = "earliest"
        self._position, self._is_anew = None, True
        return MsgbusError("unavailable", "bad_position", "the daemon's store was made anew")

    async def _id_at(self, log: KnownLog) -> str:
        page = read_page(self._connection, log.topic, log.origin, log.last_head, 1)
        async with aclosing(page):
            async for message in page:
                return message.id if message.head_id == log.last_head else ""
        return ""

    async def _read_v1(self) -> AsyncGenerator[Message, None]:
        """From a daemon that only speaks v1."""
        if not is_exact(self._filter):
            raise unsupported("filters with wildcards")
        start = self._start
        if isinstance(start, Position):
            # A place in the commit order of a daemon that spoke v2 says nothing here.
            if self._history_changed == "fail":
                text = "the position was taken from another daemon than this one, which speaks v1 only"
                raise MsgbusError("failed_precondition", "bad_position", text)
            start = "now" if self._history_changed == "now" else "earliest"
        head = start if isinstance(start, int) else 1
        if start in ("now", "last"):
            request = v1.GetHeadRequest(topic=self._filter, origin=node_to_v1(self._origin))
            call = self._connection.v1.GetHead(request, metadata=self._connection.metadata)
            last = (await answer(call)).head_id
            head = last + 1 if start == "now" else last
        reader = LogReader(
            self._connection, self._filter, self._origin, head, DEFAULT_REPLAY_LIMIT, self._delay
        )
        return reader.messages()


def _wire_start(start: Start) -> v2.Start:
    if isinstance(start, Position):
        return v2.Start(after=v2.Position(epoch=start.epoch, sequence=start.sequence))
    if isinstance(start, int):
        return v2.Start(head_id=start)
    if start == "now":
        return v2.Start(now=v2.Now())
    if start == "last":
        return v2.Start(last=v2.Last())
    return v2.Start(earliest=v2.Earliest())
