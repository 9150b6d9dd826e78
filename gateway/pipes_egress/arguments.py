"""Arguments held to the tool's input schema, before anything else is done with them."""

from collections import OrderedDict
from typing import Any

import jsonschema_rs

from pipes_catalog.definition import ToolDefinition
from pipes_catalog.input_rules import compile_schema

from .problems import ArgumentRefused

REMEMBERED = 512
LONGEST = 300


class Arguments:
    """Compiled schemas by definition hash."""

    def __init__(self) -> None:
        self._validators: OrderedDict[str, jsonschema_rs.Draft202012Validator] = OrderedDict()

    def checked(self, definition: ToolDefinition, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the schema's defaults for those that are absent.

        Raises:
            ArgumentRefused: naming the argument and what is wrong with it.
        """
        for error in self._validator(definition).iter_errors(arguments):
            place = ".".join(str(each) for each in error.instance_path)
            message = f"{place}: {error.message}" if place else error.message
            raise ArgumentRefused(message if len(message) <= LONGEST else message[: LONGEST - 1] + "…")
        properties = definition.input_schema.get("properties") or {}
        # A property's schema may also be true or false.
        described = {name: each for name, each in properties.items() if isinstance(each, dict)}
        defaults = {name: each["default"] for name, each in described.items() if "default" in each}
        return {**defaults, **arguments}

    def _validator(self, definition: ToolDefinition) -> jsonschema_rs.Draft202012Validator:
        known = self._validators.get(definition.hash)
        if known is None:
            known = compile_schema(definition.input_schema)
            self._validators[definition.hash] = known
            if len(self._validators) > REMEMBERED:
                self._validators.popitem(last=False)
        return known
