from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeId(_message.Message):
    __slots__ = ("tenant_id", "bl_name", "device_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    BL_NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    bl_name: str
    device_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., bl_name: _Optional[str] = ..., device_id: _Optional[str] = ...) -> None: ...

class MessageEnvelope(_message.Message):
    __slots__ = ("id", "topic", "origin", "head_id", "payload", "headers", "created_at_ms", "deleted")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    id: str
    topic: str
    origin: NodeId
    head_id: int
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    created_at_ms: int
    deleted: bool
    def __init__(self, id: _Optional[str] = ..., topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., head_id: _Optional[int] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., created_at_ms: _Optional[int] = ..., deleted: _Optional[bool] = ...) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("topic", "origin", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: MessageEnvelope
    def __init__(self, message: _Optional[_Union[MessageEnvelope, _Mapping]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("topic", "origin", "from_head_id", "limit")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FROM_HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    from_head_id: int
    limit: int
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., from_head_id: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class FetchResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: MessageEnvelope
    def __init__(self, message: _Optional[_Union[MessageEnvelope, _Mapping]] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("topic", "origin", "from_head_id", "replay_limit")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FROM_HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    from_head_id: int
    replay_limit: int
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., from_head_id: _Optional[int] = ..., replay_limit: _Optional[int] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: MessageEnvelope
    def __init__(self, message: _Optional[_Union[MessageEnvelope, _Mapping]] = ...) -> None: ...

class GetHeadRequest(_message.Message):
    __slots__ = ("topic", "origin")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ...) -> None: ...

class GetHeadResponse(_message.Message):
    __slots__ = ("head_id", "found")
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    head_id: int
    found: bool
    def __init__(self, head_id: _Optional[int] = ..., found: _Optional[bool] = ...) -> None: ...

class TopicHead(_message.Message):
    __slots__ = ("topic", "origin", "head_id")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    head_id: int
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., head_id: _Optional[int] = ...) -> None: ...

class ListHeadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHeadsResponse(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[TopicHead]
    def __init__(self, heads: _Optional[_Iterable[_Union[TopicHead, _Mapping]]] = ...) -> None: ...

class PeerSyncState(_message.Message):
    __slots__ = ("peer", "topic", "origin", "local_head", "remote_head", "last_synced_head", "last_attempt_at_ms", "last_success_at_ms", "consecutive_failures", "last_error")
    PEER_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    LOCAL_HEAD_FIELD_NUMBER: _ClassVar[int]
    REMOTE_HEAD_FIELD_NUMBER: _ClassVar[int]
    LAST_SYNCED_HEAD_FIELD_NUMBER: _ClassVar[int]
    LAST_ATTEMPT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_SUCCESS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    peer: str
    topic: str
    origin: NodeId
    local_head: int
    remote_head: int
    last_synced_head: int
    last_attempt_at_ms: int
    last_success_at_ms: int
    consecutive_failures: int
    last_error: str
    def __init__(self, peer: _Optional[str] = ..., topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., local_head: _Optional[int] = ..., remote_head: _Optional[int] = ..., last_synced_head: _Optional[int] = ..., last_attempt_at_ms: _Optional[int] = ..., last_success_at_ms: _Optional[int] = ..., consecutive_failures: _Optional[int] = ..., last_error: _Optional[str] = ...) -> None: ...

class ListPeerSyncStatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPeerSyncStatesResponse(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[PeerSyncState]
    def __init__(self, states: _Optional[_Iterable[_Union[PeerSyncState, _Mapping]]] = ...) -> None: ...

class DeleteRangeRequest(_message.Message):
    __slots__ = ("topic", "origin", "from_head_id", "to_head_id")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FROM_HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    TO_HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    from_head_id: int
    to_head_id: int
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., from_head_id: _Optional[int] = ..., to_head_id: _Optional[int] = ...) -> None: ...

class DeleteRangeResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class FifoMessage(_message.Message):
    __slots__ = ("id", "queue", "topic", "source", "target", "payload", "headers", "created_at_ms", "sequence", "attempts")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    queue: str
    topic: str
    source: NodeId
    target: NodeId
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    created_at_ms: int
    sequence: int
    attempts: int
    def __init__(self, id: _Optional[str] = ..., queue: _Optional[str] = ..., topic: _Optional[str] = ..., source: _Optional[_Union[NodeId, _Mapping]] = ..., target: _Optional[_Union[NodeId, _Mapping]] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., created_at_ms: _Optional[int] = ..., sequence: _Optional[int] = ..., attempts: _Optional[int] = ...) -> None: ...

class EnqueueFifoRequest(_message.Message):
    __slots__ = ("queue", "topic", "source", "target", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    queue: str
    topic: str
    source: NodeId
    target: NodeId
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, queue: _Optional[str] = ..., topic: _Optional[str] = ..., source: _Optional[_Union[NodeId, _Mapping]] = ..., target: _Optional[_Union[NodeId, _Mapping]] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EnqueueFifoResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: FifoMessage
    def __init__(self, message: _Optional[_Union[FifoMessage, _Mapping]] = ...) -> None: ...

class PeekFifoRequest(_message.Message):
    __slots__ = ("queue",)
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    queue: str
    def __init__(self, queue: _Optional[str] = ...) -> None: ...

class PeekFifoResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: FifoMessage
    def __init__(self, message: _Optional[_Union[FifoMessage, _Mapping]] = ...) -> None: ...

class AckFifoRequest(_message.Message):
    __slots__ = ("queue", "message_id")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    queue: str
    message_id: str
    def __init__(self, queue: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class AckFifoResponse(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    def __init__(self, accepted: _Optional[bool] = ...) -> None: ...

class RejectFifoRequest(_message.Message):
    __slots__ = ("queue", "message_id")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    queue: str
    message_id: str
    def __init__(self, queue: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class RejectFifoResponse(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    def __init__(self, accepted: _Optional[bool] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("status", "node")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    status: str
    node: NodeId
    def __init__(self, status: _Optional[str] = ..., node: _Optional[_Union[NodeId, _Mapping]] = ...) -> None: ...

class ReadyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadyResponse(_message.Message):
    __slots__ = ("ready", "status", "error", "node")
    READY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    status: str
    error: str
    node: NodeId
    def __init__(self, ready: _Optional[bool] = ..., status: _Optional[str] = ..., error: _Optional[str] = ..., node: _Optional[_Union[NodeId, _Mapping]] = ...) -> None: ...
