"""A process that starts a program, swaps edited files in forks, and describes what it became.

Run as a script: one JSON request on standard input, one answer a line.

Request: ``root`` (a folder of modules), ``modules`` (imported in this order), ``edits`` (each
``[path, new source]``, relative, or a list of these; none: only describe a fresh start),
``prelude`` (run first, by exec, before anything is recorded), ``read_as_data``, ``describe``
(whether to say what became), ``mirrors`` (``module:function`` that is called with an object that
takes mirrors, before anything is imported), ``environment`` (variables).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django_autoreload_plus.child.forked_call import call_in_fork
from django_autoreload_plus.own_code import looks_own
from django_autoreload_plus.swap.apply import prepare
from django_autoreload_plus.swap.audit import CopyAudit
from django_autoreload_plus.swap.compare import Refusal
from django_autoreload_plus.swap.index import Index
from django_autoreload_plus.swap.names import Delta, edited
from django_autoreload_plus.swap.plan import plan
from django_autoreload_plus.swap.recorder import RunRecorder
from swap.description import describe

if TYPE_CHECKING:
    from django_autoreload_plus.swap.mirrors import Mirror


class _Mirrors:
    """Takes mirrors, as checkpoints do."""

    def __init__(self, audit: CopyAudit) -> None:
        self._audit = audit

    def mirror(self, mirror: Mirror) -> None:
        self._audit.namespaces.add(mirror)


def _hook(audit: CopyAudit) -> Any:
    def hook(event: str, args: tuple[object, ...]) -> None:
        audit.on_event(event, args)

    hook.__cantrace__ = True  # type: ignore[attr-defined]
    return hook


def main() -> None:
    """Answer the one request."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the program prints is no answer
    root = os.path.realpath(request["root"])
    sys.path.insert(0, root)
    os.environ.update(request.get("environment", {}))
    recorder, audit, index = RunRecorder(), CopyAudit(), Index()
    edits = request.get("edits")
    if edits is None:
        _import(request["modules"])
        answers.write(json.dumps({"state": describe(root, request["modules"])}) + "\n")
        return
    exec(request.get("prelude", ""), {})  # noqa: S102 (the test's own)
    refusal = recorder.start()
    sys.addaudithook(_hook(audit))
    audit.hooks.install()
    if refusal is None:
        if "mirrors" in request:
            module, _, function = request["mirrors"].partition(":")
            getattr(importlib.import_module(module), function)(_Mirrors(audit))
        _import(request["modules"])
    audit.stop()
    audit.namespaces.stop()
    recorder.prepare()
    index.build_own(call_in_fork, looks_own, complete=audit.functions_made)
    for edit in edits:
        changes = [edit] if isinstance(edit[0], str) else edit
        before = [Path(root, relative).read_text() for relative, _ in changes]
        for relative, source in changes:
            Path(root, relative).write_text(source)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as answer:
                answer.write(_swapped(request, root, changes, before, (index, recorder, audit)))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            answers.write(answer.read() + "\n")
        os.waitpid(child, 0)
        for (relative, _), source in zip(changes, before, strict=True):
            Path(root, relative).write_text(source)
    answers.flush()


def _import(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _swapped(
    request: dict[str, Any],
    root: str,
    changes: list[tuple[str, str]],
    earlier: list[str],
    known: tuple[Index, RunRecorder, CopyAudit],
) -> str:
    try:
        data = [str(Path(root, name)) for name in request.get("read_as_data", ())]
        found = {}
        for (relative, after), before in zip(changes, earlier, strict=True):
            path = str(Path(root, relative))
            old, new = (
                (source.encode(), compile(source, path, "exec", dont_inherit=True))
                for source in (before, after)
            )
            planned = plan(path, old, new)
            if isinstance(planned, Refusal):
                return _refused(planned)
            found[path] = planned
        deltas = {
            path: Delta(planned.gone, planned.come, planned.headers)
            for path, planned in found.items()
        }
        reads = known[2].namespaces
        names = edited(deltas.items(), reads)
        outcomes = []
        for path in sorted(found, key=reads.order_of):
            each = found[path]
            outcome = prepare(path, each.old, each.new, *known, data, deltas[path], names)
            if isinstance(outcome, Refusal):
                return _refused(outcome)
            outcomes.append(outcome)
        for outcome in outcomes:
            outcome.apply()
        known[1].stop()
        known[0].clear()
        changed = [name for outcome in outcomes for name in outcome.changed]
        if not request.get("describe", True):
            return json.dumps({"changed": changed})
        del outcomes, outcome  # they hold classes that may be garbage
        return json.dumps({"changed": changed, "state": describe(root, request["modules"])})
    except BaseException:  # noqa: BLE001 (reported by the test that asked)
        return json.dumps({"error": traceback.format_exc()})


def _refused(refusal: Refusal) -> str:
    return json.dumps({"refused": refusal.reason.text, "code": refusal.reason.code})


if __name__ == "__main__":
    main()
