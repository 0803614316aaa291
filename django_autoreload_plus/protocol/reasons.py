"""Reasons: decisions that a user may wonder about, each with a stable code and a sentence.

A code is never given another meaning, and never given out again. Each one has a heading in
``docs/reasons.md``, which says what to do about it; the terminal, the status and its JSON
show the same values.
"""

from __future__ import annotations

from ..records import dataclass

#: The page of the documents with a heading for each code.
DOCUMENT = "docs/reasons.md"

#: The kind of each reason, by its code. ``AP1``: imported again instead of swapped.
#: ``AP2``: no checkpoint, or not one that comes later. ``AP3``: what is noticed, how, and what
#: it led to. ``AP4``: an older process had to end first.
KINDS = {
    "AP101": "Module-level code changed",
    "AP102": "The body of a class changed",
    "AP103": "A decorator changed",
    "AP104": "A default value changed",
    "AP105": "An annotation changed",
    "AP106": "A signature changed",
    "AP107": "A function has become another one",
    "AP108": "A docstring changed",
    "AP109": "A closure changed",
    "AP110": "The compiler's flags changed",
    "AP111": "Type parameters changed",
    "AP120": "A changed function ran while starting",
    "AP121": "A call that still runs holds the old code",
    "AP122": "Something else holds the old code",
    "AP123": "The running code is not what its file says",
    "AP124": "The code of a function was looked at",
    "AP125": "Code objects were copied",
    "AP126": "A warning is kept by its line number",
    "AP127": "A class cannot be told from another",
    "AP128": "The source was read as data",
    "AP129": "Too little is known of the file",
    "AP130": "Calls may have gone unrecorded",
    "AP131": "Another tool watches the process",
    "AP132": "Compiling the file gives a warning",
    "AP133": "The file is no Python source",
    "AP134": "The former source is not known",
    "AP135": "Nobody is known to have read the file",
    "AP136": "The program would not find a path as it did",
    "AP140": "This Python cannot exchange function bodies",
    "AP141": "Swaps are switched off",
    "AP142": "There is no copy of the loaded program",
    "AP150": "A name that changed was read",
    "AP151": "Any name of the module may have been read",
    "AP152": "An imported module may have been another then",
    "AP153": "The place of a name is not certain",
    "AP154": "A name is not bound as the file says",
    "AP157": "A setting that changed was read or set",
    "AP158": "A setting is not exchanged for another value",
    "AP201": "Copies are switched off",
    "AP202": "This platform or Python cannot be copied",
    "AP203": "A debugger, profiler or coverage tool is at work",
    "AP204": "The standard library has been patched for green threads",
    "AP205": "Another interpreter lives in the process",
    "AP206": "A second thread is running",
    "AP207": "A library runs threads of its own",
    "AP208": "Logging is being configured",
    "AP209": "A timer is set",
    "AP210": "A library handles a signal by itself",
    "AP211": "Memory is shared",
    "AP212": "The program has started another process",
    "AP213": "A file is locked",
    "AP214": "A file was created for one process alone",
    "AP215": "A socket is open",
    "AP216": "A pipe is open",
    "AP217": "A file is open for writing",
    "AP218": "A SQLite database is open",
    "AP219": "An open file cannot be opened again",
    "AP220": "A handle of the system's is open",
    "AP221": "A database transaction is under way",
    "AP222": "An event loop runs, or has calls scheduled",
    "AP230": "A database was read while starting",
    "AP231": "Another program was asked while starting",
    "AP232": "A process id was asked for while starting",
    "AP233": "The running program has replaced itself",
    "AP234": "A function is registered for forked processes",
    "AP240": "The change comes before the first copy",
    "AP241": "The program would not find a path as it did",
    "AP242": "An open file or folder has been replaced",
    "AP243": "There are no copies",
    "AP244": "The interpreter or the working directory has been replaced",
    "AP301": "File events are used",
    "AP302": "Scanning was asked for",
    "AP303": "The file system has no events",
    "AP304": "No source of file events is to be had",
    "AP305": "A folder cannot be watched",
    "AP306": "File events were missed",
    "AP310": "Nothing changed",
    "AP311": "The change was undone",
    "AP312": "The running program took the change",
    "AP313": "The program asked for a fresh start",
    "AP314": "A process could not be understood",
    "AP315": "The program has begun again by itself",
    "AP316": "Files were edited while the program started",
    "AP317": "A prompt was open",
    "AP318": "Each start writes a file anew",
    "AP401": "The old process ends first",
    "AP402": "Tried again without the old process",
    "AP403": "The start may be waiting for the old process",
    "AP404": "Two of the program must not run at once",
    "AP405": "A helper of the old process goes on",
}


@dataclass(frozen=True)
class Reason:
    """Why something was decided as it was.

    ``text`` is one plain sentence without a full stop, about this very case; what it is a case
    of tells the code, one of :data:`KINDS`.
    """

    code: str
    text: str

    @property
    def place(self) -> str:
        """The heading in the documents that says what it means and what to do."""
        return f"{DOCUMENT}#{self.code.lower()}"

    def __str__(self) -> str:
        """The sentence with its code, for the terminal."""
        return f"{self.text} ({self.code})"
