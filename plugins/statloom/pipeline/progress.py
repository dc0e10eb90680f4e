"""Live progress of a run: a line for each task that ends; on a terminal also what is running now."""

import sys
import time
from typing import TextIO

_MARKS = {"success": "✓", "failed": "✗", "upstream_failed": "–", "skipped": "·"}


class Progress:
    """Prints what ends, and on a terminal what runs.

    ``out`` is where lines go; they are plain when it is no terminal.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self.out.isatty()
        self.begun = time.monotonic()

    def say(self, message: str) -> None:
        """Print one line, with the seconds since the beginning in front."""
        self._wipe()
        print(f"{self._clock()}  {message}", file=self.out, flush=True)

    def ended(self, dag: str, task: str, state: str, seconds: float | None, message: str = "") -> None:
        """Print the line of a task that has ended in ``state``, with the reason when it failed."""
        spent = f"{seconds:5.1f} s" if seconds is not None else ""
        line = f"{_MARKS.get(state, '?')} {dag:<44} {task:<12} {state:<16} {spent}"
        self.say(line.rstrip())
        if message:
            for text in message.splitlines():
                print(f"          {text}", file=self.out, flush=True)

    def running(self, names: list[str], ended: int, total: int) -> None:
        """Show on a terminal what is running; elsewhere print nothing."""
        if self.live:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            self.out.write(
                f"\r\x1b[2K{self._clock()}  {ended} of {total} tasks ended; running: {shown}"[:118]
            )
            self.out.flush()

    def _clock(self) -> str:
        return f"{time.monotonic() - self.begun:6.1f} s"

    def _wipe(self) -> None:
        if self.live:
            self.out.write("\r\x1b[2K")
