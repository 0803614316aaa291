"""Reads the status of the files: polling where events fail, else the safety net."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ..own_code import OwnCode
from .path_node import change_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..options import Options
    from ..protocol.reasons import Reason
    from .path_index import PathIndex
    from .path_node import EntryStamp, Folder, PathNode

#: Share of one core that the safety net may take.
_SHARE = 0.0003
#: The clock is read each time this many nodes were compared.
_CLOCKED = 16
#: Of which the files outside the project get this part.
_FAR_SHARE = 0.3
#: How long an unexplained difference waits for the event that explains it, in seconds.
_DOUBT = 0.5
#: The number of lately edited nodes that are looked at in every round.
_RECENT = 64
#: The tree that holds every path, on Windows also those on other drives.
EVERYWHERE = os.sep


class Scanner:
    """Decides which status is read when; the watcher decides what a difference means.

    The safety net spends a fixed share of processor time: a small project is
    covered in every round, a large one over several, libraries last.
    """

    def __init__(self, index: PathIndex, options: Options, roots: Sequence[str]) -> None:
        self._map = index
        self._roots = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        self._own = OwnCode(roots)
        self._polling = options.polling
        self._poll_interval = options.poll_interval
        self._safety_interval = options.safety_interval
        now = time.monotonic()
        self._next_poll = now + options.poll_interval
        self._next_net = now + options.safety_interval
        #: Polled directory trees and the reason.
        self.trees: dict[str, Reason] = {}
        self._prefixes: tuple[str, ...] = ()
        self._near = _Ring()
        self._far = _Ring()
        self._stale = True
        self._recent: dict[PathNode, None] = {}
        self._doubts: dict[PathNode, tuple[float, EntryStamp | None]] = {}

    # What is polled

    def poll(self, tree: str, reason: Reason) -> None:
        """From now on look at what lies in ``tree`` at every interval."""
        if self._polling is not False:
            self.trees.setdefault(tree, reason)
            self._prefixes = tuple(
                "" if path == EVERYWHERE else path.rstrip(os.sep) + os.sep for path in self.trees
            )

    def is_polled(self, directory: str) -> bool:
        """Whether ``directory`` lies in a polled tree."""
        return bool(self.trees) and (directory + os.sep).startswith(self._prefixes)

    def is_near(self, path: str) -> bool:
        """Whether ``path`` is the developer's own code."""
        return self._own.owns(path)

    def tree_of(self, node: PathNode) -> str:
        """The tree that one missed change makes suspicious."""
        directory = node.registered or os.path.dirname(node.path)
        roots = [root.rstrip(os.sep) for root in self._roots if node.path.startswith(root)]
        return roots[0] if roots and self.is_near(node.path) else directory

    # When

    def due(self) -> list[float]:
        """The next moments, on the monotonic clock, at which there is something to do."""
        if self._polling is False:
            return []
        moments = [self._next_poll] if self.trees else []
        if self._polling is None:
            moments.append(self._next_net)
            moments += [moment for moment, _ in self._doubts.values()]
        return moments

    def renew(self) -> None:
        """Begin anew, because different paths are wanted now."""
        self._stale = True

    def edited(self, nodes: Iterable[PathNode]) -> None:
        """Events reported these: their next edit is likely."""
        for node in nodes:
            self._doubts.pop(node, None)
            self._recent.pop(node, None)
            self._recent[node] = None
        while len(self._recent) > _RECENT:
            self._recent.pop(next(iter(self._recent)))

    # Looking

    def poll_round(self, now: float) -> Iterator[PathNode]:
        """Yield nodes in polled trees that are not as they were."""
        if not self.trees or now < self._next_poll:
            return
        for folder in [f for f in self._map.folders.values() if self.is_polled(f.path)]:
            for nodes in list(folder.names.values()):
                yield from [node for node in nodes if self.differs(node)]
        self._next_poll = time.monotonic() + self._poll_interval

    def regrown(self) -> Iterator[Folder]:
        """Yield polled directories in which globs walk and an entry came or went."""
        if not self.trees:
            return
        for folder in list(self._map.folders.values()):
            if (
                folder.walkers
                and self.is_polled(folder.path)
                and change_time(folder.path) != folder.listed
            ):
                yield folder

    def net_round(self, now: float) -> Iterator[PathNode]:
        """Yield nodes whose change no event has reported."""
        if self._polling is not None:
            return
        yield from self._settled(now)
        if now < self._next_net:
            return
        for node in self._sample():
            if node not in self._doubts and self.differs(node):
                self._doubts[node] = (now + _DOUBT, self._map.current_stamp(node))
        self._next_net = now + self._safety_interval

    def _settled(self, now: float) -> Iterator[PathNode]:
        for node, (moment, stamp) in list(self._doubts.items()):
            if moment > now:
                continue
            del self._doubts[node]
            if not self._map.holds(node) or not self.differs(node):
                continue
            if self._map.current_stamp(node) == stamp:
                yield node
            else:
                self._doubts[node] = (now + _DOUBT, self._map.current_stamp(node))

    def _sample(self) -> Iterator[PathNode]:
        """Yield as many nodes as the budget allows, each in its turn."""
        yield from [node for node in self._recent if self._map.holds(node)]
        if self._stale:
            self._stale = False
            self._near.refill(node for node in self._netted() if self.is_near(node.path))
            self._far.refill(node for node in self._netted() if not self.is_near(node.path))
            return  # That was this round's work.
        budget = self._safety_interval * _SHARE
        for ring, share in ((self._near, 1 - _FAR_SHARE), (self._far, _FAR_SHARE)):
            for node in ring.turn(budget * share):
                if self._map.holds(node):
                    yield node

    def _netted(self) -> Iterator[PathNode]:
        for node in self._map.nodes.values():
            if node.registered and not self.is_polled(node.registered):
                yield node

    def differs(self, node: PathNode) -> bool:
        """Whether a node is not as it was when it was last looked at."""
        return node.registered is not None and self._map.current_stamp(node) != node.stamp


class _Ring:
    """Nodes that are looked at in turn, as many at a time as the time allows."""

    def __init__(self) -> None:
        self._nodes: list[PathNode] = []
        self._position = 0

    def refill(self, nodes: Iterable[PathNode]) -> None:
        self._nodes = list(nodes)
        self._position %= len(self._nodes) or 1

    def turn(self, seconds: float) -> Iterator[PathNode]:
        """Yield the next nodes for ``seconds`` of processor time, at most each once."""
        until = time.thread_time() + seconds
        for count in range(len(self._nodes)):
            if count % _CLOCKED == 0 and time.thread_time() > until:
                return
            node = self._nodes[self._position]
            self._position = (self._position + 1) % len(self._nodes)
            yield node
