"""Async jobs: coroutine handlers run side by side, bounded in number and in time."""

import asyncio

from tallystick import AsyncRegistry, Failure

jobs = AsyncRegistry()
finished: list[str] = []


@jobs.on("image.uploaded", priority=10)
async def make_thumbnail(path: str) -> None:
    await asyncio.sleep(0.2)
    finished.append(f"thumbnail of {path}")


@jobs.on("image.uploaded")
async def recognise(path: str) -> None:
    async with asyncio.timeout(0.005):
        await asyncio.sleep(60)


@jobs.on("image.*")
def count(path: str) -> None:
    finished.append(f"counted {path}")


@jobs.on("image.uploaded", priority=-10)
async def train_on_it(path: str) -> None:
    await asyncio.sleep(60)


@jobs.on_panic
def report(failure: Failure) -> None:
    finished.append(f"{failure.name} failed: {failure.message}")


async def main() -> None:
    result = await jobs.emit("image.uploaded", "cat.png", timeout=1)
    assert result == (4, 1, 0, 1), result
    jobs.close()


asyncio.run(main())
assert finished == ["counted cat.png", "recognise failed: TimeoutError", "thumbnail of cat.png"]
print(*finished, sep="\n")
