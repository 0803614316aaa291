"""The files that children have loaded: recorded, watched, and compared with the disk."""

from __future__ import annotations

from collections.abc import Callable

from ..protocol import messages as m
from .checkpoints.pool import CheckpointPool
from .child import Child
from .code_state import CodeState
from .file_watch import FileWatch
from .load_recorder import LoadRecorder
from .parent import Parent


class Loads:
    """Takes the reports of children, and compares them once a child is live or has failed."""

    def __init__(
        self,
        code: CodeState,
        checkpoints: CheckpointPool,
        parent: Parent,
        files: FileWatch,
        recorder: LoadRecorder,
        *,
        edited: Callable[[frozenset[str]], None],
    ) -> None:
        """``edited`` is told of files that were edited after they had begun to be loaded."""
        self._code = code
        self._checkpoints = checkpoints
        self._parent = parent
        self._files = files
        self._recorder = recorder
        self._edited = edited

    def add(self, child: Child, loaded: m.Loaded) -> None:
        """A child tells what it has loaded."""
        self._checkpoints.renew(loaded.changed_probes)
        child.add_loaded(loaded)
        if self._code.add(loaded):
            self._files.update_soon()
        if child.live:
            self.compare_live(child)

    def add_begun(self, child: Child, begun: m.Loaded) -> None:
        """A start has begun to load files that nobody knew: an edit of one may end a hang."""
        if child.live:
            self.add(child, begun)
            return
        self._code.add(begun)
        self._files.update()
        self._tell(self._recorder.record(begun.files))

    def compare(self, child: Child) -> frozenset[str]:
        """Compare what a child has loaded with the disk; returns files edited since then."""
        loaded, child.loaded = child.loaded, []
        # Watched first: an edit is then an event or seen here.
        self._files.update_if_due()
        self._checkpoints.recorded(child.generation)
        files = [item for each in loaded for item in each.files]
        self._parent.consider(item.path for item in files)
        return self._recorder.record(files)

    def compare_live(self, child: Child) -> None:
        """The same of one that was live before: an edit since then is a change."""
        self._tell(self.compare(child))

    def compare_failed(self, child: Child) -> None:
        """The same of a child that could not start: an edit since then may be the fix."""
        edited = self.compare(child)
        self._code.loaded()
        self._tell(edited)

    def _tell(self, edited: frozenset[str]) -> None:
        if edited:
            self._edited(edited)
