"""Accounts as streams of events: state is folded from them, and a decision is only as good as what it was based on.

Two clerks withdraw from one account at the same time. Each reads, decides, and appends under the condition that
nobody has changed the account since; the slower one is told, reads again, and decides anew.
"""

import tempfile
import threading
from pathlib import Path

import tallystick as tally


def balance(store: tally.Store, account: str) -> tuple[int, int]:
    """What is in the account, and the version of the stream that says so."""
    amount, version = 0, -1
    for event in store.read(stream=account):
        amount += event.data["amount"] if event.type == "money.deposited" else -event.data["amount"]
        version = event.version
    return amount, version


def withdraw(store: tally.Store, account: str, amount: int, clerk: str) -> tally.Receipt | None:
    while True:
        available, version = balance(store, account)
        if available < amount:
            return None
        try:
            return store.append(account, "money.withdrawn", {"amount": amount}, tags=f"clerk:{clerk}", expect=version)
        except tally.ConflictError:
            continue  # somebody was faster


with tempfile.TemporaryDirectory() as folder, tally.open(Path(folder) / "bank.tally") as store:

    @store.gate
    def no_nonsense(drafts: tuple[tally.Draft, ...]) -> None:
        if any(draft.data["amount"] <= 0 for draft in drafts):
            raise ValueError("an amount is above zero")

    store.append("account/42", "money.deposited", {"amount": 100}, key="transfer 4711")
    again = store.append("account/42", "money.deposited", {"amount": 100}, key="transfer 4711")
    print("the same transfer twice:", "counted once" if again.repeated else "counted twice")

    done: list[str] = []

    def clerk(name: str) -> None:
        while withdraw(store, "account/42", 15, name) is not None:
            done.append(name)

    clerks = [threading.Thread(target=clerk, args=(name,)) for name in ("ada", "bob")]
    for thread in clerks:
        thread.start()
    for thread in clerks:
        thread.join()
    amount, version = balance(store, "account/42")
    print(f"{len(done)} withdrawals of 15 leave {amount}, at version {version}")

    try:
        store.append("account/42", "money.deposited", {"amount": -5})
    except tally.RefusedError as error:
        print("refused:", error.__cause__)
    print("the account as it was after two events:", [event.data["amount"] for event in store.read(as_of=2)])
