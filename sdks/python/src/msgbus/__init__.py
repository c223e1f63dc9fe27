"""Client of msgbus, a durable, local-first message bus. Begin with ``connect``."""

from .client import Client, connect
from .connection import Tls
from .consumer import Consumer, Delivery
from .errors import CallError, MsgbusError
from .filters import check_filter, topic_matches
from .messages import Message, NodeId, Position, QueueMessage, Receipt, TopicHead
from .procedures import CallResult, IncomingCall, Registration
from .publisher import Publisher
from .subscription import Subscription

__all__ = [
    "CallError",
    "CallResult",
    "Client",
    "Consumer",
    "Delivery",
    "IncomingCall",
    "Message",
    "MsgbusError",
    "NodeId",
    "Position",
    "Publisher",
    "QueueMessage",
    "Receipt",
    "Registration",
    "Subscription",
    "Tls",
    "TopicHead",
    "check_filter",
    "connect",
    "topic_matches",
]
