"""Regular expressions that requests have compiled."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.child.expressions import Expressions, compile_expressions

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Let no test find what another one has compiled."""
    re.purge()
    yield
    re.purge()


def is_compiled(pattern: str, flags: int = 0) -> bool:
    """Whether it need not be compiled again."""
    return (str, pattern, flags) in re._cache  # type: ignore[attr-defined]


def test_what_requests_compile_is_compiled_again() -> None:
    """The first page after a save would compile what the last one did."""
    expressions = Expressions()
    re.compile("checks")
    assert expressions.used() == set()
    expressions.begin()
    re.compile("tea(pot)?", re.IGNORECASE)
    re.compile(b"bytes")
    re.compile("x" * 2000)
    keys = expressions.used()
    re.purge()
    compile_expressions(keys)
    assert is_compiled("tea(pot)?", int(re.IGNORECASE))
    assert len(re._cache) == 1  # type: ignore[attr-defined]


def test_what_warns_or_is_wrong_is_left_to_the_program() -> None:
    """A warning would never be seen, or come from nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expressions = Expressions()
        expressions.begin()
        re.compile("[[a]")
        keys = {*expressions.used(), 'expression [0, "("]', "de"}
    re.purge()
    compile_expressions(keys)
    assert not re._cache  # type: ignore[attr-defined]
