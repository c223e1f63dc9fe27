"""What a subscription remembers of each log, so that a start from another place repeats nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ._pb.v2 import msgbus_pb2 as v2
from .messages import NodeId, node_from

#: Beyond it logs are served, but not remembered.
_MOST_LOGS = 100_000


@dataclass(slots=True)
class KnownLog:
    topic: str
    origin: NodeId
    last_head: int = 0
    last_id: str = ""
    #: Messages up to this head came before and are left out.
    skip_to: int = 0


class KnownLogs:
    def __init__(self) -> None:
        self._logs: dict[tuple[str, NodeId], KnownLog] = {}

    def find(self, before: KnownLog | None, wire: v2.Message) -> KnownLog:
        """The log of a message, whose absent names are those of the log before."""
        topic = wire.topic or (before.topic if before else "")
        origin = node_from(wire.origin)
        if before is not None and not wire.HasField("origin"):
            origin = before.origin
        log = self._logs.get((topic, origin))
        if log is None:
            log = KnownLog(topic, origin)
            if len(self._logs) < _MOST_LOGS:
                self._logs[topic, origin] = log
        return log

    def skip_seen(self) -> None:
        """For the same store and another start: nothing seen comes again."""
        for log in self._logs.values():
            log.skip_to = log.last_head

    async def skip_confirmed(self, id_at: Callable[[KnownLog], Awaitable[str]]) -> None:
        """For another store: a log whose last message is still there goes on behind it, others are new."""
        for log in self._logs.values():
            log.skip_to = 0
            if log.last_head > 0 and await id_at(log) == log.last_id:
                log.skip_to = log.last_head
