"""Changed function bodies, exchanged in a forked copy of the started process.

`apply.prepare` says whether a file's new version leads to the state a fresh start would reach when
only the code of its functions is exchanged, and if so, `Ready.apply` does it.

The order in the life of a process:

1. Before the first import of the user's: ``RunRecorder.start()``; the process's audit hook, which
   has ``__cantrace__ = True``, passes on the events of ``CopyAudit.listeners()``.
2. Now and then while starting: ``RunRecorder.trim()``, which frees module bodies that ran.
3. Everything loaded. In the checkpoint: ``CopyAudit.stop()``, ``RunRecorder.prepare()`` and
   ``Index.build_own()``.
4. In a fork of the checkpoint: ``prepare`` for each edited file, and if all are `Ready`, ``apply``
   for each.
5. Where a process goes on to serve, that fork or the one that started: ``RunRecorder.stop()`` and
   ``CopyAudit.stop()``; once it is quiet, ``Index.clear()``.

`Swapper` does all of it for a child.
"""
