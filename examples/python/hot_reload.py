"""Hot reload: whoever depends on the configuration is told when it changes, the most basic parts first."""

from tallystick import Registry

changed = Registry()
seen: list[str] = []


class Pool:
    """Holds its registration by a weak reference: a pool that is dropped stops listening by itself."""

    def __init__(self) -> None:
        self.size = 0
        changed.register(self.resize, priority=100, weak=True)

    def resize(self, settings: dict[str, int]) -> None:
        self.size = settings["connections"]
        seen.append(f"pool of {self.size}")


@changed.on("*", priority=1)
def rebuild_cache(settings: dict[str, int]) -> None:
    seen.append(f"cache of {settings['megabytes']} MB")


pool = Pool()
changed.notify({"connections": 8, "megabytes": 64})
assert seen == ["pool of 8", "cache of 64 MB"]

del pool
result = changed.notify({"connections": 9, "megabytes": 128})
assert result == (1, 0, 1), result
print("\n".join(seen))
