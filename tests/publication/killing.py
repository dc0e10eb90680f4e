"""Processes that end themselves by SIGKILL at a chosen step."""

import os
import signal
from collections.abc import Callable

from sqlalchemy import Engine, create_engine, event


class Steps:
    """Counts the steps of a piece of work and kills its own process at step ``fatal`` (0: never)."""

    def __init__(self, fatal: int) -> None:
        self.count, self.fatal = 0, fatal

    def __call__(self, *_args, **_options) -> None:
        self.count += 1
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def run(url: str, fatal: int, work: Callable[[Engine, Steps], None]) -> bool:
    """Run ``work(engine, steps)`` in its own process; return False when it died at step ``fatal``.

    Steps are the engine's statements (before and after each) and commits, and whatever ``work`` counts.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            engine, steps = create_engine(url), Steps(fatal)
            for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
                event.listen(engine, moment, steps)
            work(engine, steps)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    assert status == 0, f"the work failed otherwise: status {status}"
    return True
