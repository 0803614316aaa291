"""The kernel's clock, also in a program that has been given another time.

freezegun, time-machine and the like exchange what :mod:`time` tells, the latter in C. A start is
compared with the times of files, so its own times have to come from the same clock as those.
"""

from __future__ import annotations

import sys
import time

#: CLOCK_REALTIME_COARSE, see clock_gettime(2): Linux takes the times of files from it, and no
#: library is known to exchange it. :mod:`time` has no name for it.
_COARSE = 5

if sys.platform == "linux":
    _ask = time.clock_gettime_ns

    def now_ns() -> int:
        """Nanoseconds since the epoch; late by up to 10 ms, as the times of files are."""
        return _ask(_COARSE)

else:
    now_ns = time.time_ns
