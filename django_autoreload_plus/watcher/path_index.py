"""Which names in which directories lead to the paths that are wanted.

Every wanted path is broken into *nodes*, one for each of its components. A
node knows the one entry it depends on, ``(real directory, name)``; a symbolic
link leads to another node. So whatever happens to an entry (a file written, a
link switched, a directory renamed away and back) concerns exactly the nodes
registered for it, those below them and those that lead there.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .globs import Glob
from .path_node import (
    EntryStamp,
    Folder,
    Folders,
    PathNode,
    is_directory,
    listing_time,
    reached_by,
    stamp_of,
)


class PathIndex:
    """The wanted paths and every entry they depend on."""

    def __init__(self, surroundings: Folders, is_ignored: Callable[[str], bool]) -> None:
        self._surroundings = surroundings
        self._is_ignored = is_ignored
        self.nodes: dict[str, PathNode] = {}
        self.folders: dict[str, Folder] = {}
        self.globs: dict[Glob, set[PathNode]] = {}

    # What is wanted

    def want(self, path: str) -> PathNode:
        """Begin to report ``path``, whether it exists or not."""
        node = self.nodes.get(path)
        if node is None:
            node = self._make(path, wanted=True)
        elif not node.wanted:
            node.wanted = True
            if node.registered:
                self._register(node, node.registered, everything=True)
                node.stamp = self._stamp(node)
        return node

    def unwant(self, path: str) -> None:
        """Stop reporting ``path``."""
        node = self.nodes.get(path)
        if node is not None:
            node.wanted = False
            self._prune(node)

    def want_glob(self, glob: Glob) -> set[PathNode]:
        """Begin to report whatever matches ``glob`` now or later; return what does now."""
        found: set[PathNode] = set()
        self.globs[glob] = set()
        node = self.nodes.get(glob.base) or self._make(glob.base)
        self._walk(node, glob, glob.start, found)
        return found

    def unwant_glob(self, glob: Glob) -> None:
        """Stop reporting the matches of ``glob``."""
        walked = self.globs.pop(glob, set())
        for node in walked:
            node.globs = {each: s for each, s in node.globs.items() if each != glob}
            self._settle_walker(node)
        for node in walked:
            for child in list(node.children.values()):
                child.globbed = any(g.matches(s, child.name) for g, s in node.globs.items())
                self._prune(child)
            self._prune(node)

    # What happened

    def refresh(self, node: PathNode) -> set[PathNode]:
        """Read the status of ``node`` again and of everything that depends on it.

        Returns the targets that may have changed: ``node`` itself and what
        leads to it in any case, what lies below if it is different now.
        """
        found: set[PathNode] = set()
        pending, seen = [node], {node}
        while pending:
            node = pending.pop()
            if node.is_target:
                found.add(node)
            self._resolve(node, found, renew=True)
            pending += node.led_by - seen
            seen |= node.led_by
        for node in seen:
            if node.stamp is None and node.globs:
                self._abandon(node)
        return found

    def discover(self, folder: Folder, name: str) -> set[PathNode]:
        """The targets a name brings that appeared where globs walk."""
        found: set[PathNode] = set()
        for walker in list(folder.walkers):
            for glob, states in list(walker.globs.items()):
                self._enter(walker, glob, states, name, found)
        return found

    def rescan(self, folder: Folder) -> set[PathNode]:
        """Look for new names where globs walk."""
        found: set[PathNode] = set()
        # Before they are read: what comes meanwhile is then found at the next scan.
        folder.listed = listing_time(folder.path)
        for walker in list(folder.walkers):
            for glob, states in list(walker.globs.items()):
                self._walk(walker, glob, states, found)
        return found

    def owners(self, folder: Folder) -> set[PathNode]:
        """The nodes that lead to ``folder`` itself."""
        below = {node.parent for nodes in folder.names.values() for node in nodes}
        return {node for node in below if node is not None} | folder.walkers

    def forget_vanished(self, node: PathNode) -> None:
        """Drop a glob's match that is gone."""
        if node.stamp is None and not node.wanted:
            node.globbed = False
            self._prune(node)

    def holds(self, node: PathNode) -> bool:
        """Whether ``node`` is still of interest."""
        return self.nodes.get(node.path) is node

    def targets(self) -> Iterator[PathNode]:
        """Iterate over everything that is reported."""
        return (node for node in self.nodes.values() if node.is_target)

    # How nodes come and go

    def _make(self, path: str, *, wanted: bool = False) -> PathNode:
        head, name = os.path.split(path)
        if not name:
            node = self.nodes[path] = PathNode(path, path, None)
            node.real = path
            return node
        parent = self.nodes.get(head) or self._make(head)
        node = self.nodes[path] = PathNode(path, name, parent)
        parent.children[name] = node
        node.wanted = wanted
        self._resolve(node, set(), renew=False)
        return node

    def _prune(self, node: PathNode | None) -> None:
        while node is not None and node.is_idle and node.parent and self.holds(node):
            self._unregister(node)
            self._lead(node, None)
            del self.nodes[node.path]
            node.parent.children.pop(node.name, None)
            node = node.parent

    def _lead(self, node: PathNode, target: PathNode | None) -> None:
        old, node.leads_to = node.leads_to, target
        if target is not None:
            target.led_by |= {node}
        if old is not None and old is not target:
            old.led_by -= {node}
            self._prune(old)

    # Registering in real directories

    def _register(self, node: PathNode, directory: str, *, everything: bool) -> None:
        if node.registered != directory:
            self._unregister(node)
        folder = self.folders.get(directory)
        if folder is None:
            folder = self.folders[directory] = Folder(directory)
            folder.everything = everything
            self._surroundings.arm(folder)
        elif everything and not folder.everything:
            folder.everything = True
            self._surroundings.arm(folder)
        same = folder.names.get(node.name, ())
        if node not in same:
            folder.names[node.name] = (*same, node)
        node.registered = directory

    def _unregister(self, node: PathNode) -> None:
        if node.registered is None:
            return
        folder = self.folders[node.registered]
        node.registered = None
        same = tuple(each for each in folder.names[node.name] if each is not node)
        if same:
            folder.names[node.name] = same
        else:
            del folder.names[node.name]
            self._release(folder)

    def _release(self, folder: Folder) -> None:
        if not folder.names and not folder.walkers:
            self.folders.pop(folder.path, None)
            self._surroundings.release(folder)

    # Looking at the disk

    def _stamp(self, node: PathNode) -> EntryStamp | None:
        if node.registered is None:
            return None
        try:
            info = os.lstat(os.path.join(node.registered, node.name))
        except OSError:
            return None
        node.links = info.st_nlink
        return stamp_of(info)

    def current_stamp(self, node: PathNode) -> EntryStamp | None:
        """The state of the entry at this moment, to compare with ``node.stamp``."""
        return self._stamp(node)

    def _resolve(self, node: PathNode, found: set[PathNode], *, renew: bool) -> None:
        """Find out where ``node`` leads now, and update everything that depends on it.

        The watch is in place before the status is read, so no change falls between.
        """
        old_stamp, old_real = node.stamp, node.real
        parent = node.parent
        if parent is None:
            return
        if parent.real is None:
            self._unregister(node)
            self._lead(node, None)
            node.stamp = node.real = None
        else:
            self._register(node, parent.real, everything=node.is_target)
            node.stamp = self._stamp(node)
            if not node.is_target and not is_directory(node.stamp):
                self._register(node, parent.real, everything=True)
                node.stamp = self._stamp(node)
            self._follow(node, parent.real)
        if node.stamp != old_stamp:
            found |= reached_by(node)
        if node.real != old_real or renew or node.stamp != old_stamp:
            self._resolve_below(node, found, renew=renew)
        if node.real != old_real:
            for other in list(node.led_by):
                self._resolve(other, found, renew=renew)

    def _follow(self, node: PathNode, directory: str) -> None:
        kind = node.stamp and node.stamp[0]
        entry = os.path.join(directory, node.name)
        if kind == stat.S_IFLNK:
            try:
                text = os.readlink(entry)
            except OSError:
                text = ""
            path = os.path.normpath(os.path.join(directory, text))
            target = self.nodes.get(path) or self._make(path)
            self._lead(node, target)
            node.real = target.real
        else:
            self._lead(node, None)
            node.real = entry if kind == stat.S_IFDIR else None

    def _resolve_below(self, node: PathNode, found: set[PathNode], *, renew: bool) -> None:
        if renew and node.real is not None and node.real in self.folders:
            self._surroundings.arm(self.folders[node.real])
        for child in list(node.children.values()):
            self._resolve(child, found, renew=renew)
        for glob, states in list(node.globs.items()):
            self._walk(node, glob, states, found)

    # Globs

    def _settle_walker(self, node: PathNode) -> None:
        """Let ``node`` be a walker exactly where it leads and while a glob needs it."""
        wanted = node.real if node.globs else None
        if node.walked is not None and node.walked != wanted:
            folder = self.folders[node.walked]
            folder.walkers.discard(node)
            self._release(folder)
        node.walked = wanted
        if wanted is None:
            return
        folder = self.folders.get(wanted) or Folder(wanted)
        self.folders[wanted] = folder
        folder.walkers.add(node)
        if not folder.everything:
            folder.everything = True
            self._surroundings.arm(folder)

    def _abandon(self, node: PathNode) -> None:
        """Stop walking a directory that is gone; seen again, it is entered again."""
        for child in list(node.children.values()):
            self._abandon(child)
        for glob in [glob for glob in node.globs if glob.base != node.path]:
            node.globs = {each: s for each, s in node.globs.items() if each != glob}
            self.globs[glob].discard(node)
        self._settle_walker(node)
        self._prune(node)

    def _walk(
        self, node: PathNode, glob: Glob, states: frozenset[int], found: set[PathNode]
    ) -> None:
        node.globs = {**node.globs, glob: states}
        self.globs[glob].add(node)
        self._settle_walker(node)
        if node.real is None:
            return
        folder = self.folders[node.real]
        if folder.listed is None:
            folder.listed = listing_time(folder.path)
        try:
            names = os.listdir(node.real)
        except OSError:
            return
        for name in names:
            self._enter(node, glob, states, name, found)

    def _enter(
        self, walker: PathNode, glob: Glob, states: frozenset[int], name: str, found: set[PathNode]
    ) -> None:
        path = os.path.join(walker.path, name)
        known = self.nodes.get(path)
        if known is not None and (known.globbed or glob in known.globs):
            return
        if walker.real is None or self._is_ignored(path):
            return
        entry = os.path.join(walker.real, name)
        link = os.path.islink(entry)
        if os.path.isdir(entry):
            below = glob.below(states, name, link=link)
            if below:
                self._walk(known or self._make(path), glob, below, found)
        elif glob.matches(states, name) and os.path.lexists(entry):
            node = known or self._make(path)
            node.globbed = True
            node.stamp = self._stamp(node)
            found.add(node)
