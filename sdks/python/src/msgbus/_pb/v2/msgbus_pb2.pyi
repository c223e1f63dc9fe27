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

class Message(_message.Message):
    __slots__ = ("id", "topic", "origin", "head_id", "payload", "headers", "created_at_ms", "deleted", "sequence")
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
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    topic: str
    origin: NodeId
    head_id: int
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    created_at_ms: int
    deleted: bool
    sequence: int
    def __init__(self, id: _Optional[str] = ..., topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., head_id: _Optional[int] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., created_at_ms: _Optional[int] = ..., deleted: _Optional[bool] = ..., sequence: _Optional[int] = ...) -> None: ...

class OutgoingMessage(_message.Message):
    __slots__ = ("topic", "payload", "headers", "publish_id")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_ID_FIELD_NUMBER: _ClassVar[int]
    topic: str
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    publish_id: str
    def __init__(self, topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., publish_id: _Optional[str] = ...) -> None: ...

class PublishStreamRequest(_message.Message):
    __slots__ = ("batch_id", "messages", "live", "realtime")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    messages: _containers.RepeatedCompositeFieldContainer[OutgoingMessage]
    live: bool
    realtime: bool
    def __init__(self, batch_id: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[OutgoingMessage, _Mapping]]] = ..., live: _Optional[bool] = ..., realtime: _Optional[bool] = ..., **kwargs) -> None: ...

class PublishStreamResponse(_message.Message):
    __slots__ = ("batch_id", "results")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    results: _containers.RepeatedCompositeFieldContainer[PublishResult]
    def __init__(self, batch_id: _Optional[int] = ..., results: _Optional[_Iterable[_Union[PublishResult, _Mapping]]] = ...) -> None: ...

class PublishResult(_message.Message):
    __slots__ = ("head_id", "id", "created_at_ms", "duplicate", "refusal", "sequence")
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    head_id: int
    id: str
    created_at_ms: int
    duplicate: bool
    refusal: Refusal
    sequence: int
    def __init__(self, head_id: _Optional[int] = ..., id: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., duplicate: _Optional[bool] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "reason", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("filter", "origin", "start", "max_batch", "heads_only", "stored_only")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    HEADS_ONLY_FIELD_NUMBER: _ClassVar[int]
    STORED_ONLY_FIELD_NUMBER: _ClassVar[int]
    filter: str
    origin: NodeId
    start: Start
    max_batch: int
    heads_only: bool
    stored_only: bool
    def __init__(self, filter: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., start: _Optional[_Union[Start, _Mapping]] = ..., max_batch: _Optional[int] = ..., heads_only: _Optional[bool] = ..., stored_only: _Optional[bool] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("now", "earliest", "last", "after", "head_id")
    NOW_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    now: Now
    earliest: Earliest
    last: Last
    after: Position
    head_id: int
    def __init__(self, now: _Optional[_Union[Now, _Mapping]] = ..., earliest: _Optional[_Union[Earliest, _Mapping]] = ..., last: _Optional[_Union[Last, _Mapping]] = ..., after: _Optional[_Union[Position, _Mapping]] = ..., head_id: _Optional[int] = ...) -> None: ...

class Now(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Earliest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Last(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Position(_message.Message):
    __slots__ = ("epoch", "sequence")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    sequence: int
    def __init__(self, epoch: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("messages", "position", "caught_up", "damaged")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    position: Position
    caught_up: bool
    damaged: _containers.RepeatedCompositeFieldContainer[DamagedRange]
    def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., position: _Optional[_Union[Position, _Mapping]] = ..., caught_up: _Optional[bool] = ..., damaged: _Optional[_Iterable[_Union[DamagedRange, _Mapping]]] = ...) -> None: ...

class DamagedRange(_message.Message):
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

class ListLogsRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: str
    def __init__(self, filter: _Optional[str] = ...) -> None: ...

class ListLogsResponse(_message.Message):
    __slots__ = ("logs",)
    LOGS_FIELD_NUMBER: _ClassVar[int]
    logs: _containers.RepeatedCompositeFieldContainer[LogInfo]
    def __init__(self, logs: _Optional[_Iterable[_Union[LogInfo, _Mapping]]] = ...) -> None: ...

class LogInfo(_message.Message):
    __slots__ = ("topic", "origin", "head_id", "trimmed_to", "stored_bytes", "last_sequence")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    HEAD_ID_FIELD_NUMBER: _ClassVar[int]
    TRIMMED_TO_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    topic: str
    origin: NodeId
    head_id: int
    trimmed_to: int
    stored_bytes: int
    last_sequence: int
    def __init__(self, topic: _Optional[str] = ..., origin: _Optional[_Union[NodeId, _Mapping]] = ..., head_id: _Optional[int] = ..., trimmed_to: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class SendRequest(_message.Message):
    __slots__ = ("target", "payload", "realtime")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    target: str
    payload: bytes
    realtime: bool
    def __init__(self, target: _Optional[str] = ..., payload: _Optional[bytes] = ..., realtime: _Optional[bool] = ..., **kwargs) -> None: ...

class SendResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BroadcastRequest(_message.Message):
    __slots__ = ("mask", "payload", "realtime")
    MASK_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    mask: str
    payload: bytes
    realtime: bool
    def __init__(self, mask: _Optional[str] = ..., payload: _Optional[bytes] = ..., realtime: _Optional[bool] = ..., **kwargs) -> None: ...

class BroadcastResponse(_message.Message):
    __slots__ = ("receivers",)
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    receivers: int
    def __init__(self, receivers: _Optional[int] = ...) -> None: ...

class CallRequest(_message.Message):
    __slots__ = ("procedure", "payload", "headers", "timeout_ms")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROCEDURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    procedure: str
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    timeout_ms: int
    def __init__(self, procedure: _Optional[str] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., timeout_ms: _Optional[int] = ..., **kwargs) -> None: ...

class CallResponse(_message.Message):
    __slots__ = ("result", "failure")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    result: CallResult
    failure: CallFailure
    def __init__(self, result: _Optional[_Union[CallResult, _Mapping]] = ..., failure: _Optional[_Union[CallFailure, _Mapping]] = ...) -> None: ...

class CallResult(_message.Message):
    __slots__ = ("payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CallFailure(_message.Message):
    __slots__ = ("name", "message", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    message: str
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., message: _Optional[str] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("registration", "answers", "withdraw")
    REGISTRATION_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_FIELD_NUMBER: _ClassVar[int]
    registration: Registration
    answers: _containers.RepeatedCompositeFieldContainer[CallAnswer]
    withdraw: bool
    def __init__(self, registration: _Optional[_Union[Registration, _Mapping]] = ..., answers: _Optional[_Iterable[_Union[CallAnswer, _Mapping]]] = ..., withdraw: _Optional[bool] = ...) -> None: ...

class Registration(_message.Message):
    __slots__ = ("procedures",)
    PROCEDURES_FIELD_NUMBER: _ClassVar[int]
    procedures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, procedures: _Optional[_Iterable[str]] = ...) -> None: ...

class CallAnswer(_message.Message):
    __slots__ = ("id", "result", "failure", "refusal")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    id: int
    result: CallResult
    failure: CallFailure
    refusal: Refusal
    def __init__(self, id: _Optional[int] = ..., result: _Optional[_Union[CallResult, _Mapping]] = ..., failure: _Optional[_Union[CallFailure, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("registered", "invocations", "cancellations")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    INVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    CANCELLATIONS_FIELD_NUMBER: _ClassVar[int]
    registered: Registered
    invocations: _containers.RepeatedCompositeFieldContainer[Invocation]
    cancellations: _containers.RepeatedCompositeFieldContainer[Cancellation]
    def __init__(self, registered: _Optional[_Union[Registered, _Mapping]] = ..., invocations: _Optional[_Iterable[_Union[Invocation, _Mapping]]] = ..., cancellations: _Optional[_Iterable[_Union[Cancellation, _Mapping]]] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Invocation(_message.Message):
    __slots__ = ("id", "procedure", "payload", "headers", "caller")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    PROCEDURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    id: int
    procedure: str
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    caller: str
    def __init__(self, id: _Optional[int] = ..., procedure: _Optional[str] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., caller: _Optional[str] = ...) -> None: ...

class Cancellation(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("name", "replace", "presence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    replace: bool
    presence: str
    def __init__(self, name: _Optional[str] = ..., replace: _Optional[bool] = ..., presence: _Optional[str] = ...) -> None: ...

class JoinResponse(_message.Message):
    __slots__ = ("joined", "messages", "presence")
    JOINED_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    joined: Joined
    messages: _containers.RepeatedCompositeFieldContainer[ReceivedMessage]
    presence: _containers.RepeatedCompositeFieldContainer[PresenceChange]
    def __init__(self, joined: _Optional[_Union[Joined, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[ReceivedMessage, _Mapping]]] = ..., presence: _Optional[_Iterable[_Union[PresenceChange, _Mapping]]] = ...) -> None: ...

class Joined(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReceivedMessage(_message.Message):
    __slots__ = ("sender", "payload", "broadcast", "realtime")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    BROADCAST_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FIELD_NUMBER: _ClassVar[int]
    sender: str
    payload: bytes
    broadcast: bool
    realtime: bool
    def __init__(self, sender: _Optional[str] = ..., payload: _Optional[bytes] = ..., broadcast: _Optional[bool] = ..., realtime: _Optional[bool] = ...) -> None: ...

class PresenceChange(_message.Message):
    __slots__ = ("name", "secondary", "protocol", "joined", "left", "replaced")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    name: str
    secondary: bool
    protocol: str
    joined: ClientJoined
    left: ClientLeft
    replaced: ClientReplaced
    def __init__(self, name: _Optional[str] = ..., secondary: _Optional[bool] = ..., protocol: _Optional[str] = ..., joined: _Optional[_Union[ClientJoined, _Mapping]] = ..., left: _Optional[_Union[ClientLeft, _Mapping]] = ..., replaced: _Optional[_Union[ClientReplaced, _Mapping]] = ...) -> None: ...

class ClientJoined(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClientLeft(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ClientReplaced(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SendStreamRequest(_message.Message):
    __slots__ = ("batch_id", "messages")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    messages: _containers.RepeatedCompositeFieldContainer[Dispatch]
    def __init__(self, batch_id: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[Dispatch, _Mapping]]] = ..., **kwargs) -> None: ...

class Dispatch(_message.Message):
    __slots__ = ("target", "mask", "payload", "realtime")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REALTIME_FIELD_NUMBER: _ClassVar[int]
    target: str
    mask: str
    payload: bytes
    realtime: bool
    def __init__(self, target: _Optional[str] = ..., mask: _Optional[str] = ..., payload: _Optional[bytes] = ..., realtime: _Optional[bool] = ...) -> None: ...

class SendStreamResponse(_message.Message):
    __slots__ = ("batch_id", "results")
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    batch_id: int
    results: _containers.RepeatedCompositeFieldContainer[DispatchResult]
    def __init__(self, batch_id: _Optional[int] = ..., results: _Optional[_Iterable[_Union[DispatchResult, _Mapping]]] = ...) -> None: ...

class DispatchResult(_message.Message):
    __slots__ = ("receivers", "refusal")
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    receivers: int
    refusal: Refusal
    def __init__(self, receivers: _Optional[int] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class ListClientsRequest(_message.Message):
    __slots__ = ("mask",)
    MASK_FIELD_NUMBER: _ClassVar[int]
    mask: str
    def __init__(self, mask: _Optional[str] = ...) -> None: ...

class ListClientsResponse(_message.Message):
    __slots__ = ("clients",)
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    clients: _containers.RepeatedCompositeFieldContainer[ClientInfo]
    def __init__(self, clients: _Optional[_Iterable[_Union[ClientInfo, _Mapping]]] = ...) -> None: ...

class ClientInfo(_message.Message):
    __slots__ = ("id", "name", "user", "protocol", "transport", "source", "listener", "connected_at_ms", "received_frames", "received_bytes", "sent_frames", "sent_bytes", "subscriptions", "instances", "queued_bytes", "congested")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SENT_FRAMES_FIELD_NUMBER: _ClassVar[int]
    SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    QUEUED_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONGESTED_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    user: str
    protocol: str
    transport: str
    source: str
    listener: str
    connected_at_ms: int
    received_frames: int
    received_bytes: int
    sent_frames: int
    sent_bytes: int
    subscriptions: int
    instances: int
    queued_bytes: int
    congested: bool
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., user: _Optional[str] = ..., protocol: _Optional[str] = ..., transport: _Optional[str] = ..., source: _Optional[str] = ..., listener: _Optional[str] = ..., connected_at_ms: _Optional[int] = ..., received_frames: _Optional[int] = ..., received_bytes: _Optional[int] = ..., sent_frames: _Optional[int] = ..., sent_bytes: _Optional[int] = ..., subscriptions: _Optional[int] = ..., instances: _Optional[int] = ..., queued_bytes: _Optional[int] = ..., congested: _Optional[bool] = ...) -> None: ...

class QueueMessage(_message.Message):
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

class OutgoingQueueMessage(_message.Message):
    __slots__ = ("queue", "topic", "target", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    queue: str
    topic: str
    target: NodeId
    payload: bytes
    headers: _containers.ScalarMap[str, str]
    def __init__(self, queue: _Optional[str] = ..., topic: _Optional[str] = ..., target: _Optional[_Union[NodeId, _Mapping]] = ..., payload: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EnqueueRequest(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[OutgoingQueueMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[OutgoingQueueMessage, _Mapping]]] = ...) -> None: ...

class EnqueueResponse(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Enqueued]
    def __init__(self, messages: _Optional[_Iterable[_Union[Enqueued, _Mapping]]] = ...) -> None: ...

class Enqueued(_message.Message):
    __slots__ = ("id", "sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    sequence: int
    def __init__(self, id: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class ConsumeRequest(_message.Message):
    __slots__ = ("queue", "max_in_flight", "lease_ms")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    queue: str
    max_in_flight: int
    lease_ms: int
    def __init__(self, queue: _Optional[str] = ..., max_in_flight: _Optional[int] = ..., lease_ms: _Optional[int] = ...) -> None: ...

class ConsumeResponse(_message.Message):
    __slots__ = ("message", "lease_id", "lease_until_ms")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    message: QueueMessage
    lease_id: str
    lease_until_ms: int
    def __init__(self, message: _Optional[_Union[QueueMessage, _Mapping]] = ..., lease_id: _Optional[str] = ..., lease_until_ms: _Optional[int] = ...) -> None: ...

class SettleRequest(_message.Message):
    __slots__ = ("settlements",)
    SETTLEMENTS_FIELD_NUMBER: _ClassVar[int]
    settlements: _containers.RepeatedCompositeFieldContainer[Settlement]
    def __init__(self, settlements: _Optional[_Iterable[_Union[Settlement, _Mapping]]] = ...) -> None: ...

class Settlement(_message.Message):
    __slots__ = ("queue", "lease_id", "acknowledge", "release", "extend")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    EXTEND_FIELD_NUMBER: _ClassVar[int]
    queue: str
    lease_id: str
    acknowledge: Acknowledge
    release: Release
    extend: Extend
    def __init__(self, queue: _Optional[str] = ..., lease_id: _Optional[str] = ..., acknowledge: _Optional[_Union[Acknowledge, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., extend: _Optional[_Union[Extend, _Mapping]] = ...) -> None: ...

class Acknowledge(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Release(_message.Message):
    __slots__ = ("delay_ms",)
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    delay_ms: int
    def __init__(self, delay_ms: _Optional[int] = ...) -> None: ...

class Extend(_message.Message):
    __slots__ = ("lease_ms",)
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    lease_ms: int
    def __init__(self, lease_ms: _Optional[int] = ...) -> None: ...

class SettleResponse(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, accepted: _Optional[_Iterable[bool]] = ...) -> None: ...

class ListQueuesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListQueuesResponse(_message.Message):
    __slots__ = ("queues",)
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedCompositeFieldContainer[QueueInfo]
    def __init__(self, queues: _Optional[_Iterable[_Union[QueueInfo, _Mapping]]] = ...) -> None: ...

class QueueInfo(_message.Message):
    __slots__ = ("queue", "depth", "leased", "last_sequence", "oldest_at_ms", "consumers", "forwarding")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    FORWARDING_FIELD_NUMBER: _ClassVar[int]
    queue: str
    depth: int
    leased: int
    last_sequence: int
    oldest_at_ms: int
    consumers: int
    forwarding: QueueForwarding
    def __init__(self, queue: _Optional[str] = ..., depth: _Optional[int] = ..., leased: _Optional[int] = ..., last_sequence: _Optional[int] = ..., oldest_at_ms: _Optional[int] = ..., consumers: _Optional[int] = ..., forwarding: _Optional[_Union[QueueForwarding, _Mapping]] = ...) -> None: ...

class QueueForwarding(_message.Message):
    __slots__ = ("target", "queue", "state", "attempts", "last_error")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    target: str
    queue: str
    state: str
    attempts: int
    last_error: str
    def __init__(self, target: _Optional[str] = ..., queue: _Optional[str] = ..., state: _Optional[str] = ..., attempts: _Optional[int] = ..., last_error: _Optional[str] = ...) -> None: ...

class PurgeQueueRequest(_message.Message):
    __slots__ = ("queue",)
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    queue: str
    def __init__(self, queue: _Optional[str] = ...) -> None: ...

class PurgeQueueResponse(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("node", "version", "storage", "durability", "epoch", "data_folder", "started_at_ms", "ready", "error", "logs", "last_sequence", "stored_bytes", "last_commit_age_ms", "damaged_records", "subscriptions", "queues", "listeners", "resident_bytes", "free_disk_bytes", "history_logs", "history_bytes")
    NODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DATA_FOLDER_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_COMMIT_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    LISTENERS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_LOGS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    node: NodeId
    version: str
    storage: str
    durability: str
    epoch: str
    data_folder: str
    started_at_ms: int
    ready: bool
    error: str
    logs: int
    last_sequence: int
    stored_bytes: int
    last_commit_age_ms: int
    damaged_records: int
    subscriptions: int
    queues: int
    listeners: _containers.RepeatedCompositeFieldContainer[Listener]
    resident_bytes: int
    free_disk_bytes: int
    history_logs: int
    history_bytes: int
    def __init__(self, node: _Optional[_Union[NodeId, _Mapping]] = ..., version: _Optional[str] = ..., storage: _Optional[str] = ..., durability: _Optional[str] = ..., epoch: _Optional[str] = ..., data_folder: _Optional[str] = ..., started_at_ms: _Optional[int] = ..., ready: _Optional[bool] = ..., error: _Optional[str] = ..., logs: _Optional[int] = ..., last_sequence: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., last_commit_age_ms: _Optional[int] = ..., damaged_records: _Optional[int] = ..., subscriptions: _Optional[int] = ..., queues: _Optional[int] = ..., listeners: _Optional[_Iterable[_Union[Listener, _Mapping]]] = ..., resident_bytes: _Optional[int] = ..., free_disk_bytes: _Optional[int] = ..., history_logs: _Optional[int] = ..., history_bytes: _Optional[int] = ...) -> None: ...

class Listener(_message.Message):
    __slots__ = ("protocol", "address", "tls")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    address: str
    tls: bool
    def __init__(self, protocol: _Optional[str] = ..., address: _Optional[str] = ..., tls: _Optional[bool] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class BackupRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BackupResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("repair",)
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    repair: bool
    def __init__(self, repair: _Optional[bool] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("records_checked", "damaged", "done", "repaired")
    RECORDS_CHECKED_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    records_checked: int
    damaged: _containers.RepeatedCompositeFieldContainer[DamagedRange]
    done: bool
    repaired: int
    def __init__(self, records_checked: _Optional[int] = ..., damaged: _Optional[_Iterable[_Union[DamagedRange, _Mapping]]] = ..., done: _Optional[bool] = ..., repaired: _Optional[int] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("user", "groups", "method", "open")
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    method: str
    open: bool
    def __init__(self, user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., method: _Optional[str] = ..., open: _Optional[bool] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("user", "client_name", "action", "resource")
    USER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    user: str
    client_name: str
    action: str
    resource: str
    def __init__(self, user: _Optional[str] = ..., client_name: _Optional[str] = ..., action: _Optional[str] = ..., resource: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("allowed", "rule", "user", "groups")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    rule: str
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, allowed: _Optional[bool] = ..., rule: _Optional[str] = ..., user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainTopicRequest(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: str
    def __init__(self, topic: _Optional[str] = ...) -> None: ...

class ExplainTopicResponse(_message.Message):
    __slots__ = ("receivers", "store")
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    receivers: _containers.RepeatedCompositeFieldContainer[TopicReceiver]
    store: str
    def __init__(self, receivers: _Optional[_Iterable[_Union[TopicReceiver, _Mapping]]] = ..., store: _Optional[str] = ...) -> None: ...

class TopicReceiver(_message.Message):
    __slots__ = ("name", "user", "protocol", "source", "filters", "receives", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    RECEIVES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    user: str
    protocol: str
    source: str
    filters: _containers.RepeatedScalarFieldContainer[str]
    receives: bool
    reason: str
    def __init__(self, name: _Optional[str] = ..., user: _Optional[str] = ..., protocol: _Optional[str] = ..., source: _Optional[str] = ..., filters: _Optional[_Iterable[str]] = ..., receives: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ReloadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadResponse(_message.Message):
    __slots__ = ("notes",)
    NOTES_FIELD_NUMBER: _ClassVar[int]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, notes: _Optional[_Iterable[str]] = ...) -> None: ...

class AddUserRequest(_message.Message):
    __slots__ = ("name", "password", "groups", "challenge", "replace")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    challenge: bool
    replace: bool
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., challenge: _Optional[bool] = ..., replace: _Optional[bool] = ...) -> None: ...

class AddUserResponse(_message.Message):
    __slots__ = ("closed",)
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    closed: bool
    def __init__(self, closed: _Optional[bool] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListUsersResponse(_message.Message):
    __slots__ = ("users",)
    USERS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[UserInfo]
    def __init__(self, users: _Optional[_Iterable[_Union[UserInfo, _Mapping]]] = ...) -> None: ...

class UserInfo(_message.Message):
    __slots__ = ("name", "groups", "configured", "methods")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    name: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    configured: bool
    methods: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., configured: _Optional[bool] = ..., methods: _Optional[_Iterable[str]] = ...) -> None: ...

class RevokeUserRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RevokeUserResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    def __init__(self, tokens: _Optional[int] = ...) -> None: ...

class AddTokenRequest(_message.Message):
    __slots__ = ("user", "groups", "lifetime_ms", "note")
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_MS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    lifetime_ms: int
    note: str
    def __init__(self, user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., lifetime_ms: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class AddTokenResponse(_message.Message):
    __slots__ = ("token", "id", "closed")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    token: str
    id: str
    closed: bool
    def __init__(self, token: _Optional[str] = ..., id: _Optional[str] = ..., closed: _Optional[bool] = ...) -> None: ...

class ListTokensRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTokensResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[TokenInfo]
    def __init__(self, tokens: _Optional[_Iterable[_Union[TokenInfo, _Mapping]]] = ...) -> None: ...

class TokenInfo(_message.Message):
    __slots__ = ("id", "user", "groups", "created_at_ms", "expires_at_ms", "note")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    id: str
    user: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    created_at_ms: int
    expires_at_ms: int
    note: str
    def __init__(self, id: _Optional[str] = ..., user: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., created_at_ms: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyAuditRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyAuditResponse(_message.Message):
    __slots__ = ("lines", "last_number", "last_hash", "faults")
    LINES_FIELD_NUMBER: _ClassVar[int]
    LAST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LAST_HASH_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    lines: int
    last_number: int
    last_hash: str
    faults: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[int] = ..., last_number: _Optional[int] = ..., last_hash: _Optional[str] = ..., faults: _Optional[_Iterable[str]] = ...) -> None: ...

class TailAuditRequest(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: int
    def __init__(self, lines: _Optional[int] = ...) -> None: ...

class TailAuditResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[str]] = ...) -> None: ...
