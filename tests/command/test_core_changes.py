"""A program without Django follows its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import write_catalog
from command.programs import (
    TALKING,
    WAITING,
    program,
    wait_until_decided,
    wait_until_followed,
    waiting,
)
from harness import wait_until, write_file

if TYPE_CHECKING:
    from pathlib import Path

RECEIVING = """
import gettext, os, sys, threading
from django_autoreload_plus import autoreload
import part

def say(text):
    # In one piece: the supervisor writes to the same terminal.
    sys.stdout.write(f"{text}\\n")

@autoreload.on_change
def changed(path):
    # Read first: what is printed leads to the next edit.
    is_taken = path.endswith("part.py") and not open(path).read().startswith("VALUE = 9")
    say(f"told of {os.path.basename(path)}")
    return is_taken

def greet():
    say(gettext.translation("tea", "locale", ["de"]).gettext("Tea"))

def work():
    greet()
    say(f"working with {part.VALUE}")
    for line in sys.stdin:
        greet()

if __name__ == "__main__":
    autoreload.main(work)
"""


def test_edit_restarts(tmp_path: Path) -> None:
    """The new code would not run."""
    with waiting(tmp_path) as server:
        server.wait_for_output("working with 1")
        server.write("part.py", "VALUE = 2\n")
        server.wait_for_output("working with 2")
        server.write("part.py", "VALUE = 3\n", atomic=True)
        server.wait_for_output("working with 3")
        server.wait_for_output(r"part.py changed · live in [\d.]+ m?s")
        wait_until(lambda: len(server.running()) == 2, "one child at a time")


def test_edit_of_the_program_itself_restarts(tmp_path: Path) -> None:
    """The file that was started, which is no module of that name, would not be watched."""
    with waiting(tmp_path) as server:
        server.wait_for_output("working with 1")
        server.edit("program.py", "working with", "busy with")
        server.wait_for_output("busy with 1")


def test_save_without_a_change_does_nothing(tmp_path: Path) -> None:
    """Each needless save would cost a restart and the program's state."""
    with waiting(tmp_path, env=TALKING) as server:
        wait_until_followed(server)
        server.write("part.py", "VALUE = 1\n")
        server.path("part.py").touch()
        server.write("part.py", "VALUE = 1\n", atomic=True)
        mark = server.mark()
        server.write("program.py", WAITING + "# changed\n")
        server.wait_for_output(r"changed · live")
        server.wait_for_output("working with 1", since=mark)
    assert server.output.count("working with 1") == 2
    assert server.output.count("live in") == 1
    assert "part.py changed" not in server.output
    assert "part.py, program.py" not in server.output


def test_old_program_ends_before_the_new_one_begins(tmp_path: Path) -> None:
    """Two copies of a program would work on the same data at once."""
    text = WAITING.replace(
        "    threading.Event().wait()",
        """
    lock = open("lock", "w")
    import fcntl
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        print("holds the lock", flush=True)
        threading.Event().wait()
    finally:
        print("given back", flush=True)""",
    )
    with program(tmp_path, {"program.py": text, "part.py": "VALUE = 1\n"}) as server:
        server.wait_for_output("working with 1")
        server.wait_for_output("holds the lock")
        server.write("part.py", "VALUE = 2\n")
        server.wait_for_output("given back\n(.*\n)?working with 2")
        server.terminate()
        assert server.wait() == 0


def test_broken_code_waits_for_a_fix(tmp_path: Path) -> None:
    """The developer would have to start the command again after each mistake."""
    with waiting(tmp_path) as server:
        server.wait_for_output("working with 1")
        server.write("part.py", "VALUE = (\n")
        server.wait_for_output(r"part.py:1 · SyntaxError.* waiting for a fix")
        server.write("part.py", "VALUE = 1 / 0\n")
        server.wait_for_output(r"part.py:1 · ZeroDivisionError.* waiting for a fix")
        server.write("part.py", "VALUE = 3\n")
        server.wait_for_output("working with 3")


def test_first_start_of_broken_code_waits_for_a_fix(tmp_path: Path) -> None:
    """A start with a mistake would end the command, also where the reloader has begun."""
    files = {"program.py": WAITING, "part.py": "VALUE = 1 / 0\n"}
    command = ("python", "-m", "django_autoreload_plus", "program.py", "one")
    with program(tmp_path, files, command=command) as server:
        server.wait_for_output("ZeroDivisionError.* waiting for a fix")
        server.write("part.py", "VALUE = 1\n")
        server.wait_for_output(r"working with 1 \('one',\)")


def test_receivers_are_asked(tmp_path: Path) -> None:
    """A program could not take a change without a restart."""
    files = {"program.py": RECEIVING, "part.py": "VALUE = 1\n"}
    write_catalog(tmp_path / "locale/de/LC_MESSAGES/tea.mo", {"Tea": "Tee"})
    with program(tmp_path, files, env={**TALKING, "NO_COLOR": "1"}, terminal=True) as server:
        wait_until_followed(server)
        server.write("part.py", "VALUE = 2\n")
        server.wait_for_output("told of part.py")
        # Before the answer is read, the next change is none that anybody is asked about.
        wait_until_decided(tmp_path)
        mark = server.mark()
        server.write("part.py", "VALUE = 9\n")
        server.wait_for_output("told of part.py", since=mark)
        server.wait_for_output("working with 9")
        assert "working with 2" not in server.output


def test_a_changed_catalogue_is_read_again(tmp_path: Path) -> None:
    """Programs without Django would go on with the old translations."""
    files = {"program.py": RECEIVING, "part.py": "VALUE = 1\n"}
    write_catalog(tmp_path / "locale/de/LC_MESSAGES/tea.mo", {"Tea": "Tee"})
    with program(tmp_path, files, env={**TALKING, "NO_COLOR": "1"}, terminal=True) as server:
        wait_until_followed(server)
        write_catalog(tmp_path / "locale/de/LC_MESSAGES/tea.mo", {"Tea": "Aufguss"})
        server.wait_for_output(r"tea\.mo changed · translations reset")
        server.type("again\n")
        server.wait_for_output("Aufguss")
    assert server.output.count("working with 1") == 1


def test_lazily_imported_module_is_noticed(tmp_path: Path) -> None:
    """Modules imported inside a function would not be watched."""
    text = WAITING.replace(
        "    threading.Event()", "    import late\n    print(late.TEXT)\n    threading.Event()"
    )
    files = {"program.py": text, "part.py": "VALUE = 1\n", "late.py": "TEXT = 'late one'\n"}
    with program(tmp_path, files) as server:
        server.wait_for_output("late one")
        server.write("late.py", "TEXT = 'late two'\n")
        server.wait_for_output("late two")


def test_module_that_was_missing_is_created(tmp_path: Path) -> None:
    """An optional module would need a restart by hand to take effect."""
    text = "try:\n    import extra\nexcept ImportError:\n    VALUE = 1\nelse:\n    VALUE = 2\n"
    with program(tmp_path, {"program.py": WAITING, "part.py": text}) as server:
        server.wait_for_output("working with 1")
        server.write("extra.py", "")
        server.wait_for_output("working with 2")
        server.path("extra.py").unlink()
        server.wait_for_output("working with 1", since=server.output.index("working with 2"))


def test_file_read_while_starting_is_watched(tmp_path: Path) -> None:
    """A changed configuration file would not reach the program."""
    text = "from pathlib import Path\nVALUE = Path(__file__).with_name('value.txt').read_text()\n"
    with program(tmp_path, {"program.py": WAITING, "part.py": text, "value.txt": "1"}) as server:
        server.wait_for_output("working with 1")
        write_file(server.path("value.txt"), "2")
        server.wait_for_output("working with 2")
