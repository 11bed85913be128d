"""The package as a whole: what importing it costs, what it exports, its errors, and its examples."""

import ast
import copy
import inspect
import os
import pickle
import sys
from pathlib import Path

import pytest

import tallystick
from tallystick import Registry

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples" / "python").glob("*.py"))


def test_importing_takes_at_most_50_ms(run_script):
    # The processor's time: the machine may have other things to do.
    script = "import time; t = time.process_time(); import tallystick; print(time.process_time() - t)"
    assert min(float(run_script(script)) for _ in range(5)) <= 0.050


def test_importing_imports_no_third_party_module_and_nothing_heavy(run_script):
    script = """
        import sys
        before = set(sys.modules)
        import tallystick
        print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
    """
    new = set(run_script(script).split())
    assert new - sys.stdlib_module_names == {"tallystick"}
    assert not new & {"asyncio", "logging", "concurrent", "difflib", "html", "pathlib"}


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="counts threads as Linux does")
def test_importing_starts_no_thread(run_script):
    script = """
        import tallystick
        with open("/proc/self/status") as status:
            print(next(line.split()[1] for line in status if line.startswith("Threads:")))
    """
    assert run_script(script) == "1\n"


def test_all_that_is_exported_is_there():
    for name in tallystick.__all__:
        assert getattr(tallystick, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Registri'"):
        tallystick.Registri  # noqa: B018
    assert tallystick.__version__ == tallystick._core.version


def test_the_headers_are_where_get_include_says():
    assert os.path.isfile(os.path.join(tallystick.get_include(), "tallystick", "api.h"))


def test_every_method_of_the_registry_is_documented_in_the_stub():
    stub = (Path(tallystick.__file__).parent / "_core.pyi").read_text(encoding="utf-8")
    for name in vars(Registry):
        if not name.startswith("__"):
            assert f"def {name}(" in stub, name


def test_records_are_what_the_stub_says():
    stub = ast.parse((Path(tallystick.__file__).parent / "_core.pyi").read_text(encoding="utf-8"))
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    records = {name: kind for name, kind in vars(tallystick._core).items() if hasattr(kind, "n_sequence_fields")}
    assert len(records) >= 7
    for name, kind in records.items():
        assert ast.unparse(classes[name].bases[0]) == "structseq[Any]", name
        body = classes[name].body
        (match,) = [node.value for node in body if isinstance(node, ast.AnnAssign)]
        assert ast.literal_eval(match) == kind.__match_args__
        said = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        assert said == {name for name, member in vars(kind).items() if inspect.ismemberdescriptor(member)}


def test_an_error_says_what_and_its_note_what_to_try():
    registry = Registry()
    registry.close()
    with pytest.raises(tallystick.ClosedError, match="the registry is closed") as caught:
        registry.notify("event")
    error = caught.value
    assert error.symbol == "TALLY_E_CLOSED"
    assert error.handling == "caller"
    assert error.__notes__ == [f"hint: {error.hint}"]
    assert isinstance(error, ValueError)


def test_errors_are_copied_and_pickled_whole():
    error = tallystick.RangeError("too far", path="a file", position=7, os_error=2)
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is tallystick.RangeError
        assert (str(other), other.path, other.position, other.os_error) == ("too far", "a file", 7, 2)
        assert getattr(other, "__notes__", []) == getattr(error, "__notes__", [])


def test_an_id_is_its_own_copy_and_is_not_pickled(registry):
    identity = registry.register(print)
    assert copy.copy(identity) is copy.deepcopy(identity) is identity
    (row,) = registry.handlers()
    assert copy.deepcopy({"rows": [row]}) == {"rows": [row]}
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(identity)


def test_what_cannot_be_made_by_hand_cannot():
    for kind in (tallystick.HandlerId, tallystick.Stop, tallystick._core.Notification, tallystick._core.Scope):
        with pytest.raises(TypeError):
            kind()
    for kind in (Registry, tallystick.Counter, tallystick.Ring, tallystick.HandlerId):
        with pytest.raises(TypeError):
            type("Derived", (kind,), {})


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_runs(run_script, example):
    assert run_script(example.read_text(encoding="utf-8")) != ""
