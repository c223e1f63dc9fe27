"""Runs Paho through what MQTT offers, in one version, against the port given; prints `ok STEP` for each step."""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

port, version = int(sys.argv[1]), int(sys.argv[2])
protocol = mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311
seconds = 20


def done(step):
    print(f"ok {step}", flush=True)


class Client:
    """Paho with queues: of messages, of answers to SUBSCRIBE, of connections."""

    def __init__(self, name, clean=True, will=None):
        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.subscribed = queue.Queue()
        self.ended = queue.Queue()
        clean_option = {} if version == 5 else {"clean_session": clean}
        self.mqtt = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol, **clean_option
        )
        self.mqtt.on_message = lambda _, __, message: self.messages.put(message)
        self.mqtt.on_connect = lambda _, __, flags, code, ___: self.connected.put((flags, code))
        self.mqtt.on_subscribe = lambda _, __, ___, codes, ____: self.subscribed.put(codes)
        self.mqtt.on_disconnect = lambda _, __, ___, code, ____: self.ended.put(code)
        if will is not None:
            self.mqtt.will_set("paho/will", will, qos=1)
        extra = {}
        if version == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if clean else 1000
            extra = {"clean_start": clean, "properties": properties}
        self.mqtt.connect("127.0.0.1", port, keepalive=30, **extra)
        self.mqtt.loop_start()
        flags, code = self.connected.get(timeout=seconds)
        assert not code.is_failure, code
        self.is_present = flags.session_present

    def subscribe(self, topic, qos=2, **options):
        if options:
            self.mqtt.subscribe(topic, options=SubscribeOptions(qos=qos, **options))
        else:
            self.mqtt.subscribe(topic, qos)
        codes = self.subscribed.get(timeout=seconds)
        assert [code.value for code in codes] == [qos], codes

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        extra = {} if properties is None else {"properties": properties}
        self.mqtt.publish(topic, payload, qos, retain, **extra).wait_for_publish(seconds)

    def gets(self, *payloads):
        seen = [self.messages.get(timeout=seconds) for _ in payloads]
        assert [message.payload.decode() for message in seen] == list(payloads), seen
        return seen

    def end(self):
        self.mqtt.disconnect()
        self.ended.get(timeout=seconds)
        self.mqtt.loop_stop()

    def cut(self):
        self.mqtt.loop_stop()
        self.mqtt.socket().close()


def qos():
    one, other = Client("one"), Client("other")
    one.subscribe("paho/qos/+")
    for level in (0, 1, 2):
        other.publish(f"paho/qos/{level}", str(level), level)
    seen = one.gets("0", "1", "2")
    assert [message.qos for message in seen] == [0, 1, 2]
    one.end()
    other.end()


def order():
    one, other = Client("one"), Client("other")
    one.subscribe("paho/order")
    payloads = [str(i) for i in range(500)]
    sent = [other.mqtt.publish("paho/order", payload, 1 + i % 2) for i, payload in enumerate(payloads)]
    for each in sent:
        each.wait_for_publish(seconds)
    seen = [one.messages.get(timeout=seconds) for _ in payloads]
    for level in (1, 2):
        numbers = [int(message.payload) for message in seen if message.qos == level]
        assert numbers == sorted(numbers) and len(numbers) == 250
    one.end()
    other.end()


def retained():
    one, other = Client("one"), Client("other")
    for level in (0, 1, 2):
        other.publish("paho/retained", f"kept {level}", level, retain=True)
    one.subscribe("paho/retained")
    (message,) = one.gets("kept 2")
    assert message.retain and message.qos == 2
    other.publish("paho/retained", "", 1, retain=True)
    one.gets("")
    one.end()
    other.end()


def session():
    one, other = Client("kept", clean=False), Client("other")
    assert not one.is_present
    one.subscribe("paho/session")
    one.end()
    for level in (1, 2):
        other.publish("paho/session", f"away {level}", level)
    again = Client("kept", clean=False)
    assert again.is_present
    again.gets("away 1", "away 2")
    again.end()
    clean = Client("kept")
    assert not clean.is_present
    clean.end()
    other.end()


def will():
    one = Client("one")
    one.subscribe("paho/will")
    Client("lost", will="gone").cut()
    one.gets("gone")
    one.end()


def shared():
    members = [Client(f"member {i}") for i in range(2)]
    for member in members:
        member.subscribe("$share/paho/paho/shared")
    other = Client("other")
    for i in range(10):
        other.publish("paho/shared", str(i))
    seen = sorted(int(member.messages.get(timeout=seconds).payload) for member in members for _ in range(5))
    assert seen == list(range(10)), seen
    for client in (*members, other):
        client.end()


def properties():
    one, other = Client("one"), Client("other")
    one.subscribe("paho/properties", 1, noLocal=True, retainAsPublished=True)
    given = Properties(PacketTypes.PUBLISH)
    given.ContentType = "text/plain"
    given.ResponseTopic = "paho/answer"
    given.CorrelationData = b"\x00\x01"
    given.MessageExpiryInterval = 100
    given.UserProperty = ("b", "1")
    given.UserProperty = ("a", "2")
    one.publish("paho/properties", "own")
    other.publish("paho/properties", "x", 1, True, given)
    (message,) = one.gets("x")
    seen = message.properties
    assert message.retain
    assert (seen.ContentType, seen.ResponseTopic) == ("text/plain", "paho/answer")
    assert seen.CorrelationData == b"\x00\x01" and seen.MessageExpiryInterval <= 100
    assert seen.UserProperty == [("b", "1"), ("a", "2")]
    one.end()
    other.end()


steps = [qos, order, retained, session, will, shared] + ([properties] if version == 5 else [])
for step in steps:
    step()
    done(step.__name__)
