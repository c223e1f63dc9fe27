"""Queues that several programs share."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType

from ._pb.v2 import msgbus_pb2 as v2
from .connection import Connection, answer, responses
from .errors import MsgbusError, ended, unsupported, without_message
from .messages import QueueMessage, queue_message_from
from .reconnect import ReconnectDelay


class Delivery:
    """A leased message. Settle it once, with ``ack`` or ``release``."""

    def __init__(self, connection: Connection, response: v2.ConsumeResponse) -> None:
        self._connection = connection
        self._lease_id = response.lease_id
        self.message: QueueMessage = queue_message_from(response.message)
        #: By the daemon's clock, milliseconds since 1970; ``extend`` does not change it.
        self.lease_until_ms: int = response.lease_until_ms

    async def ack(self) -> bool:
        """Done: removes the message. False: the lease had ended, and another consumer may have it."""
        return await self._settle(v2.Settlement(acknowledge=v2.Acknowledge()))

    async def release(self, delay: float = 0) -> bool:
        """Not done: counts an attempt and gives the message back after ``delay`` seconds."""
        return await self._settle(v2.Settlement(release=v2.Release(delay_ms=round(delay * 1000))))

    async def extend(self, lease: float = 0) -> bool:
        """Not done yet: keeps it for ``lease`` seconds more, from now; 0: as long as at first."""
        return await self._settle(v2.Settlement(extend=v2.Extend(lease_ms=round(lease * 1000))))

    async def _settle(self, settlement: v2.Settlement) -> bool:
        settlement.queue, settlement.lease_id = self.message.queue, self._lease_id
        request = v2.SettleRequest(settlements=[settlement])
        call = self._connection.queues.Settle(request, metadata=self._connection.metadata)
        response = await answer(call)
        return bool(response.accepted) and response.accepted[0]


class Consumer:
    """Takes messages from a queue. What is not acknowledged in time goes to another consumer.

    An asynchronous iterator; leave it with ``close``, or use it in ``async with``: then what is not settled goes back at once.
    """

    def __init__(
        self,
        connection: Connection,
        queue: str,
        max_in_flight: int,
        lease: float,
        delay: ReconnectDelay,
    ) -> None:
        self._connection = connection
        self._request = v2.ConsumeRequest(
            queue=queue, max_in_flight=max_in_flight, lease_ms=round(lease * 1000)
        )
        self._delay = delay
        self._deliveries = self._read()

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> Delivery:
        return await anext(self._deliveries)

    async def close(self) -> None:
        await self._deliveries.aclose()

    async def __aenter__(self) -> Consumer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _read(self) -> AsyncGenerator[Delivery, None]:
        while True:
            try:
                call = self._connection.queues.Consume(
                    self._request, metadata=self._connection.metadata
                )
                async with aclosing(responses(call)) as stream:
                    async for response in stream:
                        if not response.HasField("message"):
                            raise without_message()
                        self._delay.reset()
                        yield Delivery(self._connection, response)
                raise ended()
            except MsgbusError as error:
                if error.is_unsupported:
                    raise unsupported("leases; use peek_fifo and ack_fifo") from error
                if not self._connection.may_retry(error):
                    raise
            await self._delay.wait()
