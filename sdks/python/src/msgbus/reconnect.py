"""How long to wait before another attempt."""

from __future__ import annotations

import asyncio
import random

_MOST_SECONDS = 10.0


class ReconnectDelay:
    """Doubles, and leaves out a random half, so that many clients of a restarted daemon do not come in step."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._step = 0.0

    def reset(self) -> None:
        """To be called after every success."""
        self._step = 0.0

    async def wait(self) -> None:
        self._step = min(2 * self._step, max(_MOST_SECONDS, self._first)) or self._first
        await asyncio.sleep(self._step / 2 + random.random() * self._step / 2)
