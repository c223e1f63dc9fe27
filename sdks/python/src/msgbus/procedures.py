"""Calling procedures, and offering them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ._pb.v2 import msgbus_pb2 as v2
from .connection import Connection, responses, writing
from .errors import CallError, MsgbusError, ended, unsupported
from .reconnect import ReconnectDelay

_INTERNAL = 13


@dataclass(frozen=True, slots=True)
class CallResult:
    payload: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.payload.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class IncomingCall:
    procedure: str
    payload: bytes
    headers: Mapping[str, str]
    #: Its name; empty when it has none.
    caller: str

    @property
    def text(self) -> str:
        return self.payload.decode(errors="replace")


#: Answers with a payload; what it raises reaches the caller, a CallError as it is.
CallHandler = Callable[[IncomingCall], Awaitable[bytes | str | None]]


class Registration:
    """A procedure that this program serves. It is registered again when the connection breaks."""

    def __init__(self, connection: Connection, procedure: str, handler: CallHandler) -> None:
        self._connection = connection
        self._procedure = procedure
        self._handler = handler
        self._delay = ReconnectDelay(0.25)
        self._registered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    async def ready(self) -> None:
        """Returns when the procedure is registered; raises why not."""
        await self._registered

    async def close(self) -> None:
        """Ends it; calls under way fail for their callers. May be called twice."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def done(self) -> None:
        """Returns, or raises, when the registration is over for good."""
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
                raise ended()
            except MsgbusError as error:
                if not self._registered.done():
                    cause = unsupported("procedures") if error.is_unsupported else error
                    self._registered.set_exception(cause)
                    return
                # A procedure that is taken is most often held by our own old stream.
                is_own = error.reason == "procedure_taken"
                if not self._connection.may_retry(error) and not is_own:
                    raise
            await self._delay.wait()

    async def _serve(self) -> None:
        answers: asyncio.Queue[v2.RegisterRequest] = asyncio.Queue()
        running: dict[int, asyncio.Task[None]] = {}
        registration = v2.Registration(procedures=[self._procedure])
        answers.put_nowait(v2.RegisterRequest(registration=registration))
        call = self._connection.clients.Register(metadata=self._connection.metadata)
        try:
            async with writing(_write(call, answers)), aclosing(responses(call)) as stream:
                async for response in stream:
                    if response.HasField("registered"):
                        self._delay.reset()
                        if not self._registered.done():
                            self._registered.set_result(None)
                    for wire in response.invocations:
                        running[wire.id] = asyncio.create_task(
                            self._answer(wire, answers, running)
                        )
                    for cancellation in response.cancellations:
                        if task := running.pop(cancellation.id, None):
                            task.cancel()
        finally:
            for task in running.values():
                task.cancel()

    async def _answer(
        self,
        wire: v2.Invocation,
        answers: asyncio.Queue[v2.RegisterRequest],
        running: dict[int, asyncio.Task[None]],
    ) -> None:
        call = IncomingCall(wire.procedure, wire.payload, dict(wire.headers), wire.caller)
        outcome = await self._outcome(call)
        outcome.id = wire.id
        running.pop(wire.id, None)
        answers.put_nowait(v2.RegisterRequest(answers=[outcome]))

    async def _outcome(self, call: IncomingCall) -> v2.CallAnswer:
        try:
            result = await self._handler(call)
        except CallError as error:
            failure = v2.CallFailure(
                name=error.name,
                message=error.message,
                payload=error.payload,
                headers=error.headers,
            )
            return v2.CallAnswer(failure=failure)
        except Exception as error:  # Whatever a program raises is the caller's to know.
            refusal = v2.Refusal(code=_INTERNAL, reason="application_error", message=str(error))
            return v2.CallAnswer(refusal=refusal)
        payload = result.encode() if isinstance(result, str) else result or b""
        return v2.CallAnswer(result=v2.CallResult(payload=payload))


async def _write(call: Any, answers: asyncio.Queue[v2.RegisterRequest]) -> None:
    while True:
        await call.write(await answers.get())


def result_of(response: v2.CallResponse, procedure: str) -> CallResult:
    outcome = response.WhichOneof("outcome")
    if outcome == "result":
        return CallResult(response.result.payload, dict(response.result.headers))
    if outcome == "failure":
        failure = response.failure
        raise CallError(failure.name, failure.message, failure.payload, dict(failure.headers))
    raise MsgbusError("internal", "undecodable", f"the call of {procedure} ended in no way")
