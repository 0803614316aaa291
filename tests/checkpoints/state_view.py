"""A view that shows everything by which two processes could be told apart.

Copied into the projects under test; imports nothing that they would not have
imported anyway before it is first asked.
"""

from __future__ import annotations

import gc
import os
import random
import re
import signal
import sys
import threading
import time
import types
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = (str, bytes, int, float, bool, type(None))
NUMBER = re.compile(r"0x[0-9a-f]+|\[\d+\]")


def state(_request: Any) -> Any:
    """Answer with the state of this process as JSON."""
    # What is done after a reload is part of it.
    for thread in threading.enumerate():
        if thread.name == "autoreload-background":
            thread.join()
    # First of all: what follows imports modules and asks for lazy values.
    parts: dict[str, Any] = {"modules": modules(), "interpreter": interpreter(), "system": system()}
    from django.http import JsonResponse

    parts |= {
        "apps": registered_models(),
        "settings": settings_values(),
        "urls": [*patterns()],
        "signals": receivers(),
        "logging": loggers(),
        "chance": {"random": random.random()},
    }
    return JsonResponse(parts)


def text(value: object) -> str:
    """Show a value without what differs from process to process."""
    return NUMBER.sub("…", repr(value))


def name_of(thing: object) -> str:
    """Name a function or class, or else show its type."""
    name = getattr(thing, "__qualname__", None)
    return f"{thing.__module__}.{name}" if name else f"a {type(thing).__qualname__}"


def modules() -> dict[str, Any]:
    """Describe every module, in the order of ``sys.modules``."""
    return {name: list(module_facts(module)) for name, module in [*sys.modules.items()]}


def module_facts(module: Any) -> Iterator[str]:
    """Describe what the import system left in a module, and the values of its names."""
    if not isinstance(module, types.ModuleType):
        yield f"no module but {type(module).__qualname__}"
        return
    names = vars(module)
    spec = names.get("__spec__")
    yield f"spec {text(spec)} of {type(spec).__qualname__}"
    for item in ("name", "origin", "cached", "has_location", "parent", "loader_state"):
        yield f"spec.{item} {text(getattr(spec, item, None))}"
    yield f"spec.loader {loader(getattr(spec, 'loader', None))}"
    yield f"spec.submodule_search_locations {getattr(spec, 'submodule_search_locations', None)}"
    yield f"initializing {getattr(spec, '_initializing', None)}"
    yield f"__loader__ {loader(names.get('__loader__'))}"
    for item in ("__file__", "__cached__", "__package__", "__path__"):
        yield f"{item} {text(names.get(item))}"
    for name, value in [*names.items()]:
        if not name.startswith("__"):
            plain = isinstance(value, PLAIN)
            yield f"{name} = {text(value) if plain else type(value).__qualname__}"


def loader(value: Any) -> str:
    """Describe a loader, or a built-in one, which is a class."""
    kind = value if isinstance(value, type) else type(value)
    return (
        f"{kind.__module__}.{kind.__qualname__} {sorted(map(text, vars(value).items()))}"
        if (value is not None and not isinstance(value, type))
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def interpreter() -> dict[str, Any]:
    """Describe what the interpreter keeps for the whole process."""
    import atexit
    import locale
    import warnings

    main = sys.modules["__main__"]
    monitoring = getattr(sys, "monitoring", None)
    return {
        "argv": sys.argv,
        "atexit": atexit._ncallbacks(),
        "builtins": sorted(vars(sys.modules["builtins"])),
        "flags": text(sys.flags),
        "frozen by the collector": gc.get_freeze_count(),
        "hooks": [
            name_of(sys.excepthook),
            name_of(sys.displayhook),
            name_of(threading.excepthook),
            name_of(sys.unraisablehook),
        ],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode],
        "locale": locale.setlocale(locale.LC_ALL),
        "main": [[key, text(value)] for key, value in vars(main).items() if key != "__builtins__"],
        "meta_path": [name_of(item) for item in sys.meta_path],
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "path_hooks": [text(item) for item in sys.path_hooks],
        "streams": [text(item) for item in (sys.stdin, sys.stdout, sys.stderr)],
        "thresholds": [*gc.get_threshold(), gc.isenabled()],
        "tools": [monitoring.get_tool(number) for number in range(6)] if monitoring else [],
        "trace": [text(sys.gettrace()), text(sys.getprofile())],
        "warnings": [text(item) for item in warnings.filters],
    }


def system() -> dict[str, Any]:
    """Describe what the kernel keeps for the process."""
    mask = os.umask(0)
    os.umask(mask)
    with Path("/proc/self/status").open(encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    kept = ("SigIgn", "SigCgt", "SigBlk", "SigPnd", "ShdPnd", "Uid", "Gid", "NoNewPrivs", "Seccomp")
    handlers = {item.name: text(signal.getsignal(item)) for item in signal.Signals}
    return {
        "command": Path("/proc/self/cmdline").read_text(encoding="utf-8"),
        "cwd": str(Path.cwd()),
        "descriptors": sorted(descriptors()),
        "environment": dict(sorted(os.environ.items())),
        "groups": [os.getsid(0), os.getpgid(0), os.nice(0)],
        "handlers": handlers,
        "status": {name: status.get(name) for name in kept},
        "threads": sorted(re.sub(r"\d+", "…", item.name) for item in threading.enumerate()),
        "tasks": tasks(),
        "timers": [signal.getitimer(number) for number in (0, 1, 2)],
        "umask": mask,
    }


def tasks() -> int:
    """Count the threads that the kernel knows; one that has ended is seen for a moment longer."""
    end = time.monotonic() + 5
    while True:
        count = len([*Path("/proc/self/task").iterdir()])
        if count <= threading.active_count() or time.monotonic() > end:
            return count
        time.sleep(0.001)


def descriptors() -> Iterator[str]:
    """Describe the open descriptors by what they are, not by their numbers."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the number is what is asked for
        try:
            target = str(Path(f"/proc/self/fd/{name}").readlink())
            inherited = os.get_inheritable(int(name))
        except OSError:
            # The listing's own.
            continue
        yield f"{re.sub(r'[0-9]+', '…', target)} inheritable={inherited}"


def registered_models() -> dict[str, Any]:
    """Describe the app registry."""
    from django.apps import apps

    return {
        "configs": [f"{item.label} {name_of(type(item))}" for item in apps.get_app_configs()],
        "models": [
            [
                item._meta.label,
                *(f"{f.name} {type(f).__qualname__}" for f in item._meta.get_fields()),
            ]
            for item in apps.get_models(include_auto_created=True, include_swapped=True)
        ],
        "pending": [text(item) for item in apps._pending_operations],
        "ready": [apps.ready, apps.apps_ready, apps.models_ready],
    }


def settings_values() -> dict[str, str]:
    """Describe every setting."""
    from django.conf import settings

    names = [name for name in dir(settings) if name.isupper()]
    return {name: text(getattr(settings, name)) for name in names}


def patterns() -> Iterator[str]:
    """List the URLconf, its includes after the pattern that leads to them."""
    from django.urls import get_resolver

    waiting: list[Any] = [get_resolver()]
    while waiting:
        for item in waiting.pop(0).url_patterns:
            yield f"{item.pattern} {name_of(getattr(item, 'callback', None))}"
            if hasattr(item, "url_patterns"):
                waiting.append(item)


def receivers() -> list[list[str]]:
    """List the receivers of every signal, by the module-level name of the signal."""
    from django.dispatch import Signal

    found = []
    every: dict[str, object] = {**sys.modules}
    for module_name, module in every.items():
        names = vars(module) if isinstance(module, types.ModuleType) else {}
        for name, signal_ in [*names.items()]:
            if isinstance(signal_, Signal):
                its = [item[1] for item in signal_.receivers]
                live = [one() if isinstance(one, weakref.ref) else one for one in its]
                found.append([f"{module_name}.{name}", *map(name_of, live)])
    return found


def loggers() -> dict[str, Any]:
    """Describe the configuration of logging."""
    import logging

    every = {"": logging.root, **logging.root.manager.loggerDict}
    return {
        "handlers": len(vars(logging)["_handlerList"]),
        "loggers": {
            name: [
                getattr(item, "level", None),
                getattr(item, "propagate", None),
                getattr(item, "disabled", None),
                [text(handler) for handler in getattr(item, "handlers", [])],
                [text(one) for one in getattr(item, "filters", [])],
            ]
            for name, item in every.items()
        },
    }
