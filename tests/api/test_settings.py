"""Settings come from a file and the environment; whatever is wrong is told in one line."""

from pathlib import Path

import msgspec
import pytest

from pipes_api.settings import SettingsError, load


class Sample(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    token_file: str = "/t"
    lease_seconds: int = 60
    namespaces: tuple[str, ...] = ()


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("tokenFile: /a\nleaseSeconds: 30\n")
    settings = load(Sample, file, {"PIPES_LEASE_SECONDS": "10", "PIPES_NAMESPACES": "[a, b]"})
    assert (settings.token_file, settings.lease_seconds, settings.namespaces) == ("/a", 10, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tokenFlie: /a", "tokenFlie"),
        ("leaseSeconds: soon", "leaseSeconds"),
        ("- a", "map of settings"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_that_names_the_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as told:
        load(Sample, file, {})
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*none\.yaml"):
        load(Sample, tmp_path / "none.yaml", {})
