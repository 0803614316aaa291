"""A mixin for any ``runserver`` that runs it under the supervisor."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import OutputWrapper, SystemCheckError

from .. import autoreload
from ..child.attach import connect
from ..child.connection import Connection
from ..child.expressions import compile_expressions
from ..failure import from_exception
from ..protocol.messages import READY, Failed
from . import project, signals, startup
from .background import Background, BackgroundChecks
from .landmarks import LANDMARKS
from .servers import on_shared_socket
from .servers.daphne import preload_endpoints
from .servers.wsgi import full_name
from .templates import Templates
from .warmup import (
    compute_namespaces,
    compute_tables,
    preload_framework,
    preload_urls,
)

if TYPE_CHECKING:
    from django.core.management.base import CommandParser
    from django.core.management.commands.runserver import Command as DjangoRunserver

    _Base = DjangoRunserver
else:
    _Base = object

_UNSUPPORTED = (
    "django-autoreload-plus does not work on this platform yet: Django's own reloader is used."
)

logger = logging.getLogger("django.utils.autoreload")


class ReloadingRunserver(_Base):
    """A mixin: goes before a ``runserver`` command class."""

    _link: Connection | None = None
    _handler: Any = None
    #: What Daphne's command serves in place of the handler.
    _application: Any = None
    #: A reload: what Django prints at a start was printed at the first.
    _reloading = False
    _checks: BackgroundChecks | None = None
    _reloader: signals.SupervisedReloader
    _uses: signals.UsageTracker
    #: The checks are for the background: the new code goes live first.
    _checks_later = False
    #: Where the command's own words go, while it repeats what it said at the first start.
    _stdout: OutputWrapper | None = None
    #: From here on the server is to be the supervisor's, see :attr:`server_cls`.
    _holds = False
    _chosen_server: Any = None

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """From here to :meth:`run`, an exit is about the command line."""
        connection = connect() if autoreload.is_child() else None
        if connection is not None:
            connection.framework.reads_command_line = True
        return super().create_parser(prog_name, subcommand, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the options; what the settings forbid is not the command line's fault."""
        connection = connect() if autoreload.is_child() else None
        if connection is not None and not settings.DEBUG and not settings.ALLOWED_HOSTS:
            # Django refuses to run; that is about the settings, and can be fixed there.
            connection.framework.reads_command_line = False
        super().handle(*args, **options)

    def run(self, **options: Any) -> None:
        """Run the server, under the supervisor unless ``--noreload`` is given."""
        if not options["use_reloader"]:
            super().run(**options)
            return
        if not autoreload.is_supported():
            if not autoreload.is_child():
                self.stderr.write(_UNSUPPORTED)
            super().run(**options)
            return
        if not autoreload.is_child():
            autoreload.become_supervisor(startup.launch())
        self._link = connect()
        if self._link is None:
            # Nobody has started this as a child of ours: Django's own convention holds.
            super().run(**options)
            return
        self._link.framework.reads_command_line = False
        self._link.serves = True
        autoreload.main(self.inner_run, None, options)

    def inner_run(self, *args: Any, **options: Any) -> None:
        """Load everything, then serve; at a reload without repeating the banner."""
        if self._link is None:
            super().inner_run(*args, **options)
            return
        connection = self._link
        self._prepare(connection, *args, **options)
        if connection.checkpoints is not None:
            connection.checkpoints.take(READY)
            connection.checkpoints.stop()
        connection.loaded()
        self._holds = True
        # In a process resumed from here it is no longer the first start.
        self._reloading = not connection.first
        self._checks_later = self._reloading and connection.options.checks_later
        background = Background(connection)
        background.add(lambda: compute_tables(connection.uses))
        self._announce(background)
        checks = self._checks = BackgroundChecks(self, connection)
        connection.checks_later = self._checks_later
        if self._checks_later:
            migrations_only = bool(options.get("skip_checks"))
            background.add(lambda: checks.run(migrations_only=migrations_only))
            background.add(self._uses.expressions.begin)
            options["skip_checks"] = True
        else:
            connection.after_serving.append(self._uses.expressions.begin)
        if self._reloading:
            self._stdout, self.stdout = self.stdout, OutputWrapper(io.StringIO())
        try:
            super().inner_run(*args, **options)
        except SystemCheckError as error:
            connection.report()
            connection.send(Failed(from_exception.from_check(str(error), landmarks=LANDMARKS)))
            raise SystemExit(1) from None

    @property
    def server_cls(self) -> Any:
        """The next command's server class, on the supervisor's socket."""
        chosen = self._chosen_server or super().server_cls
        if self._link is None or not self._holds:
            return chosen
        if self._stdout is not None:
            # The server is chosen last: all the rest has been said.
            self.stdout, self._stdout = self._stdout, None
        held = on_shared_socket(chosen, self._link, self)
        if held is None:
            # A kind that nobody here knows binds its own socket: it is run like a program
            # that does not serve, of which there is only one at a time.
            self._link.serves = False
            self._link.start()
            return chosen
        return held

    @server_cls.setter
    def server_cls(self, chosen: Any) -> None:
        # Daphne's command chooses another one for --noasgi.
        self._chosen_server = chosen

    def _prepare(self, connection: Connection, *args: Any, **options: Any) -> None:
        """Everything that depends on code alone, before anything is served."""
        # In the order of production: the handler with its middleware is loaded at the
        # start, the URLconf by the first request. It suits an edit of a view, too.
        preload_framework(connection.uses)
        if options.get("use_asgi"):
            preload_endpoints()
        self._load_handler(*args, **options)
        preload_urls()
        templates = Templates(connection)
        self._uses = signals.UsageTracker(connection, templates)
        connection.framework.after_request = self._uses

        def warm_up(keys: tuple[str, ...]) -> None:
            compute_tables(keys)
            compute_namespaces(keys)
            templates.compile(keys)
            compile_expressions(keys)

        connection.framework.warm_up = warm_up
        # May query a name server, which must not happen between a save and its answer.
        full_name(self.addr)  # type: ignore[attr-defined]
        self._reloader = signals.SupervisedReloader(connection)
        project.refine(
            connection,
            verbosity=options.get("verbosity", 1),
            no_color=options.get("no_color", False),
            force_color=options.get("force_color", False),
            asks=signals.somebody_asks(),
        )
        if connection.first and not connection.launch.measures:
            logger.info("Watching for file changes with django-autoreload-plus")

    def _announce(self, background: Background) -> None:
        """Let apps ask for more to be watched: at a reload when the new code is live.

        Django sends the signal when the URLconf is loaded, and while it begins to serve.
        """
        if self._reloading:
            background.add(self._reloader.announce)
        else:
            self._reloader.announce()

    def _load_handler(self, *args: Any, **options: Any) -> None:
        if options.get("use_asgi"):
            self._application = super().get_application(options)  # type: ignore[misc]
        else:
            self._handler = super().get_handler(*args, **options)

    def get_handler(self, *args: Any, **options: Any) -> Any:
        """The handler that was loaded before serving began."""
        if self._handler is not None:
            return self._handler
        return super().get_handler(*args, **options)

    def get_application(self, options: Any) -> Any:
        """As :meth:`get_handler`, for Daphne's command."""
        if self._application is not None:
            return self._application
        return super().get_application(options)  # type: ignore[misc]

    def check(self, *args: Any, **options: Any) -> None:
        """Done before serving at the first start, in the background at a reload."""
        if self._checks is None:
            super().check(*args, **options)
        elif not self._checks_later:
            with self._checks.as_printed():
                super().check(*args, **options)

    def check_migrations(self) -> None:
        """As :meth:`check`."""
        if self._checks is None:
            super().check_migrations()
        elif not self._checks_later:
            with self._checks.as_printed():
                super().check_migrations()

    def on_bind(self, server_port: int) -> None:
        """Print Django's banner once, not at every reload."""
        if not self._reloading:
            super().on_bind(server_port)
