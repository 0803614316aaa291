"""Records behave as the data classes of the standard library that type checkers take them for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from django_autoreload_plus import records

CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((), {"number": 1}),
    ((1, "b", [3]), {}),
    ((1,), {"word": "b", "items": [3]}),
    ((), {}),
    ((1, "b", [3], 4), {}),
    ((1,), {"number": 2}),
    ((1,), {"other": 2}),
]


def make(module: Any, *, frozen: bool = False, eq: bool = True) -> Any:
    """Return the same two classes, made by either module."""

    @module.dataclass(frozen=frozen, eq=eq)
    class Base:
        number: int

    @module.dataclass(frozen=frozen, eq=eq)
    class Derived(Base):
        word: str = "a"
        items: list[int] = module.field(default_factory=list)
        hidden: int = module.field(default=0, repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError(self.number)

    return Derived


@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("frozen", [False, True])
def test_made_as_a_data_class(
    call: tuple[tuple[Any, ...], dict[str, Any]],
    frozen: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A message would carry other values than its source says."""
    args, named = call
    outcomes: list[object] = []
    for module in (dataclasses, records):
        try:
            made = make(module, frozen=frozen)(*args, **named)
            changed = module.replace(made, number=7)
            outcome: object = (repr(made), repr(changed), module.asdict(made), module.astuple(made))
        except TypeError:
            outcome = TypeError
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("module", [dataclasses, records])
def test_values_of_their_own(module: Any) -> None:
    """Two records that share a list would change together."""
    cls = make(module)
    assert cls(1).items is not cls(1).items
    with pytest.raises(ValueError, match="-1"):
        cls(-1)
    assert [(field.name, field.type) for field in module.fields(cls)] == [
        ("number", "int"),
        ("word", "str"),
        ("items", "list[int]"),
        ("hidden", "int"),
    ]
    assert module.is_dataclass(cls)
    assert not module.is_dataclass(int)


@pytest.mark.parametrize("module", [dataclasses, records])
def test_compared_by_fields(module: Any) -> None:
    """Sets of looks and reasons would keep what they have already, or lose what is new."""
    cls = make(module, frozen=True)
    other = make(module, frozen=True)
    assert cls(1, "b", (), 1) == cls(1, "b", (), 2)
    assert hash(cls(1, "b", (), 1)) == hash(cls(1, "b", (), 2))
    assert cls(1, "b") != cls(2, "b")
    assert cls(1) != other(1)
    assert cls(1) != (1, "a", [])
    mutable = make(module)
    assert mutable(1) == mutable(1)
    with pytest.raises(TypeError):
        hash(mutable(1))
    identical = make(module, eq=False)
    assert identical(1) != identical(1)
    assert hash(identical(1))


@pytest.mark.parametrize("module", [dataclasses, records])
def test_frozen(module: Any) -> None:
    """A state that every decision is made from would change behind its back."""
    made = make(module, frozen=True)(1)
    with pytest.raises(AttributeError):
        made.number = 2
    with pytest.raises(AttributeError):
        del made.number
    assert made.number == 1
