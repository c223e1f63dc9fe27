"""A peer of msgbus.v1 that shares nothing with msgbus but the contract: generated Python code on the stock
gRPC library. It serves ListHeads, Fetch and Health from what it is told, and pulls from another node as
the contract says. One JSON command per line of standard input, one JSON answer per line of output.
"""

import hashlib
import json
import sys
from concurrent import futures

import grpc
from msgbus.v1 import msgbus_pb2 as pb
from msgbus.v1 import msgbus_pb2_grpc

TIMEOUT_S = 60
BATCH = 100
MARKERS = "$msgbus.delete"


def node(device):
    return pb.NodeId(tenant_id="tenant", bl_name="default", device_id=device)


def key_of(topic, origin):
    return (topic, origin.tenant_id, origin.bl_name, origin.device_id)


class Store:
    """Logs as lists of envelopes, in which the place is the head id, and the ranges that are deleted."""

    def __init__(self):
        self.logs = {}
        self.ranges = {}

    def put(self, envelope):
        log = self.logs.setdefault(key_of(envelope.topic, envelope.origin), [])
        assert envelope.head_id == len(log) + 1, f"{envelope.head_id} after {len(log)}"
        copy = pb.MessageEnvelope()
        copy.CopyFrom(envelope)
        log.append(copy)
        if copy.topic == MARKERS and not copy.deleted:
            self.apply(copy)
        for first, last in self.ranges.get(key_of(copy.topic, copy.origin), []):
            if first <= copy.head_id <= last:
                self.erase(copy)

    def apply(self, marker):
        body = json.loads(marker.payload)
        assert set(body) == {"topic", "origin", "from_head_id", "to_head_id", "created_at_ms"}, body
        origin = pb.NodeId(**body["origin"])
        assert origin == marker.origin, "only the owner of a log deletes in it"
        key = key_of(body["topic"], origin)
        self.ranges.setdefault(key, []).append((body["from_head_id"], body["to_head_id"]))
        for envelope in self.logs.get(key, []):
            if body["from_head_id"] <= envelope.head_id <= body["to_head_id"]:
                self.erase(envelope)

    @staticmethod
    def erase(envelope):
        envelope.deleted = True
        envelope.payload = b""
        envelope.headers.clear()

    def digest(self):
        """What there is, in a form that two stores can be compared by."""
        answer = {}
        for key, log in sorted(self.logs.items()):
            content = hashlib.sha256()
            for message in log:
                fields = (message.id, message.head_id, message.created_at_ms, message.deleted)
                content.update(repr(fields).encode())
                content.update(repr(sorted(message.headers.items())).encode())
                content.update(message.payload)
            deleted = [message.head_id for message in log if message.deleted]
            name = f"{key[0]} of {key[3]}"
            answer[name] = {"head": len(log), "deleted": deleted, "content": content.hexdigest()}
        return answer


class Peer(msgbus_pb2_grpc.MsgbusServiceServicer):
    def __init__(self, device):
        self.node = node(device)
        self.store = Store()
        self.lie = None

    def Health(self, request, context):
        return pb.HealthResponse(status="SERVING", node=self.node)

    def ListHeads(self, request, context):
        heads = []
        for key, log in self.store.logs.items():
            origin = pb.NodeId(tenant_id=key[1], bl_name=key[2], device_id=key[3])
            heads.append(pb.TopicHead(topic=key[0], origin=origin, head_id=len(log)))
        if self.lie == "no origin":
            heads.append(pb.TopicHead(topic="lie", head_id=1))
        return pb.ListHeadsResponse(heads=heads)

    def Fetch(self, request, context):
        log = self.store.logs.get(key_of(request.topic, request.origin), [])
        start = max(request.from_head_id, 1) - 1
        for message in log[start : start + (request.limit or 100)]:
            if self.lie == "gap" and message.head_id == 2:
                continue
            yield pb.FetchResponse(message=message)

    # What it is told.

    def add(self, topic, count):
        for _ in range(count):
            head = len(self.store.logs.get(key_of(topic, self.node), [])) + 1
            envelope = pb.MessageEnvelope(
                id=f"{topic}/{head}",
                topic=topic,
                origin=self.node,
                head_id=head,
                payload=bytes([0, 255, head % 256]),
                headers={"": "é", "n": str(head)},
                created_at_ms=1_700_000_000_000 + head,
            )
            self.store.put(envelope)

    def delete(self, topic, first, last):
        body = {
            "topic": topic,
            "origin": {"tenant_id": "tenant", "bl_name": "default", "device_id": self.node.device_id},
            "from_head_id": first,
            "to_head_id": last,
            "created_at_ms": 1_700_000_000_000,
        }
        head = len(self.store.logs.get(key_of(MARKERS, self.node), [])) + 1
        payload = json.dumps(body, separators=(",", ":")).encode()
        marker = pb.MessageEnvelope(id=f"marker {head}", topic=MARKERS, origin=self.node, head_id=head, payload=payload)
        self.store.put(marker)


def pull(address):
    """Everything that a node has, into a store that was empty: with each rule of the contract checked."""
    store = Store()
    with grpc.insecure_channel(address) as channel:
        client = msgbus_pb2_grpc.MsgbusServiceStub(channel)
        assert client.Health(pb.HealthRequest(), timeout=TIMEOUT_S).node.tenant_id == "tenant"
        heads = client.ListHeads(pb.ListHeadsRequest(), timeout=TIMEOUT_S).heads
        ids = set()
        for head in heads:
            key = key_of(head.topic, head.origin)
            while len(store.logs.get(key, [])) < head.head_id:
                have = len(store.logs.get(key, []))
                request = pb.FetchRequest(topic=head.topic, origin=head.origin, from_head_id=have + 1, limit=BATCH)
                answers = list(client.Fetch(request, timeout=TIMEOUT_S))
                assert 1 <= len(answers) <= BATCH, f"{len(answers)} of {head}"
                for answer in answers:
                    message = answer.message
                    assert key_of(message.topic, message.origin) == key, message
                    assert answer.ByteSize() <= 4_194_304
                    assert message.id not in ids, f"id {message.id} twice"
                    ids.add(message.id)
                    store.put(message)
    return store


def main():
    peer = Peer(sys.argv[1])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    msgbus_pb2_grpc.add_MsgbusServiceServicer_to_server(peer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        answer = None
        if command["do"] == "add":
            peer.add(command["topic"], command["count"])
        elif command["do"] == "delete":
            peer.delete(command["topic"], command["from"], command["to"])
        elif command["do"] == "lie":
            peer.lie = command["kind"]
        elif command["do"] == "digest":
            answer = peer.store.digest()
        elif command["do"] == "pull":
            answer = pull(command["address"]).digest()
        print(json.dumps({"answer": answer}), flush=True)
    server.stop(None)


main()
