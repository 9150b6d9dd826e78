"""Builds the control plane's one program, once, into a cache outside the checkout."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import ClusterError
from .toolchain import find_go

KUBERNETES_VERSION = "v1.37.2"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")

_MODULE = Path(__file__).parent / "kube"
_PACKAGE = "./controlplane"
_SOURCES = ("go.mod", "go.sum", "controlplane/main.go")
_REPORT_EVERY = 20.0
_CACHED = "not installed but available in build cache"


def cache_dir() -> Path:
    """Where everything that is kept between runs lives: `$XDG_CACHE_HOME/pipes-mcp/controlplane`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pipes-mcp" / "controlplane"


def program_path() -> Path:
    """Where this checkout's control plane is, or will be, built."""
    digest = hashlib.sha256(f"{KUBERNETES_VERSION} {platform.machine()}".encode())
    for source in _SOURCES:
        digest.update(b"\0" + (_MODULE / source).read_bytes())
    return cache_dir() / digest.hexdigest()[:16] / "controlplane"


def is_built() -> bool:
    return program_path().exists()


def build() -> Path:
    """The control plane's program, built first when it is not there. A second builder waits for the first.

    Raises ClusterError with one line that says what to do.
    """
    program = program_path()
    if program.exists():
        return program
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(program.parent / "lock"):
            if not program.exists():
                _compile(program)
    except OSError as error:
        raise ClusterError(f"cannot write {error.filename or program.parent}: {error.strerror}") from error
    return program


def _say(text: str) -> None:
    print(f"control plane: {text}", flush=True)


@contextmanager
def _only_builder(lock: Path) -> Iterator[None]:
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            _say(f"process {file.read().strip() or '?'} is building it already; waiting for that one to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _compile(program: Path) -> None:
    go = find_go(cache_dir(), _say)
    log = program.parent / "build.log"
    flags = ["-trimpath", "-ldflags", "-s -w " + _version_stamps()]
    started = time.monotonic()
    _say("looking what there is to compile (the first time it fetches 170 MB of Go modules: 1 to 2 minutes)")
    waiting = f'{{{{if and .Stale (ne .StaleReason "{_CACHED}")}}}}{{{{.ImportPath}}}}{{{{end}}}}'
    total = len(_go([go, "list", "-deps", *flags, "-f", waiting, _PACKAGE], log).split())
    expected = "5 to 10 minutes on 2 cores" if total > 500 else "a few minutes" if total > 20 else "under a minute"
    _say(f"{total} packages to compile, then linking: {expected}. What is done survives a stop. Log: {log}")
    with tempfile.TemporaryDirectory(dir=program.parent, prefix=".linking-") as folder:
        linked = Path(folder) / program.name
        _go([go, "build", "-v", *flags, "-o", str(linked), _PACKAGE], log, progress=_Progress(total))
        linked.replace(program)
    _say(f"built Kubernetes {KUBERNETES_VERSION} in {time.monotonic() - started:.0f} s: {program}")


def _version_stamps() -> str:
    """Linker flags without which the server calls itself v0.0.0-master, which version constraints refuse."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    stamps = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items())


class _Progress:
    """Counts the packages that `go build -v` names and says now and then how far it is."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._said = time.monotonic()

    def line(self, text: str) -> None:
        if " " in text.strip():
            return
        self._done += 1
        now = time.monotonic()
        if now - self._said < _REPORT_EVERY and self._done < self._total:
            return
        self._said = now
        share = min(99, 100 * self._done // max(1, self._total))
        _say(f"{self._done} of {self._total} packages ({share} %), {now - self._started:.0f} s so far")


def _go(command: list[str | Path], log: Path, *, progress: _Progress | None = None) -> str:
    """Runs a go command inside the module and answers its stdout; its stderr goes to `log` and to `progress`."""
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    with tempfile.TemporaryFile("w+") as answer, log.open("a") as record:
        process = subprocess.Popen(command, cwd=_MODULE, env=env, text=True, stdout=answer, stderr=subprocess.PIPE)
        assert process.stderr is not None
        errors: deque[str] = deque(maxlen=200)
        try:
            for line in process.stderr:
                record.write(line)
                errors.append(line)
                if progress:
                    progress.line(line)
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if code:
            raise ClusterError(_explain(errors, log))
        answer.seek(0)
        return answer.read()


def _explain(errors: Sequence[str], log: Path) -> str:
    text = "\n".join(errors)
    if "no space left on device" in text or "disk quota exceeded" in text:
        free = shutil.disk_usage(log.parent).free // 2**20
        return (
            "the disk is full: the build needs about 5 GB in Go's caches (GOCACHE, GOMODCACHE) and in TMPDIR; "
            f"{free} MB are free beside {log}. Make room or move them, then run it again: it goes on from there"
        )
    if "signal: killed" in text:
        return f"the Go linker was killed, most likely for want of memory: it needs 3.5 GB. Log: {log}"
    if "dial tcp" in text or "proxyconnect" in text or "no such host" in text:
        return f"cannot fetch Go modules: check the network or GOPROXY, then run it again. Log: {log}"
    last = next((line.strip() for line in reversed(errors) if line.strip()), "it ended without a word")
    return f"go failed: {last}. Log: {log}"
