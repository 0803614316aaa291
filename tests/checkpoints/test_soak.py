"""Many reloads in a row: nothing missed, nothing refused, nothing left over."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"
RELOADS = 60


@pytest.mark.timeout(300)
def test_many_reloads_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day of work the machine would be full of processes, or the command stuck."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import soak

    report = soak.soak(tmp_path, RELOADS)
    assert report.is_clean, (report.stale, report.failures)
    first, last = report.samples
    # So many more would be one for every third reload.
    assert last.processes < first.processes + RELOADS / 3, soak.table(report)
    assert last.descriptors < first.descriptors + RELOADS / 3 + 100, soak.table(report)
    assert last.supervisor < first.supervisor + 20, soak.table(report)
