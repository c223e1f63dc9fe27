"""What is stored, and where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ._pb.v1 import msgbus_pb2 as v1
from ._pb.v2 import msgbus_pb2 as v2

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class NodeId:
    """Names a daemon."""

    tenant_id: str
    bl_name: str
    device_id: str

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.bl_name}/{self.device_id}"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the commit order of one daemon's store; programs may keep it."""

    #: Names the store; it changes when the store is made anew. Empty on daemons that only speak v1.
    epoch: str
    #: The place; the head id when ``epoch`` is empty.
    sequence: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a log, or, with head id 0, one that was not stored."""

    id: str
    topic: str
    origin: NodeId
    head_id: int
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    created_at_ms: int = 0
    deleted: bool = False
    #: Where a subscription goes on behind this message; None while there is no place.
    position: Position | None = None

    @property
    def text(self) -> str:
        """The payload as UTF-8; what is none shows as U+FFFD."""
        return self.payload.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Of a stored message."""

    head_id: int
    id: str
    created_at_ms: int
    #: Stored before under the same publish id.
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class TopicHead:
    """The last head id of one log."""

    topic: str
    origin: NodeId
    head_id: int


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message in a queue."""

    id: str
    queue: str
    topic: str
    sequence: int
    payload: bytes
    headers: Mapping[str, str]
    created_at_ms: int
    attempts: int

    @property
    def text(self) -> str:
        return self.payload.decode(errors="replace")


def node_from(wire: v1.NodeId | v2.NodeId) -> NodeId:
    return NodeId(wire.tenant_id, wire.bl_name, wire.device_id)


def node_to_v1(node: NodeId | None) -> v1.NodeId | None:
    if node is None:
        return None
    return v1.NodeId(tenant_id=node.tenant_id, bl_name=node.bl_name, device_id=node.device_id)


def node_to_v2(node: NodeId | None) -> v2.NodeId | None:
    if node is None:
        return None
    return v2.NodeId(tenant_id=node.tenant_id, bl_name=node.bl_name, device_id=node.device_id)


def message_from(wire: v1.MessageEnvelope) -> Message:
    return Message(
        id=wire.id,
        topic=wire.topic,
        origin=node_from(wire.origin),
        head_id=wire.head_id,
        payload=wire.payload,
        headers=dict(wire.headers) if wire.headers else NO_HEADERS,
        created_at_ms=wire.created_at_ms,
        deleted=wire.deleted,
        position=Position("", wire.head_id),
    )


def queue_message_from(wire: v1.FifoMessage | v2.QueueMessage) -> QueueMessage:
    return QueueMessage(
        id=wire.id,
        queue=wire.queue,
        topic=wire.topic,
        sequence=wire.sequence,
        payload=wire.payload,
        headers=dict(wire.headers),
        created_at_ms=wire.created_at_ms,
        attempts=wire.attempts,
    )
