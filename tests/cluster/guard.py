"""Ends a control plane whose owner is gone, however it went; run as a program of its own.

It waits for the end of its standard input, whose other end only the owner holds: even a SIGKILL of the owner closes it,
and unlike a parent-death signal it neither fires when a mere thread ends nor fails to reach a stopped process.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path


def processes_of(run_dir: Path) -> list[int]:
    """Pids of the programs that were started out of `run_dir`/bin, or with an `--option=` that names a file in it."""
    program, option = f"{run_dir}/bin/".encode(), f"={run_dir}/".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = entry.joinpath("cmdline").read_bytes().split(b"\0")
                if words[0].startswith(program) or any(word.startswith(b"--") and option in word for word in words[1:]):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def sweep(run_dir: Path, seconds: float = 10.0) -> None:
    """Kills what runs out of `run_dir` and removes the folder; returns when both are done."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(run_dir)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
    shutil.rmtree(run_dir, ignore_errors=True)


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    sweep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
