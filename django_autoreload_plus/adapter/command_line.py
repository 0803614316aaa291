"""Reads the command line of a Django command; nothing here imports Django.

The supervisor is started, and shows its error page, also where the settings or the
``manage.py`` of the project cannot be loaded. The syntax is that of ``runserver``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..protocol.address import Address
from ..protocol.command_line import Entry
from ..protocol.launch import RUN_MAIN, Launch

#: The module of the child's side, and what has to be loaded before it.
PLUGIN = "django_autoreload_plus.adapter.child_setup"
PLUGIN_AFTER = "django.utils.autoreload"
#: The variable, Django's constant that holds its name, and that of another server, which is
#: asked for beside it and never set here.
ROLE_VARIABLES = (RUN_MAIN, "DJANGO_AUTORELOAD_ENV", "WERKZEUG_RUN_MAIN")
_ADDRESS = re.compile(
    r"(?:(?P<host>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+):)?(?P<port>\d{1,5})"
)
_TAKES_VALUE = ("--settings", "--pythonpath", "--verbosity", "-v")
#: The other options of any command, as far as they do not end it at once.
_FLAGS = ("--traceback", "--no-color", "--force-color", "--skip-checks")


def launch_of(entry: Entry) -> Launch:
    """How a program that may be a Django command is started."""
    return Launch(
        entry=entry,
        address=guess_address(entry.arguments),
        has_server=wants_reloader(("", *entry.arguments)),
        plugin=PLUGIN,
        plugin_after=PLUGIN_AFTER,
        role_variables=ROLE_VARIABLES,
    )


def guess_address(arguments: Sequence[str]) -> Address | None:
    """The address of ``runserver [options] [addrport]``; ``None`` for other commands."""
    if not arguments or arguments[0] != "runserver":
        return None
    ipv6 = "--ipv6" in arguments or "-6" in arguments
    host, port = "", 8000
    for word in _positional(arguments[1:]):
        match = _ADDRESS.fullmatch(word)
        if match is None:
            return None
        host, port = match["host"] or "", int(match["port"])
        break
    if host.startswith("["):
        host, ipv6 = host[1:-1], True
    if port > 65535:
        return None
    return Address(host or ("::1" if ipv6 else "127.0.0.1"), port, ipv6)


def wants_reloader(argv: Sequence[str]) -> bool:
    """``manage.py runserver`` without what prevents reloading."""
    if list(argv[1:2]) != ["runserver"]:
        return False
    return not any(
        word in ("-h", "--help", "--version")
        # argparse takes any unambiguous beginning of an option.
        or (len(word) > 4 and "--noreload".startswith(word))
        for word in argv[2:]
    )


def command_words(words: Sequence[str]) -> tuple[str, ...] | None:
    """``COMMAND [args]`` of the words that follow ``autoreload``, Django's options behind it.

    ``None`` where they name no command, ask for the help of ``autoreload`` itself, or have an
    option that not every command has: ``autoreload`` then says what is wrong.
    """
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, value = _name_and_value(word)
        # argparse takes any unambiguous beginning of an option.
        meant = [each for each in (*_TAKES_VALUE, *_FLAGS) if each.startswith(name)]
        if len(meant) != 1:
            return None
        options.append(word)
        if meant[0] in _TAKES_VALUE and not value:
            options += rest[:1]
            del rest[:1]
    return (*rest, *options) if rest else None


def _name_and_value(option: str) -> tuple[str, str]:
    """``--name=value`` and ``-nvalue`` in two; the value may be the next word instead."""
    if option.startswith("--"):
        name, _, value = option.partition("=")
        return name, value
    return option[:2], option[2:]


def django_options(words: Sequence[str]) -> tuple[str, ...]:
    """Those of the words that choose the settings and where they are found, for any command."""
    found: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, value = _name_and_value(word)
        if name in ("--settings", "--pythonpath"):
            found += [word] if value else [word, *rest[:1]]
            if not value:
                del rest[:1]
    return tuple(found)


def _positional(words: Sequence[str]) -> list[str]:
    found = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _TAKES_VALUE:
            skip = True
        elif not word.startswith("-"):
            found.append(word)
    return found
