"""The sdk-suite (sdks/suite/README.md): a connection per test."""

from __future__ import annotations

import asyncio
import json
import os
import unittest
from pathlib import Path
from typing import Any

_VECTORS = Path(__file__).resolve().parents[3] / "vectors"

#: Far above what any test needs: what hangs fails instead of holding up the run.
DEADLINE = 60.0


def vectors(name: str) -> Any:
    return json.loads((_VECTORS / name).read_text(encoding="utf-8"))


class SuiteTest(unittest.IsolatedAsyncioTestCase):
    """Tests against what the suite plays or starts; skipped where there is no suite."""

    async def asyncSetUp(self) -> None:
        address = os.environ.get("MSGBUS_SUITE")
        if not address:
            self.skipTest("no sdk-suite: run the tests with `npm run sdk -- python`")
        host, port = address.rsplit(":", 1)
        self._answers, self._commands = await asyncio.open_connection(host, int(port))

    async def asyncTearDown(self) -> None:
        self._commands.close()
        await self._commands.wait_closed()

    async def ask(self, command: str) -> Any:
        self._commands.write(f"{command}\n".encode())
        answer = json.loads(await self._answers.readline())
        if "error" in answer:
            raise AssertionError(f"{command}: {answer['error']}")
        return answer
