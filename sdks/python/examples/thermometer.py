"""A thermometer and whoever is interested in it, in one program.

python examples/thermometer.py [address]
"""

from __future__ import annotations

import asyncio
import random
import sys

from msgbus import Client, connect


async def measure(bus: Client) -> None:
    async with bus.publisher() as publisher:
        for _ in range(5):
            await publisher.start("hall/temperature", f"{20 + random.random():.1f}")


async def show(bus: Client) -> None:
    seen = 0
    async with bus.subscribe("+/temperature", start="now") as messages:
        async for message in messages:
            print(f"{message.topic} #{message.head_id} {message.text}")
            seen += 1
            if seen == 5:
                return


async def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
    async with await connect(address) as bus:
        showing = asyncio.create_task(show(bus))
        while not showing.done():
            await measure(bus)
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
