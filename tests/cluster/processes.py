"""Processes that are remembered by pid and start time, so that one which reuses the pid is never taken for them."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ClusterError


def start_time(pid: int) -> str | None:
    """The kernel's start time of a live process (clock ticks since boot); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Process:
    """One daemon out of a run folder; `<run_dir>/<name>.pid` lets another program find it again."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.name = name
        self.log = run_dir / f"{name}.log"
        self._run_dir = run_dir
        self._record = run_dir / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it lives."""
        if self._child and self._child.poll() is not None:
            return None
        try:
            record = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        return int(record["pid"]) if start_time(record["pid"]) == record["start"] else None

    def start(self, arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Starts it in a session of its own, with the run folder as working directory and `log` as output."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                arguments,
                cwd=self._run_dir,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        record = {"pid": self._child.pid, "start": start_time(self._child.pid)}
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps(record))
        beside.replace(self._record)

    def signal(self, number: signal.Signals) -> None:
        """Raises ClusterError when it does not run."""
        pid = self.pid
        if pid is None:
            raise ClusterError(f"{self.name} is not running; its log is {self.log}")
        os.kill(pid, number)

    def kill(self, seconds: float = 10.0) -> None:
        """Ends it at once, stopped or not, and returns when it is gone."""
        deadline = time.monotonic() + seconds
        while (pid := self.pid) is not None and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if self._child:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(0.1)
            else:
                time.sleep(0.01)
        if self._child:
            self._child.wait(seconds)
            self._child = None

    def last_words(self) -> str:
        """The last line of its log that says something went wrong, for an error message."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "it wrote no log"
        wrong = [line for line in lines if line.startswith(("E", "F", "Error", "panic")) or '"level":"fatal"' in line]
        return (wrong or lines or ["it wrote no log"])[-1][:300]
