"""The exceptions of a chain, in the order in which Python prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tracebacks import MAX_CHAIN, described_parts, parts

if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterator

    from ..protocol.failure import Relation

#: An exception, Python's description of it, and its relation to the one before.
Member = tuple[BaseException, "traceback.TracebackException | None", "Relation"]


def members(
    exc: BaseException,
    described: traceback.TracebackException | None,
) -> Iterator[Member]:
    """Yield the chain as Python prints it, each group followed by its parts."""
    budget = MAX_CHAIN
    waiting: list[Member] = [(exc, described, "")]
    while waiting and budget > 0:
        error, description, relation = waiting.pop(0)
        chain = _straight_chain(error, description)
        if len(chain) > budget:
            chain = chain[: budget // 2] + chain[len(chain) - budget // 2 - 1 :]
        budget -= len(chain)
        yield chain[0][0], chain[0][1], relation
        yield from chain[1:]
        for member, member_description, _ in chain:
            inner = parts(member)
            descriptions = described_parts(member_description) if member_description else []
            padded = [*descriptions, *[None] * (len(inner) - len(descriptions))]
            waiting.extend(
                (part, part_description, "part")
                for part, part_description in zip(inner, padded, strict=False)
            )


def _straight_chain(
    exc: BaseException,
    described: traceback.TracebackException | None,
) -> list[Member]:
    """``exc`` and what led to it, the oldest first."""
    newest_first: list[Member] = []
    seen: set[int] = set()
    error: BaseException | None = exc
    relation: Relation
    description = described
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if error.__cause__ is not None:
            following, following_description, relation = (
                error.__cause__,
                description and description.__cause__,
                "cause",
            )
        elif error.__context__ is not None and not error.__suppress_context__:
            following, following_description, relation = (
                error.__context__,
                description and description.__context__,
                "context",
            )
        else:
            following, following_description, relation = None, None, ""
        newest_first.append((error, description, relation if id(following) not in seen else ""))
        error, description = following, following_description
    return newest_first[::-1]


def message_of(error: BaseException, description: traceback.TracebackException | None) -> str:
    """The message as Python prints it, with its suggestions."""
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg or "")
        first = next(iter(description.format_exception_only())) if description else str(error)
    except Exception as unprintable:  # noqa: BLE001 - __str__ is the user's code
        return f"<the message cannot be shown: {type(unprintable).__name__}>"
    name = type_name(error)
    first = first.rstrip("\n")
    return "" if first == name else first.removeprefix(f"{name}: ")


def type_name(error: BaseException) -> str:
    """The qualified name of its class, builtins without their module."""
    kind = type(error)
    module, name = str(kind.__module__), str(kind.__qualname__)
    return name if module in {"builtins", "__main__"} else f"{module}.{name}"
