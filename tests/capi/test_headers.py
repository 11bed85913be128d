"""Rule 8: the headers are the manual. Each function has its own comment, 40 % or more of each header is prose, and the
umbrella names them all. scripts/check_headers.py compiles them, in C and C++, in any order."""

import re

import pytest

from . import header

FUNCTIONS = header.functions()
SHARE = 0.40
headers = pytest.mark.parametrize("name", header.NAMES)


def letters(text: str) -> int:
    return len(re.sub(r"\s", "", text))


@headers
def test_a_header_is_prose_for_the_most_part(name: str) -> None:
    text = header.text_of(name)
    comments = re.findall(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL)
    assert sum(map(letters, comments)) / letters(text) >= SHARE


@headers
def test_a_header_begins_with_what_it_is_about(name: str) -> None:
    text = header.text_of(name)
    assert re.match(rf"/\*\*\n \* @file {re.escape(name)}\n \* @brief \S.{{15,}}", text)


@headers
def test_a_header_is_in_the_umbrella(name: str) -> None:
    if name != "tallystick.h":
        assert f'#include "{name}"' in header.text_of("tallystick.h")
        assert re.search(rf"^ \* {re.escape(name)} ", header.text_of("tallystick.h"), re.MULTILINE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_comment_of_its_own(name: str) -> None:
    comment = FUNCTIONS[name].comment
    assert comment, f"{name} in {FUNCTIONS[name].header} has no /** … */ right above it"
    assert letters(comment) >= 25


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_comment_names_only_parameters_that_exist(name: str) -> None:
    function = FUNCTIONS[name]
    named = set(re.findall(r"@param +(\w+)", function.comment))
    assert named <= {parameter.name for parameter in function.parameters}


@headers
def test_comments_name_only_functions_statuses_and_constants_that_exist(name: str) -> None:
    text = header.text_of(name)
    known = set(FUNCTIONS) | set(header.structs()) | set(re.findall(r"\b(tally_\w+)", header.declarations()))
    # The default backend is called after its system in prose.
    known |= {"tally_platform_posix", "tally_platform_memory"}
    assert {word for word in re.findall(r"\btally_\w+[a-z0-9]\b", text) if not word.endswith("_")} <= known
    symbols = {row.symbol for row in header.statuses()} | {"TALLY_E_UNKNOWN"}
    assert set(re.findall(r"\bTALLY_E_\w+[A-Z0-9]\b", text)) <= symbols


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if FUNCTIONS[name].returns == "tally_status"])
def test_a_status_that_a_comment_promises_is_written_in_full(name: str) -> None:
    """ "CLOSED" alone would not be found by who searches for TALLY_E_CLOSED."""
    for word in re.findall(r"\b(?<!TALLY_)E_[A-Z]+\b", FUNCTIONS[name].comment):
        raise AssertionError(word)
