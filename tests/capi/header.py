"""What the public headers declare, as the compiler and pycparser read it: functions, structs, macros, comments."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pycparser import c_ast, c_generator, c_parser

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "csrc" / "include"
FOLDER = INCLUDE / "tallystick"
NAMES = sorted(path.name for path in FOLDER.glob("*.h"))
# What stddef.h and stdint.h give, for a parser that has no system headers.
PRELUDE = "".join(
    f"typedef {plain} {name};\n"
    for name, plain in {
        "size_t": "unsigned long",
        "int8_t": "signed char",
        "uint8_t": "unsigned char",
        "int16_t": "short",
        "uint16_t": "unsigned short",
        "int32_t": "int",
        "uint32_t": "unsigned int",
        "int64_t": "long",
        "uint64_t": "unsigned long",
        "uintptr_t": "unsigned long",
    }.items()
)


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str  # "const tally_notice *"


@dataclass(frozen=True)
class Function:
    name: str
    returns: str
    parameters: tuple[Parameter, ...]
    prototype: str
    header: str
    comment: str  # the documentation comment right above, or ""


@dataclass(frozen=True)
class Struct:
    name: str
    members: tuple[Parameter, ...]

    @property
    def is_sized(self) -> bool:
        """Whether it begins with `size_t size`, which makes it an option struct."""
        return self.members[0] == Parameter("size", "size_t")


def compiler(*options: str, source: str) -> str:
    command = ["gcc", "-std=c11", f"-I{INCLUDE}", "-xc", *options, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


@cache
def declarations() -> str:
    """All headers without macros and system types, as cffi wants them."""
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stddef.h", "stdint.h"):
            (Path(empty) / name).touch()
        source = "#include <tallystick/tallystick.h>\n"
        return compiler("-E", "-P", "-nostdinc", f"-isystem{empty}", "-DTALLY_STATIC", source=source)


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _plain_type(node: c_ast.Node) -> str:
    node = copy.deepcopy(node)
    inner = node
    while not isinstance(inner, c_ast.TypeDecl):
        inner = inner.type
    inner.declname = None
    return c_generator.CGenerator().visit(c_ast.Typename(None, [], None, node))


def _comments() -> dict[str, tuple[str, str]]:
    """Function → (header, comment above)."""
    found = {}
    for header in NAMES:
        text = text_of(header)
        for match in re.finditer(r"^TALLY_API [^;(]*?\b(tally_\w+)\s*\(", text, re.MULTILINE):
            above = text[: match.start()]
            begin = above.rfind("/**")
            comment = above[begin:] if begin >= 0 and above.endswith("*/\n") else ""
            found[match[1]] = (header, comment if comment.count("*/") == 1 else "")
    return found


def _parameters(node: c_ast.FuncDecl) -> tuple[Parameter, ...]:
    given = [] if node.args is None else node.args.params
    if [type(item) for item in given] == [c_ast.Typename]:  # (void)
        return ()
    return tuple(Parameter(item.name, _decayed(_plain_type(item.type))) for item in given)


def _decayed(type_: str) -> str:
    """What an array is as a parameter."""
    return re.sub(r" ?\[\w*\]$", " *", type_)


@cache
def _parsed() -> tuple[dict[str, Function], dict[str, Struct]]:
    comments = _comments()
    functions: dict[str, Function] = {}
    structs: dict[str, Struct] = {}
    for node in c_parser.CParser().parse(PRELUDE + declarations()).ext:
        if isinstance(node, c_ast.Typedef) and isinstance(node.type.type, c_ast.Struct) and node.type.type.decls:
            members = tuple(Parameter(item.name, _plain_type(item.type)) for item in node.type.type.decls)
            structs[node.name] = Struct(node.name, members)
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            prototype = " ".join(c_generator.CGenerator().visit(node).split()).removeprefix("extern ")
            header, comment = comments[node.name]
            returns = _plain_type(node.type.type)
            functions[node.name] = Function(node.name, returns, _parameters(node.type), prototype, header, comment)
    assert set(functions) == set(comments)
    return functions, structs


def functions() -> dict[str, Function]:
    return _parsed()[0]


def structs() -> dict[str, Struct]:
    return _parsed()[1]


def enum_types() -> set[str]:
    """Tags and typedef names of enums: they belong in no signature and no struct."""
    return set(re.findall(r"\benum (\w+)", declarations()))


@cache
def macros() -> dict[str, str]:
    """Object-like macros of these headers and their text, without include guards and what only compilers read."""
    source = "#include <tallystick/tallystick.h>\n"
    found = re.findall(r"^#define (TALLY_\w+) (.+)$", compiler("-dM", "-E", source=source), re.MULTILINE)
    return {name: body for name, body in found if name not in {"TALLY_API", "TALLY_EXTERN"}}


def numeric_macros() -> set[str]:
    return {name for name, body in macros().items() if not body.startswith('"')}


@dataclass(frozen=True)
class Status:
    symbol: str
    code: int
    handling: str
    message: str


def statuses() -> list[Status]:
    """The rows of TALLY_STATUS_LIST, read from its text."""
    rows = re.findall(r'X\((\w+), (-?\d+), (\w+), +"(.*)"\)', text_of("status.h"))
    return [Status(f"TALLY_{symbol}", int(code), handling, message) for symbol, code, handling, message in rows]


@cache
def compiled() -> dict[str, dict]:
    """Sizes, offsets and values as the compiler has them, from a small program."""
    lines = ["#include <stdio.h>", "#include <tallystick/tallystick.h>", "int main(void) {"]

    def put(kind: str, name: str, member: str, *values: str) -> None:
        numbers = ", ".join(f"(unsigned long long)({value})" for value in values)
        holes = " ".join(["%llu"] * len(values))
        lines.append(f'printf("{kind} {name} {member} {holes}\\n", {numbers});')

    for struct in structs().values():
        put("struct", struct.name, "-", f"sizeof({struct.name})", f"_Alignof({struct.name})")
        for member in struct.members:
            put(
                "member",
                struct.name,
                member.name,
                f"offsetof({struct.name}, {member.name})",
                f"sizeof((({struct.name} *)0)->{member.name})",
            )
    for name in sorted(numeric_macros()):
        put("macro", name, "-", f"(uint64_t)({name})", f"({name}) < 0")
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "probe"
        compiler("-o", str(program), source="\n".join(lines))
        output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    result: dict[str, dict] = {"structs": {}, "macros": {}}
    for line in output.splitlines():
        kind, name, member, *numbers = line.split()
        values = [int(number) for number in numbers]
        if kind == "struct":
            result["structs"][name] = {"size": values[0], "align": values[1], "members": {}}
        elif kind == "member":
            result["structs"][name]["members"][member] = values
        else:
            result["macros"][name] = values[0] - (2**64 if values[1] else 0)
    return result


def abi() -> dict[str, dict]:
    """What tests/vectors/abi.json pins. Constants are texts: JavaScript would round the large ones."""
    found = compiled()
    return {
        "structs": found["structs"],
        "constants": {name: str(value) for name, value in found["macros"].items()},
        "functions": {name: function.prototype for name, function in sorted(functions().items())},
    }


if __name__ == "__main__":
    print(json.dumps(abi(), indent=1))
