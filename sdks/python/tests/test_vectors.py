"""The vectors of ../../vectors, as every SDK runs them; their README.md says what they mean."""

from __future__ import annotations

import asyncio
import unittest
from contextlib import aclosing
from typing import Any

from msgbus import (
    CallError,
    Client,
    Message,
    MsgbusError,
    NodeId,
    Position,
    Receipt,
    check_filter,
    topic_matches,
)
from msgbus.subscription import Start

from .suite import DEADLINE, SuiteTest, vectors

_QUICK = 0.001


class Topics(unittest.TestCase):
    def test_filters(self) -> None:
        for vector in vectors("topics.json")["filters"]:
            with self.subTest(vector["filter"]):
                if vector["valid"]:
                    check_filter(vector["filter"])
                else:
                    self.assertRaises(MsgbusError, check_filter, vector["filter"])

    def test_matches(self) -> None:
        for vector in vectors("topics.json")["matches"]:
            with self.subTest(vector):
                matches = topic_matches(vector["filter"], vector["topic"])
                self.assertEqual(matches, vector["matches"])


class Errors(SuiteTest):
    async def test_codes_and_reasons(self) -> None:
        playing = await self.ask("play v1-fetch")
        async with Client(playing["address"]) as client:
            for vector in vectors("errors.json"):
                with self.subTest(vector["topic"]):
                    with self.assertRaises(MsgbusError) as caught:
                        await client.get_head(vector["topic"])
                    error = caught.exception
                    self.assertEqual(
                        (error.code, error.reason, error.retryable),
                        (vector["code"], vector["reason"], vector["retryable"]),
                    )


class Conversations(SuiteTest):
    async def test_all(self) -> None:
        for conversation in vectors("conversations.json"):
            with self.subTest(conversation["name"]):
                await asyncio.wait_for(self._play(conversation), DEADLINE)

    async def _play(self, conversation: Any) -> None:
        playing = await self.ask(f"play {conversation['name']}")
        async with Client(playing["address"]) as client:
            outcome = await _run(client, conversation["client"])
        self.assertEqual(outcome, _filled(conversation["expect"]))
        verdict = await self.ask(f"verdict {playing['id']}")
        self.assertEqual(verdict, {"ok": True, "faults": []})


def _filled(outcome: Any) -> Any:
    """An empty list and none are the same."""
    return {key: value for key, value in outcome.items() if value not in ([], None)}


async def _run(client: Client, action: Any) -> Any:
    outcome: dict[str, Any] = {"messages": [], "heads": []}
    try:
        await _ACTIONS[action["do"]](client, action, outcome)
    except CallError as error:
        outcome["failure"] = {
            "name": error.name,
            "message": error.message,
            "payload": error.payload.decode(),
        }
    except MsgbusError as error:
        outcome["error"] = {"code": error.code, "reason": error.reason}
    return _filled(outcome)


async def _subscribe_log(client: Client, action: Any, outcome: Any) -> None:
    log = client.subscribe_log(
        action["topic"],
        origin=_node(action),
        from_head=action.get("from", 1),
        replay_limit=action.get("replay_limit", 100),
        reconnect_delay=_QUICK,
    )
    async with aclosing(log):
        async for message in log:
            outcome["messages"].append(_shown(message))
            if len(outcome["messages"]) == action["take"]:
                return


async def _subscribe(client: Client, action: Any, outcome: Any) -> None:
    subscription = client.subscribe(
        action["filter"],
        start=_start(action.get("from", "earliest")),
        origin=_node(action),
        reconnect_delay=_QUICK,
    )
    async with subscription:
        async for message in subscription:
            outcome["messages"].append(_shown(message))
            if len(outcome["messages"]) == action["take"]:
                return


async def _fetch(client: Client, action: Any, outcome: Any) -> None:
    messages = await client.fetch(
        action["topic"], from_head=action.get("from", 1), limit=action.get("limit", 100)
    )
    outcome["messages"] = [_shown(message) for message in messages]


async def _publish(client: Client, action: Any, outcome: Any) -> None:
    message = await client.publish(action["topic"], action["payload"])
    outcome["heads"].append(message.head_id)


async def _publisher(client: Client, action: Any, outcome: Any) -> None:
    async with client.publisher(reconnect_delay=_QUICK) as publisher:
        pending = [
            await publisher.start(action["topic"], payload) for payload in action["payloads"]
        ]
        for receipt in await asyncio.gather(*pending, return_exceptions=True):
            outcome["heads"].append(receipt.head_id if isinstance(receipt, Receipt) else None)


async def _consume(client: Client, action: Any, outcome: Any) -> None:
    consumer = client.consume(action["queue"], max_in_flight=10, reconnect_delay=_QUICK)
    async with consumer:
        for words in action["settle"]:
            delivery = await anext(consumer)
            message = delivery.message
            outcome["messages"].append(
                f"{message.queue} {message.sequence} {message.text} {message.attempts}"
            )
            verb, _, number = words.partition(" ")
            seconds = int(number or 0) / 1000
            if verb == "ack":
                await delivery.ack()
            elif verb == "release":
                await delivery.release(seconds)
            else:
                await delivery.extend(seconds)


async def _call(client: Client, action: Any, outcome: Any) -> None:
    outcome["answer"] = (await client.call(action["procedure"], action["payload"])).text


_ACTIONS = {
    "subscribe_log": _subscribe_log,
    "subscribe": _subscribe,
    "fetch": _fetch,
    "publish": _publish,
    "publisher": _publisher,
    "consume": _consume,
    "call": _call,
}


def _shown(message: Message) -> str:
    return f"{message.topic} {message.origin.device_id} {message.head_id} {message.text}"


def _node(action: Any) -> NodeId | None:
    return NodeId("tenant", "default", action["device"]) if "device" in action else None


def _start(value: Any) -> Start:
    if isinstance(value, dict):
        return Position(value["epoch"], value["sequence"])
    start: Start = value
    return start
