"""A process that starts a program, swaps edited files in forks, and describes what it became.

Run as a script: one JSON request on standard input, one answer a line.

Request: ``root`` (a folder of modules), ``modules`` (imported in this order), ``edits`` (each
``[path, new source]``, relative; none: only describe a fresh start), ``prelude`` (run first, by
exec, before anything is recorded), ``read_as_data``, ``describe`` (whether to say what became).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

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
        _import(request["modules"])
    audit.stop()
    audit.namespaces.stop()
    recorder.prepare()
    index.build_own(call_in_fork, looks_own, complete=audit.functions_made)
    for relative, source in edits:
        path = Path(root, relative)
        before = path.read_text()
        path.write_text(source)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as answer:
                answer.write(
                    _swapped(request, root, str(path), before, source, (index, recorder, audit))
                )
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            answers.write(answer.read() + "\n")
        os.waitpid(child, 0)
        path.write_text(before)
    answers.flush()


def _import(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _swapped(
    request: dict[str, Any],
    root: str,
    path: str,
    before: str,
    after: str,
    known: tuple[Index, RunRecorder, CopyAudit],
) -> str:
    try:
        old = compile(before, path, "exec", dont_inherit=True)
        new = compile(after, path, "exec", dont_inherit=True)
        data = [str(Path(root, name)) for name in request.get("read_as_data", ())]
        found = plan(path, (before.encode(), old), (after.encode(), new))
        if isinstance(found, Refusal):
            return _refused(found)
        delta = Delta(found.gone, found.come, found.headers)
        names = edited([(path, delta)], known[2].namespaces)
        outcome = prepare(path, found.old, found.new, *known, data, delta, names)
        if isinstance(outcome, Refusal):
            return _refused(outcome)
        outcome.apply()
        known[1].stop()
        known[0].clear()
        changed = outcome.changed
        if not request.get("describe", True):
            return json.dumps({"changed": changed})
        del outcome  # it holds classes that may be garbage
        return json.dumps({"changed": changed, "state": describe(root, request["modules"])})
    except BaseException:  # noqa: BLE001 (reported by the test that asked)
        return json.dumps({"error": traceback.format_exc()})


def _refused(refusal: Refusal) -> str:
    return json.dumps({"refused": refusal.reason.text, "code": refusal.reason.code})


if __name__ == "__main__":
    main()
