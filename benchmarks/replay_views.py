"""What a process shows of itself to the replay: the code that it runs, and its state.

Copied into the sites; imports nothing before it is asked that they would not have imported.
"""

from __future__ import annotations

import builtins
import gc
import json
import sys
import threading
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import state_view

if TYPE_CHECKING:
    from collections.abc import Iterator


def code(request: Any) -> Any:
    """Compare the functions of a file with what is on the disk, to the last column."""
    from django.http import JsonResponse

    _await_rest()
    path = request.GET["path"]
    current = {*_codes(compile(Path(path).read_bytes(), path, "exec", dont_inherit=True))}
    # Every function refers to its builtins; to look at all objects would copy all memory.
    found = gc.get_referrers(builtins.__dict__)
    functions = [each for each in found if type(each) is FunctionType]
    here = [each for each in functions if each.__code__.co_filename == path]
    stale = [each.__qualname__ for each in here if each.__code__ not in current]
    return JsonResponse(
        {"loaded": bool(_modules(path)), "functions": len(here), "stale": sorted(stale)}
    )


def state(request: Any) -> Any:
    """Answer with everything by which this process could be told from another."""
    known = json.loads(state_view.state(request).content)
    from django.http import JsonResponse
    from state_description import describe

    path = request.GET["path"]
    # The copies keep what was registered before them.
    del known["interpreter"]["atexit"], known["chance"]
    return JsonResponse({**known, "file": describe(path, _modules(path))})


def _await_rest() -> None:
    """What is done after a reload is part of it: only then is it let go what is not needed."""
    for thread in threading.enumerate():
        if thread.name == "autoreload-background":
            thread.join()


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _modules(path: str) -> list[str]:
    return [name for name, each in [*sys.modules.items()] if _file(each) == path]


def _file(module: Any) -> str | None:
    found = getattr(module, "__spec__", None)
    return getattr(found, "origin", None)
