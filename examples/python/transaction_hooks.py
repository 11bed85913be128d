"""Transaction hooks: what happens at a commit, in an order that none of the parts has to know."""

from tallystick import Registry

done: list[str] = []


class Database:
    def __init__(self) -> None:
        # The first hook that fails keeps the others from running, and the commit from happening.
        self.committing = Registry(policy="fail-fast")
        # Whatever fails afterwards is too late to matter: it is reported, and the rest runs.
        self.committed = Registry()

    def commit(self, transaction: str) -> None:
        self.committing.notify(transaction)
        done.append(f"commit {transaction}")
        self.committed.notify(transaction)


database = Database()
database.committing.register(lambda transaction: done.append("log ahead"), priority=1000)
database.committed.register(lambda transaction: done.append("invalidate"), priority=500)
database.committed.register(lambda transaction: done.append("count"), priority=-100)
database.commit("one")
assert done == ["log ahead", "commit one", "invalidate", "count"]


def refuse(transaction: str) -> None:
    raise PermissionError(f"{transaction} may not be committed")


done.clear()
with database.committing.guard(refuse, priority=2000):
    try:
        database.commit("two")
    except PermissionError as error:
        print(error)
assert done == []
database.commit("three")
print(*done, sep="\n")
