# pyright: strict
"""What a program that uses this package looks like to a type checker: never run."""

from __future__ import annotations

import sys

import django_autoreload_plus
from django_autoreload_plus import autoreload
from django_autoreload_plus.autoreload import Options, main, run_with_reloader


def serve(port: int, *, host: str = "127.0.0.1") -> None:
    """Stand for a program's own loop."""


@autoreload.on_change
def changed(path: str) -> bool:
    """Take the changes of templates in the running program."""
    return path.endswith(".html")


@autoreload.on_change
def noted(path: str) -> None:
    """Take none."""


def version() -> str:
    """Use what the package itself exports."""
    return django_autoreload_plus.__version__


def plain() -> None:
    """Start as Django's own function is called."""
    autoreload.main(serve, (8000,), {"host": "::1"})
    autoreload.main(serve, args=[8000], kwargs=None)
    run_with_reloader(serve, 8000, host="::1")


def with_options() -> None:
    """Set what can be set."""
    options = Options(
        watch=("*.toml",),
        ignore=(),
        grace_period=2,
        polling=None,
        checks="before",
        checkpoints=False,
        editor="vscode",
    )
    main(serve, (8000,), options=options)


def asked() -> int:
    """Ask in the program, and end it."""
    if not autoreload.is_supported():
        return 1
    if autoreload.is_child():
        autoreload.restart()
    return autoreload.RESTART_CODE


if __name__ == "__main__":
    sys.exit(asked())
