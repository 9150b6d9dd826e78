"""A broker that cannot run says why in one line."""

import socket
from pathlib import Path

import pytest

from pipes_egress.broker.main import main


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    for name in ("key", "ca", "token"):
        (tmp_path / name).write_text("x")
    file = tmp_path / "broker.yaml"
    file.write_text(
        "listen: 127.0.0.1\nhealthListen: 127.0.0.1\nport: 0\nhealthPort: 0\noperatorUrl: https://127.0.0.1:1\n"
        f"workosKeyFile: {tmp_path}/key\ncaFile: {tmp_path}/ca\ntokenFile: {tmp_path}/token\n"
    )
    return file


def refusal(capsys: pytest.CaptureFixture[str], settings: Path, *lines: str) -> str:
    settings.write_text(settings.read_text() + "".join(f"{line}\n" for line in lines))
    assert main(["--config", str(settings)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_port_that_is_taken(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = settings.read_text().replace("healthPort: 0", f"healthPort: {port}")
        settings.write_text(text)
        assert f"cannot listen on 127.0.0.1 port {port}" in refusal(capsys, settings)


def test_a_key_file_that_is_not_there(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "key").unlink()
    assert "cannot read workosKeyFile" in refusal(capsys, settings)


def test_a_key_file_that_is_empty(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "key").write_text("\n")
    assert "is empty" in refusal(capsys, settings)


def test_a_kubeconfig_that_is_no_yaml(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.parent / "kubeconfig").write_text("{")
    error = refusal(capsys, settings, f"kubeconfig: {settings.parent}/kubeconfig")
    assert "how to reach the API server" in error


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("operatorURL: https://x", "operatorURL"),
        ("reviewSeconds: 600", "reviewSeconds"),
        ("sandbox: ftp://x", "sandbox"),
        ("workosUrl: http://api.workos.com", "workosUrl"),
        ("port: many", "port"),
    ],
)
def test_a_setting_that_makes_no_sense(
    settings: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    kept = [each for each in settings.read_text().splitlines() if each.partition(":")[0] != line.partition(":")[0]]
    settings.write_text("\n".join(kept) + "\n")
    assert says in refusal(capsys, settings, line)


def test_help_tells_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "two" in capsys.readouterr().out
