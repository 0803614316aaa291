"""Which names in which directories lead to the paths that are wanted.

Every wanted path is broken into *places*, one for each of its components. A
place knows the one entry it depends on, ``(real directory, name)``; a symbolic
link leads to another place. So whatever happens to an entry (a file written, a
link switched, a directory renamed away and back) concerns exactly the places
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
        self.places: dict[str, PathNode] = {}
        self.folders: dict[str, Folder] = {}
        self.globs: dict[Glob, set[PathNode]] = {}

    # What is wanted

    def want(self, path: str) -> PathNode:
        """Begin to report ``path``, whether it exists or not."""
        place = self.places.get(path)
        if place is None:
            place = self._make(path, wanted=True)
        elif not place.wanted:
            place.wanted = True
            if place.registered:
                self._register(place, place.registered, everything=True)
                place.stamp = self._stamp(place)
        return place

    def unwant(self, path: str) -> None:
        """Stop reporting ``path``."""
        place = self.places.get(path)
        if place is not None:
            place.wanted = False
            self._prune(place)

    def want_glob(self, glob: Glob) -> set[PathNode]:
        """Begin to report whatever matches ``glob`` now or later; return what does now."""
        found: set[PathNode] = set()
        self.globs[glob] = set()
        place = self.places.get(glob.base) or self._make(glob.base)
        self._walk(place, glob, glob.start, found)
        return found

    def unwant_glob(self, glob: Glob) -> None:
        """Stop reporting the matches of ``glob``."""
        walked = self.globs.pop(glob, set())
        for place in walked:
            place.globs = {each: s for each, s in place.globs.items() if each != glob}
            self._settle_walker(place)
        for place in walked:
            for child in list(place.children.values()):
                child.globbed = any(g.matches(s, child.name) for g, s in place.globs.items())
                self._prune(child)
            self._prune(place)

    # What happened

    def refresh(self, place: PathNode) -> set[PathNode]:
        """Read the status of ``place`` again and of everything that depends on it.

        Returns the targets that may have changed: ``place`` itself and what
        leads to it in any case, what lies below if it is different now.
        """
        found: set[PathNode] = set()
        pending, seen = [place], {place}
        while pending:
            place = pending.pop()
            if place.is_target:
                found.add(place)
            self._resolve(place, found, renew=True)
            pending += place.led_by - seen
            seen |= place.led_by
        for place in seen:
            if place.stamp is None and place.globs:
                self._abandon(place)
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
        """The places that lead to ``folder`` itself."""
        below = {place.parent for places in folder.names.values() for place in places}
        return {place for place in below if place is not None} | folder.walkers

    def forget_vanished(self, place: PathNode) -> None:
        """Drop a glob's match that is gone."""
        if place.stamp is None and not place.wanted:
            place.globbed = False
            self._prune(place)

    def holds(self, place: PathNode) -> bool:
        """Whether ``place`` is still of interest."""
        return self.places.get(place.path) is place

    def targets(self) -> Iterator[PathNode]:
        """Iterate over everything that is reported."""
        return (place for place in self.places.values() if place.is_target)

    # How places come and go

    def _make(self, path: str, *, wanted: bool = False) -> PathNode:
        head, name = os.path.split(path)
        if not name:
            place = self.places[path] = PathNode(path, path, None)
            place.real = path
            return place
        parent = self.places.get(head) or self._make(head)
        place = self.places[path] = PathNode(path, name, parent)
        parent.children[name] = place
        place.wanted = wanted
        self._resolve(place, set(), renew=False)
        return place

    def _prune(self, place: PathNode | None) -> None:
        while place is not None and place.is_idle and place.parent and self.holds(place):
            self._unregister(place)
            self._lead(place, None)
            del self.places[place.path]
            place.parent.children.pop(place.name, None)
            place = place.parent

    def _lead(self, place: PathNode, target: PathNode | None) -> None:
        old, place.leads_to = place.leads_to, target
        if target is not None:
            target.led_by |= {place}
        if old is not None and old is not target:
            old.led_by -= {place}
            self._prune(old)

    # Registering in real directories

    def _register(self, place: PathNode, directory: str, *, everything: bool) -> None:
        if place.registered != directory:
            self._unregister(place)
        folder = self.folders.get(directory)
        if folder is None:
            folder = self.folders[directory] = Folder(directory)
            folder.everything = everything
            self._surroundings.arm(folder)
        elif everything and not folder.everything:
            folder.everything = True
            self._surroundings.arm(folder)
        same = folder.names.get(place.name, ())
        if place not in same:
            folder.names[place.name] = (*same, place)
        place.registered = directory

    def _unregister(self, place: PathNode) -> None:
        if place.registered is None:
            return
        folder = self.folders[place.registered]
        place.registered = None
        same = tuple(each for each in folder.names[place.name] if each is not place)
        if same:
            folder.names[place.name] = same
        else:
            del folder.names[place.name]
            self._release(folder)

    def _release(self, folder: Folder) -> None:
        if not folder.names and not folder.walkers:
            self.folders.pop(folder.path, None)
            self._surroundings.release(folder)

    # Looking at the disk

    def _stamp(self, place: PathNode) -> EntryStamp | None:
        if place.registered is None:
            return None
        try:
            info = os.lstat(os.path.join(place.registered, place.name))
        except OSError:
            return None
        place.links = info.st_nlink
        return stamp_of(info)

    def current_stamp(self, place: PathNode) -> EntryStamp | None:
        """The state of the entry at this moment, to compare with ``place.stamp``."""
        return self._stamp(place)

    def _resolve(self, place: PathNode, found: set[PathNode], *, renew: bool) -> None:
        """Find out where ``place`` leads now, and update everything that depends on it.

        The watch is in place before the status is read, so no change falls between.
        """
        old_stamp, old_real = place.stamp, place.real
        parent = place.parent
        if parent is None:
            return
        if parent.real is None:
            self._unregister(place)
            self._lead(place, None)
            place.stamp = place.real = None
        else:
            self._register(place, parent.real, everything=place.is_target)
            place.stamp = self._stamp(place)
            if not place.is_target and not is_directory(place.stamp):
                self._register(place, parent.real, everything=True)
                place.stamp = self._stamp(place)
            self._follow(place, parent.real)
        if place.stamp != old_stamp:
            found |= reached_by(place)
        if place.real != old_real or renew or place.stamp != old_stamp:
            self._resolve_below(place, found, renew=renew)
        if place.real != old_real:
            for other in list(place.led_by):
                self._resolve(other, found, renew=renew)

    def _follow(self, place: PathNode, directory: str) -> None:
        kind = place.stamp and place.stamp[0]
        entry = os.path.join(directory, place.name)
        if kind == stat.S_IFLNK:
            try:
                text = os.readlink(entry)
            except OSError:
                text = ""
            path = os.path.normpath(os.path.join(directory, text))
            target = self.places.get(path) or self._make(path)
            self._lead(place, target)
            place.real = target.real
        else:
            self._lead(place, None)
            place.real = entry if kind == stat.S_IFDIR else None

    def _resolve_below(self, place: PathNode, found: set[PathNode], *, renew: bool) -> None:
        if renew and place.real is not None and place.real in self.folders:
            self._surroundings.arm(self.folders[place.real])
        for child in list(place.children.values()):
            self._resolve(child, found, renew=renew)
        for glob, states in list(place.globs.items()):
            self._walk(place, glob, states, found)

    # Globs

    def _settle_walker(self, place: PathNode) -> None:
        """Let ``place`` be a walker exactly where it leads and while a glob needs it."""
        wanted = place.real if place.globs else None
        if place.walked is not None and place.walked != wanted:
            folder = self.folders[place.walked]
            folder.walkers.discard(place)
            self._release(folder)
        place.walked = wanted
        if wanted is None:
            return
        folder = self.folders.get(wanted) or Folder(wanted)
        self.folders[wanted] = folder
        folder.walkers.add(place)
        if not folder.everything:
            folder.everything = True
            self._surroundings.arm(folder)

    def _abandon(self, place: PathNode) -> None:
        """Stop walking a directory that is gone; seen again, it is entered again."""
        for child in list(place.children.values()):
            self._abandon(child)
        for glob in [glob for glob in place.globs if glob.base != place.path]:
            place.globs = {each: s for each, s in place.globs.items() if each != glob}
            self.globs[glob].discard(place)
        self._settle_walker(place)
        self._prune(place)

    def _walk(
        self, place: PathNode, glob: Glob, states: frozenset[int], found: set[PathNode]
    ) -> None:
        place.globs = {**place.globs, glob: states}
        self.globs[glob].add(place)
        self._settle_walker(place)
        if place.real is None:
            return
        folder = self.folders[place.real]
        if folder.listed is None:
            folder.listed = listing_time(folder.path)
        try:
            names = os.listdir(place.real)
        except OSError:
            return
        for name in names:
            self._enter(place, glob, states, name, found)

    def _enter(
        self, walker: PathNode, glob: Glob, states: frozenset[int], name: str, found: set[PathNode]
    ) -> None:
        path = os.path.join(walker.path, name)
        known = self.places.get(path)
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
            place = known or self._make(path)
            place.globbed = True
            place.stamp = self._stamp(place)
            found.add(place)
