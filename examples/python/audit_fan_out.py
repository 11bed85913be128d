"""Audit fan-out: sinks of one event that do not know of each other, and one of which is broken."""

from tallystick import Failure, Registry, Ring

events = Registry()
lines: list[str] = []
broken: list[str] = []

# A sink that never enters Python: it copies the bytes, somebody drains them later.
ring = Ring(slots=64, slot_bytes=128)
events.register(ring, name="ring")


@events.on("*", name="file")
def write_line(event: bytes) -> None:
    lines.append(event.decode())


@events.on("*", priority=10, name="network", max_failures=3)
def send(event: bytes) -> None:
    raise ConnectionError("nobody listens")


@events.on_panic
def report(failure: Failure) -> None:
    broken.append(f"{failure.name}: {failure.message}")


for number in range(5):
    events.emit("login", f"user {number}".encode())

assert lines == [event.data.decode() for event in ring.drain()] == [f"user {number}" for number in range(5)]
assert broken == ["network: ConnectionError: nobody listens"] * 3
assert [row.name for row in events.handlers()] == ["ring", "file"]
print(*lines, *broken, sep="\n")
