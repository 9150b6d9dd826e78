"""The one entry point: help that tells what there is, no import of what a command does not need."""

import subprocess
import sys
from importlib import metadata

import pytest

from pipes_mcp.__main__ import COMMANDS, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"  {name}" in out
        assert command.says in out


def test_no_command_is_an_error_that_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: pipes-mcp" in capsys.readouterr().err


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gatway"]) == 2
    error = capsys.readouterr().err
    assert "'gatway'" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == metadata.version("pipes-mcp")


def test_the_command_line_itself_loads_none_of_the_parts() -> None:
    code = "import pipes_mcp.__main__, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    parts = {"pipes_operator", "pipes_gateway", "pipes_egress", "pipes_sandbox", "pipes_api", "aiohttp", "yaml"}
    assert not parts & set(loaded)


@pytest.mark.parametrize("command", ["gateway", "manifests", "version"])
def test_every_command_has_its_own_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: pipes-mcp {command}" in capsys.readouterr().out
