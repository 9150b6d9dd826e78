"""Restrictions in plain words, for the person who decides.

Whatever has no plain words is shown as it is: a sentence must never say more,
or less, than the schema.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pipes_api import restrictions
from pipes_api.resources import ToolLimits

from . import texts

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,80}")
_PLAIN_AT_TOP = frozenset({"$schema", "type", "title", "description", "$comment", "properties", "required"})
_BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "of at least {} characters"),
    ("maxLength", "of at most {} characters"),
    ("minItems", "of at least {} items"),
    ("maxItems", "of at most {} items"),
)
_SIMPLE = frozenset({"const", "enum", "pattern", "type", "title", "description", "$comment", *dict(_BOUNDS)})


def restriction(tool: str, schema: Mapping[str, Any], input_schema: Mapping[str, Any]) -> str:
    """`snowflake_query only with warehouse = REPORTING_WH and amount at most 100 (or left out).`"""
    parts = _members(schema, "", set(restrictions.loose(schema, input_schema)))
    if parts is None:
        return f"{tool} only with arguments that satisfy the JSON Schema {_json(schema)}."
    return f"{tool} only with {' and '.join(parts)}."


def limits(tool: str, ceilings: ToolLimits) -> str:
    """`At most 5 calls of snowflake_query, and 30 in a minute.`"""
    parts = []
    if ceilings.max_calls is not None:
        parts.append(f"{ceilings.max_calls} call{'s' if ceilings.max_calls != 1 else ''} of {tool}")
    if ceilings.calls_per_minute is not None:
        what = "" if parts else f" call{'s' if ceilings.calls_per_minute != 1 else ''} of {tool}"
        parts.append(f"{ceilings.calls_per_minute}{what} in a minute")
    return f"At most {', and '.join(parts)}."


def _members(schema: Mapping[str, Any], prefix: str, loose: set[str]) -> list[str] | None:
    """One phrase for each thing that must hold; None where there are no plain words for one.

    loose: members that may be left out, and are then held to nothing. Unsaid, a person would take them as given.
    """
    if not schema.keys() <= _PLAIN_AT_TOP:
        return None
    parts: list[str] = []
    members = schema.get("properties") or {}
    for name, each in members.items():
        phrases = _member(f"{prefix}{_value(name)}", each)
        if phrases is None:
            return None
        parts += [f"{phrase} (or left out)" for phrase in phrases] if name in loose else phrases
    parts += [f"{prefix}{_value(name)} given" for name in schema.get("required") or () if name not in members]
    return parts or None


def _member(name: str, schema: Any) -> list[str] | None:
    if schema is False:
        return [f"no {name}"]
    if "properties" in schema or "required" in schema:
        optional = set(schema.get("properties") or ()) - set(schema.get("required") or ())
        return _members(schema, f"{name}.", optional)
    if not schema.keys() <= _SIMPLE:
        return None
    phrases = []
    if "const" in schema:
        phrases.append(f"{name} = {_value(schema['const'])}")
    if "enum" in schema:
        phrases.append(f"{name} one of {', '.join(_value(each) for each in schema['enum'])}")
    if "type" in schema and not phrases:
        phrases.append(f"{name} of type {_value(schema['type'])}")
    if "pattern" in schema:
        phrases.append(f"{name} {_matching(schema['pattern'])} {_json(schema['pattern'])}")
    bounds = [words.format(_value(schema[keyword])) for keyword, words in _BOUNDS if keyword in schema]
    if bounds:
        phrases.append(f"{name} {' and '.join(bounds)}")
    return phrases or None


def _matching(pattern: str) -> str:
    """A pattern is looked for anywhere in the text (JSON Schema 6.3.3), which few people expect."""
    whole = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$") and "|" not in pattern
    return "of the pattern" if whole else "that holds the pattern"


def _value(value: Any) -> str:
    """A plain word as it is, everything else as JSON: what is in it must not look like part of the sentence."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else _json(value)


def _json(value: Any) -> str:
    return texts.escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
