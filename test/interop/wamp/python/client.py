"""Runs Autobahn|Python through events and calls over one transport and serializer; prints `ok STEP` for each step."""

import asyncio
import sys

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions, SubscribeOptions
from autobahn.wamp import serializer as serializers

url, name = sys.argv[1], sys.argv[2]
kinds = {
    "json": serializers.JsonSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
}
sample = [1, "zwei", {"three": [3.5, None, True]}, 2**53 + 1, -(2**40), b"\x00\xff", 2.0]


def done(step):
    print(f"ok {step}", flush=True)


class Session(ApplicationSession):
    async def onJoin(self, details):
        try:
            await self.steps()
        except Exception as error:  # shown by the test
            print(f"failed {error!r}", flush=True)
        self.leave()

    async def steps(self):
        events = asyncio.Queue()

        def on_event(*args, details=None, **kwargs):
            events.put_nowait((list(args), kwargs, details))

        with_details = SubscribeOptions(details=True)
        subscription = await self.subscribe(on_event, "py.topic", options=with_details)
        me_too = PublishOptions(acknowledge=True, exclude_me=False)
        for _ in range(3):
            publication = await self.publish("py.topic", *sample, key="value", options=me_too)
            args, kwargs, details = await asyncio.wait_for(events.get(), 10)
            assert args == sample, args
            assert type(args[6]) is float and type(args[0]) is int
            assert kwargs == {"key": "value"}
            assert details.publication == publication.id
        self.publish("py.topic", "not stored", options=PublishOptions(exclude_me=False))
        args, _, _ = await asyncio.wait_for(events.get(), 10)
        assert args == ["not stored"], args
        done("events")

        prefix = SubscribeOptions(match="prefix", details=True)
        await self.subscribe(on_event, "py.deep.", options=prefix)
        await self.publish("py.deep.er", 1, options=me_too)
        _, _, details = await asyncio.wait_for(events.get(), 10)
        assert details.topic == "py.deep.er"
        await subscription.unsubscribe()
        done("patterns")

        def echo(*args, **kwargs):
            return [list(args), kwargs]

        await self.register(echo, "py.echo")
        result = await self.call("py.echo", *sample, key="value")
        assert result == [sample, {"key": "value"}], result
        done("calls")

        def fail():
            raise ApplicationError("app.error.no", "reason", detail=1)

        await self.register(fail, "py.fail")
        try:
            await self.call("py.fail")
            raise AssertionError("no error")
        except ApplicationError as error:
            assert error.error == "app.error.no", error.error
            assert list(error.args) == ["reason"] and error.kwargs == {"detail": 1}
        try:
            await self.call("py.none")
            raise AssertionError("no error")
        except ApplicationError as error:
            assert error.error == "wamp.error.no_such_procedure"
        done("errors")

        async def count(n, details=None):
            for i in range(n):
                details.progress(i)
            return n

        await self.register(count, "py.count", options=RegisterOptions(details=True))
        seen = []
        last = await self.call("py.count", 3, options=CallOptions(on_progress=seen.append))
        assert (seen, last) == ([0, 1, 2], 3), (seen, last)
        done("progress")

        assert (await self.call("wamp.session.count")) >= 1
        done("meta")

    def onDisconnect(self):
        asyncio.get_event_loop().stop()


ApplicationRunner(url, "realm1", serializers=[kinds[name]()]).run(Session)
