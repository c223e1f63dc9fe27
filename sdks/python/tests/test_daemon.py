"""Against a real daemon, which is killed at times."""

from __future__ import annotations

import asyncio
import os

from msgbus import CallError, Client, IncomingCall, MsgbusError, connect

from .suite import DEADLINE, SuiteTest, vectors

#: Everyday figures are small; the large ones are 20 kills during 100,000 messages.
_KILLS = int(os.environ.get("MSGBUS_SDK_KILLS", "3"))
_MESSAGES = int(os.environ.get("MSGBUS_SDK_MESSAGES", "3000"))


class Daemon(SuiteTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        started = await self.ask("daemon --storage memory")
        self.address = started["address"]
        self.client = await connect(self.address)

    async def asyncTearDown(self) -> None:
        if hasattr(self, "client"):
            await self.client.close()
        await super().asyncTearDown()

    async def test_names(self) -> None:
        for vector in vectors("topics.json")["names"]:
            with self.subTest(vector["name"]):
                if vector["valid"]:
                    await self.client.publish(vector["name"])
                    continue
                with self.assertRaises(MsgbusError) as caught:
                    await self.client.publish(vector["name"])
                error = caught.exception
                self.assertEqual((error.code, error.reason), ("invalid_argument", vector["reason"]))

    async def test_what_is_published_comes(self) -> None:
        for number in range(3):
            await self.client.publish(f"t/{number}", f"m{number}", {"n": str(number)})
        async with self.client.subscribe("t/+") as subscription:
            texts = [(await anext(subscription)).text for _ in range(3)]
            await self.client.publish("t/live", b"live")
            message = await anext(subscription)
        self.assertEqual(texts, ["m0", "m1", "m2"])
        self.assertEqual((message.topic, message.text, message.head_id), ("t/live", "live", 1))
        self.assertIsNotNone(message.position)
        async with self.client.subscribe("t/#", start=message.position or "now") as behind:
            await self.client.publish("t/next")
            self.assertEqual((await anext(behind)).topic, "t/next")

    async def test_a_queue_is_shared(self) -> None:
        for job in ("one", "two"):
            await self.client.enqueue("jobs", job)
        async with self.client.consume("jobs", max_in_flight=2) as consumer:
            first, second = await anext(consumer), await anext(consumer)
            self.assertTrue(await first.ack())
            self.assertTrue(await second.release())
            again = await anext(consumer)
            self.assertEqual((again.message.text, again.message.attempts), ("two", 1))
            self.assertTrue(await again.ack())
        self.assertIsNone(await self.client.peek_fifo("jobs"))

    async def test_a_procedure_answers_and_fails_in_its_words(self) -> None:
        async def handler(call: IncomingCall) -> str:
            if call.text == "fail":
                raise CallError("com.example.no", "not today", b"later")
            return call.text.upper()

        registration = await self.client.register("shout", handler)
        self.assertEqual((await self.client.call("shout", "hello")).text, "HELLO")
        with self.assertRaises(CallError) as caught:
            await self.client.call("shout", "fail")
        error = caught.exception
        self.assertEqual((error.name, error.payload), ("com.example.no", b"later"))
        await registration.close()
        with self.assertRaises(MsgbusError) as nobody:
            await self.client.call("shout")
        self.assertEqual(nobody.exception.reason, "no_such_procedure")

    async def test_nothing_listens(self) -> None:
        async with Client("127.0.0.1:1") as nobody:
            with self.assertRaises(MsgbusError) as caught:
                await nobody.get_head("t")
        self.assertEqual(caught.exception.code, "unavailable")


class Kills(SuiteTest):
    async def test_each_message_once_and_in_order(self) -> None:
        started = await self.ask("daemon")
        await asyncio.wait_for(self._survive(started), DEADLINE * 5)

    async def _survive(self, started: dict[str, str]) -> None:
        async with await connect(started["address"]) as client:
            reading = asyncio.create_task(self._read(client))
            async with client.publisher(reconnect_delay=0.01) as publisher:
                for number in range(_MESSAGES):
                    if number % (_MESSAGES // _KILLS) == _MESSAGES // _KILLS // 2:
                        await self.ask(f"kill {started['id']}")
                    await publisher.start("t", str(number))
            self.assertEqual(await reading, [str(number) for number in range(_MESSAGES)])

    async def _read(self, client: Client) -> list[str]:
        texts: list[str] = []
        async with client.subscribe("t", reconnect_delay=0.01) as subscription:
            async for message in subscription:
                self.assertEqual(message.head_id, len(texts) + 1)
                texts.append(message.text)
                if len(texts) == _MESSAGES:
                    break
        return texts
