"""The registry in Python: three handlers in priority order, one of which fails; then a removal."""

from tallystick import Failure, Registry

registry = Registry()
ledger = {"cents": 0}


@registry.on("order.paid")
def print_receipt(order: dict[str, object]) -> None:
    print(f"  receipt  {order['number']}")


@registry.on("order.*", priority=10)
def send_mail(order: dict[str, object]) -> None:
    raise ConnectionError("the mail server does not answer")


@registry.on("order.paid", priority=100)
def book(order: dict[str, int]) -> None:
    ledger["cents"] += order["cents"]
    print(f"  booked   {order['number']}, {ledger['cents']} cents so far")


@registry.on_panic
def report(failure: Failure) -> None:
    print(f"  failed   {failure.name}: {failure.exception}")


paid = {"number": "order/1", "cents": 1999}
result = registry.emit("order.paid", paid)
print(f"  result   {result.fired} ran, {result.failed} of them failed, the others were not disturbed")

# When this returns, no thread is inside `book`.
registry.unregister_wait(book)
result = registry.emit("order.paid", paid)
print(f"  result   {result.fired} ran after the removal; the ledger still says {ledger['cents']} cents")
