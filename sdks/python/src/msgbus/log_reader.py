"""One log, read by msgbus.v1: what is stored, then what comes, each message once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ._pb.v1 import msgbus_pb2 as v1
from .connection import Connection, responses
from .errors import MsgbusError, ended, without_message
from .messages import Message, NodeId, message_from, node_to_v1
from .reconnect import ReconnectDelay

#: Few enough to be answered quickly, and many enough to make the calls cheap.
PAGE_MESSAGES = 1000

DEFAULT_REPLAY_LIMIT = 100


async def read_page(
    connection: Connection, topic: str, origin: NodeId | None, from_head: int, limit: int
) -> AsyncGenerator[Message, None]:
    request = v1.FetchRequest(
        topic=topic, origin=node_to_v1(origin), from_head_id=from_head, limit=limit
    )
    call = connection.v1.Fetch(request, metadata=connection.metadata)
    async with aclosing(responses(call)) as stream:
        async for response in stream:
            if not response.HasField("message"):
                raise without_message()
            yield message_from(response.message)


async def read_stored(
    connection: Connection, topic: str, origin: NodeId | None, from_head: int, to_head: int | None
) -> AsyncGenerator[Message, None]:
    """Pages until the last one, or until there is no more before ``to_head``."""
    while to_head is None or from_head <= to_head:
        limit = PAGE_MESSAGES if to_head is None else min(PAGE_MESSAGES, to_head - from_head + 1)
        count = 0
        async with aclosing(read_page(connection, topic, origin, from_head, limit)) as page:
            async for message in page:
                count += 1
                from_head = max(from_head, message.head_id + 1)
                yield message
        if count == 0 or (to_head is None and count < limit):
            return


class LogReader:
    """Follows one log over as many connections as that takes."""

    def __init__(
        self,
        connection: Connection,
        topic: str,
        origin: NodeId | None,
        from_head: int,
        replay_limit: int,
        delay: ReconnectDelay,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._origin = origin
        #: The head to deliver next.
        self._next = max(1, from_head)
        self._replay_limit = replay_limit
        self._delay = delay

    async def messages(self) -> AsyncGenerator[Message, None]:
        while True:
            try:
                async with aclosing(self._attempt()) as attempt:
                    async for message in attempt:
                        self._delay.reset()
                        # Below: repeated by the daemon, or fetched already.
                        if message.head_id >= self._next:
                            self._next = message.head_id + 1
                            yield message
                raise ended()
            except MsgbusError as error:
                if not self._connection.may_retry(error):
                    raise
            await self._delay.wait()

    async def _attempt(self) -> AsyncGenerator[Message, None]:
        # What is stored is fetched page by page, since older daemons cut the replay.
        stored = read_stored(self._connection, self._topic, self._origin, self._next, None)
        async with aclosing(stored):
            async for message in stored:
                yield message
        request = v1.SubscribeRequest(
            topic=self._topic,
            origin=node_to_v1(self._origin),
            from_head_id=self._next,
            replay_limit=self._replay_limit,
        )
        call = self._connection.v1.Subscribe(request, metadata=self._connection.metadata)
        async with aclosing(responses(call)) as stream:
            async for response in stream:
                if not response.HasField("message"):
                    raise without_message()
                message = message_from(response.message)
                if message.head_id > self._next:
                    # What cannot be fetched is gone; waiting for it would stop here for good.
                    gap = read_stored(
                        self._connection, self._topic, self._origin, self._next, message.head_id - 1
                    )
                    async with aclosing(gap):
                        async for missing in gap:
                            yield missing
                yield message
