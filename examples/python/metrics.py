"""Metrics: events are counted and sampled without calling Python for each, from as many threads as there are."""

from struct import pack
from threading import Thread

from tallystick import Counter, Mask, Registry, Ring

requests = Registry()
served, failed, slowest = Counter(), Counter(), Ring(slots=1024, slot_bytes=8)

# A request is two little-endian numbers: its status, and its duration in milliseconds.
requests.register(served)
requests.register(Mask(failed, mask=0x8000_0000, match=0x8000_0000, width=4))
requests.register(Mask(slowest, mask=0xFFFF_FC00, match=0x0000_0400, offset=4, width=4))


def serve(first: int) -> None:
    for number in range(first, first + 250):
        status = 0x8000_0000 if number % 97 == 0 else 0
        duration_ms = 1024 + number if number % 100 == 0 else 3
        requests.notify(pack("<II", status, duration_ms))


threads = [Thread(target=serve, args=(first,)) for first in range(0, 1000, 250)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

slow = slowest.drain()
assert (served.events, failed.events, len(slow)) == (1000, 11, 10)
print(f"{served.events} requests of {served.bytes} bytes, {failed.events} failed, {len(slow)} slow")
