"""`python -m pipes_sandbox` starts, says where it is, and fails with one line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pipes_sandbox.__main__ import main


def test_it_says_where_it_listens_and_stops_when_told(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pipes_sandbox",
        "--port",
        "0",
        "--json",
        "--tls-port",
        "0",
        "--tls-dir",
        str(tmp_path),
    ]
    environment = {**os.environ, "PIPES_SANDBOX_ADMIN_TOKEN": "from-the-environment"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["admin_token"] == "from-the-environment"
        assert said["ca_file"] == str(tmp_path / "ca.pem")
        with urllib.request.urlopen(said["url"] + "/healthz", timeout=5) as health:
            assert health.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (tmp_path / "server-key.pem").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "address already in use" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "must be a mapping"),
        ("users: [", "not YAML"),
        ("users: [{id: u}]", "'email' in"),
        ("accounts: [{id: a, slug: nowhere}]", "names an integration that is not there"),
        ("google_drive: {files: [{id: x}]}", "in file"),
        ("people: []", "unknown section 'people'"),
        ("users: {}", "section 'users' must be a list"),
    ],
)
def test_a_wrong_seed_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(text)
    assert main(["--port", "0", "--seed", str(seed)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--host", "--port", "--seed", "--api-key", "--tls-port", "8780"):
        assert option in shown
