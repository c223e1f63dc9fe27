"""A client of msgbus.v1 that shares nothing with msgbus but the contract: generated Python code on
the stock gRPC library. It prints one line per step and ends with a trace at the first surprise.

    client.py ADDRESS
"""

import sys

import grpc
from msgbus.v1 import msgbus_pb2 as pb
from msgbus.v1 import msgbus_pb2_grpc

TIMEOUT_S = 30


def done(step):
    print("ok", step, flush=True)


def refused(call, code, text):
    try:
        call()
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (code, text), error
    else:
        raise AssertionError(f"not refused: {text}")


def probes(client):
    health = client.Health(pb.HealthRequest(), timeout=TIMEOUT_S)
    assert health.status == "SERVING" and health.node.tenant_id == "tenant", health
    done("health")
    ready = client.Ready(pb.ReadyRequest(), timeout=TIMEOUT_S)
    assert ready.ready and ready.status == "READY" and ready.error == "", ready
    done("ready")


def fetch(client, topic):
    stream = client.Fetch(pb.FetchRequest(topic=topic), timeout=TIMEOUT_S)
    return [answer.message for answer in stream]


def logs(client):
    for i in range(1, 4):
        request = pb.PublishRequest(topic="py/é/🙂", payload=bytes([0, 255, i]), headers={"n": str(i), "": ""})
        message = client.Publish(request, timeout=TIMEOUT_S).message
        assert message.head_id == i and len(message.id) == 36, message
    done("publish")
    messages = fetch(client, "py/é/🙂")
    assert [m.head_id for m in messages] == [1, 2, 3], messages
    assert [m.payload[2] for m in messages] == [1, 2, 3], messages
    assert all(dict(m.headers) == {"n": str(m.head_id), "": ""} for m in messages), messages
    done("fetch")
    head = client.GetHead(pb.GetHeadRequest(topic="py/é/🙂"), timeout=TIMEOUT_S)
    assert head.found and head.head_id == 3, head
    unknown = client.GetHead(pb.GetHeadRequest(topic="py/unknown"), timeout=TIMEOUT_S)
    assert not unknown.found and unknown.head_id == 0, unknown
    heads = client.ListHeads(pb.ListHeadsRequest(), timeout=TIMEOUT_S).heads
    assert ("py/é/🙂", 3) in [(h.topic, h.head_id) for h in heads], heads
    # Positions that no log has: legal, and nothing is there.
    for position in (2**53, 2**64 - 1):
        request = pb.FetchRequest(topic="py/é/🙂", from_head_id=position)
        assert list(client.Fetch(request, timeout=TIMEOUT_S)) == []
    done("heads")


def subscribe(client):
    stream = client.Subscribe(pb.SubscribeRequest(topic="py/é/🙂", from_head_id=2), timeout=TIMEOUT_S)
    received = [next(stream).message.head_id for _ in range(2)]
    for _ in range(2):
        client.Publish(pb.PublishRequest(topic="py/é/🙂", payload=b"live"), timeout=TIMEOUT_S)
    received += [next(stream).message.head_id for _ in range(2)]
    stream.cancel()
    assert received == [2, 3, 4, 5], received
    done("subscribe")


def remove(client):
    request = pb.DeleteRangeRequest(topic="py/é/🙂", from_head_id=1, to_head_id=2)
    assert client.DeleteRange(request, timeout=TIMEOUT_S).deleted_count == 2
    assert client.DeleteRange(request, timeout=TIMEOUT_S).deleted_count == 0
    messages = fetch(client, "py/é/🙂")
    assert [m.deleted for m in messages] == [True, True, False, False, False], messages
    assert messages[0].payload == b"" and not messages[0].headers, messages[0]
    done("delete")


def queues(client):
    ids = []
    for i in (1, 2):
        request = pb.EnqueueFifoRequest(queue="py", topic="t", target=pb.NodeId(), payload=b"x")
        message = client.EnqueueFifo(request, timeout=TIMEOUT_S).message
        assert message.sequence == i and message.attempts == 0, message
        ids.append(message.id)
    reject = pb.RejectFifoRequest(queue="py", message_id=ids[0])
    assert client.RejectFifo(reject, timeout=TIMEOUT_S).accepted
    front = client.PeekFifo(pb.PeekFifoRequest(queue="py"), timeout=TIMEOUT_S).message
    assert front.id == ids[0] and front.attempts == 1, front
    for message_id, accepted in ((ids[1], False), (ids[0], True), (ids[1], True)):
        request = pb.AckFifoRequest(queue="py", message_id=message_id)
        assert client.AckFifo(request, timeout=TIMEOUT_S).accepted is accepted
    peek = pb.PeekFifoRequest(queue="py")
    refused(lambda: client.PeekFifo(peek, timeout=TIMEOUT_S), grpc.StatusCode.NOT_FOUND, "fifo queue is empty")
    done("fifo")


def refusals(client):
    blank = pb.PublishRequest(topic="\u00a0")
    refused(lambda: client.Publish(blank, timeout=TIMEOUT_S), grpc.StatusCode.INVALID_ARGUMENT, "topic is empty")
    foreign = pb.PublishRequest(topic="a", origin=pb.NodeId(tenant_id="x", bl_name="y", device_id="z"))
    refused(
        lambda: client.Publish(foreign, timeout=TIMEOUT_S),
        grpc.StatusCode.PERMISSION_DENIED,
        "writes must use the local daemon origin",
    )
    partly = pb.FetchRequest(topic="a", origin=pb.NodeId(tenant_id="x"))
    refused(
        lambda: list(client.Fetch(partly, timeout=TIMEOUT_S)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "bl_name is empty",
    )
    done("refusals")


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        client = msgbus_pb2_grpc.MsgbusServiceStub(channel)
        for step in (probes, logs, subscribe, remove, queues, refusals):
            step(client)


main()
