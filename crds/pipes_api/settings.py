"""Settings of a process: one YAML file, then environment variables over it.

A field `tokenFile` of the operator is `tokenFile:` in the file and
`PIPES_TOKEN_FILE` in the environment. Values in the environment are YAML too,
so lists and maps can be written there.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

ENVIRONMENT_PREFIX = "PIPES_"


class SettingsError(Exception):
    """One line that names the file or variable, the field, and what is wrong with it."""


T = TypeVar("T", bound=msgspec.Struct)


def load(kind: type[T], file: Path | None, environment: Mapping[str, str] = os.environ) -> T:
    """Read settings of that kind.

    Raises:
        SettingsError: the file cannot be read, a key is unknown, or a value is of the wrong type.
    """
    values = _from_file(file) if file is not None else {}
    for field in msgspec.structs.fields(kind):
        variable = ENVIRONMENT_PREFIX + re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", field.encode_name).upper()
        if variable in environment:
            values[field.encode_name] = _from_variable(variable, environment[variable])
    try:
        return msgspec.convert(values, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file or 'environment'}: {error}") from None


def _decode(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text())
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{file} must hold a map of settings")
    return values


def _from_variable(variable: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"the environment variable {variable} is not a YAML value") from None
