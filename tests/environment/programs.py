"""The product's processes, each started as a pod would start it: one settings file, token files, nothing else."""

import contextlib
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import ClusterError
from cluster.processes import Process

_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0


class Program:
    """One process of the product: `pipes-mcp NAME --config FILE`, found again by its pid file."""

    def __init__(
        self, run_dir: Path, command: str, *, name: str = "", ready_url: str = "", options: Sequence[str] = ()
    ) -> None:
        """options: instead of a settings file, for a program that takes none."""
        self.name = name or command
        self._config = run_dir / f"{self.name}.yaml"
        # One word each, so that whoever sweeps the run folder finds the process by the file it names.
        self._arguments = [command, *(options or (f"--config={self._config}",))]
        self._ready_url = ready_url
        self._process = Process(run_dir, self.name)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._process.log

    def start(self, settings: Mapping[str, Any] | None = None, *, wait: bool = True) -> None:
        """Start it, with new settings or those it had; returns when it says it is ready."""
        if settings is not None:
            self._config.write_text(yaml.safe_dump(dict(settings), sort_keys=False))
        self._process.start([sys.executable, "-m", "pipes_mcp", *self._arguments])
        if wait:
            self.await_ready()

    def await_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Raises ClusterError with the last line of its log when it ends or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.pid is None:
                raise ClusterError(f"{self.name} ended: {self._last_line()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise ClusterError(f"{self.name} is not ready after {seconds:.0f} s (log: {self.log})")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready_url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def send(self, number: signal.Signals) -> None:
        self._process.signal(number)

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        deadline = time.monotonic() + _STOP_SECONDS
        with contextlib.suppress(ClusterError):
            self._process.signal(signal.SIGTERM)
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        self._process.kill()

    def kill(self) -> None:
        self._process.kill()

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1][:300] if lines else "it wrote no log"
