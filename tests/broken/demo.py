"""A demo site that tests share: each leaves it working, or the next one gets a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import DevServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STATE = (".sqlite3", ".pyc")


class Demo:
    """A server on a project that is put back after each test."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._good = self._files()
        self._server: DevServer | None = None

    def server(self) -> DevServer:
        """The server, started if there is none, with the project as it was at first."""
        if self._server is None:
            self._server = DevServer(self._project)
            self._server.start()
            self._server.wait_for("/version/")
        return self._server

    def prepare(self, change: Callable[[Path], None] | None) -> None:
        """Let the project be changed by ``change``, if there is anything to change."""
        before, since = self._files(), self.server().mark()
        if change is not None:
            change(self._project)
        if self._files() != before:
            self.server().wait_for_output("live in", since=since)

    def restore(self) -> None:
        """Put the project back; a server that does not recover is replaced."""
        server = self.server()
        since = server.mark()
        try:
            if self._write_back():
                server.wait_for_output("live (in|again)", since=since)
            server.wait_for("/version/")
        except AssertionError:
            self.close()
            # Now, so that no innocent test is charged with what this leaves open.
            self.server()

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _write_back(self) -> bool:
        now = self._files()
        for path, content in self._good.items():
            if now.get(path) != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for path in now.keys() - self._good.keys():
            path.unlink()
        return now != self._good

    def _files(self) -> dict[Path, bytes]:
        # Beside the project may lie folders of the same test.
        found = (path for path in self._project.parent.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in found if path.suffix not in _STATE}
