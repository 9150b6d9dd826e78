"""JSON-RPC 2.0, read strictly: what two readers could understand differently is refused."""

import json
from dataclasses import dataclass
from typing import Any

from .protocol import INVALID_REQUEST, PARSE_ERROR

MAXIMUM_DEPTH = 64

Id = str | int | None


class RpcError(Exception):
    """A JSON-RPC error and the HTTP status it goes with."""

    def __init__(self, code: int, message: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    def body(self, request_id: Id) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": request_id, "error": error}


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or a notification when `notification`; `id` is exactly what came."""

    method: str
    params: dict[str, Any]
    id: Id = None
    notification: bool = False

    @property
    def meta(self) -> Any:
        return self.params.get("_meta")


def parse(body: bytes) -> Any:
    """Decode a body.

    Raises:
        RpcError: −32700 for anything but one JSON text in UTF-8: a byte order mark, a key that appears twice,
            NaN, half a surrogate pair, an integer beyond what is read, deeper than 64 levels.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        too_deep = text.count("[") + text.count("{") > MAXIMUM_DEPTH and _depth(value) > MAXIMUM_DEPTH
    except RecursionError:
        too_deep = True
    except ValueError as error:
        # The error of the JSON reader says where; a decoding error would repeat the body.
        told = str(error) if not isinstance(error, UnicodeError) else "not Unicode text"
        raise RpcError(PARSE_ERROR, f"Parse error: {told[:200]}") from None
    if too_deep:
        raise RpcError(PARSE_ERROR, f"Parse error: nested deeper than {MAXIMUM_DEPTH} levels")
    return value


def id_of(value: Any) -> Id:
    """The id of a decoded body, for an error that answers it; None where there is none that can be echoed."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if _is_id(found) else None


def message(value: Any) -> Message:
    """One request or notification.

    Raises:
        RpcError: −32600; a batch, a response, or an envelope that is not JSON-RPC 2.0.
    """
    if isinstance(value, list):
        raise _invalid("Batches are not accepted; send one message a request")
    if not isinstance(value, dict):
        raise _invalid("The body must be one JSON-RPC message, an object")
    if value.get("jsonrpc") != "2.0":
        raise _invalid('"jsonrpc" must be "2.0"')
    method = value.get("method")
    if not isinstance(method, str):
        raise _invalid('"method" must be a string; responses are not accepted')
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise _invalid('"params" must be an object')
    if "id" not in value:
        return Message(method, params, notification=True)
    if not _is_id(value["id"]):
        raise _invalid('"id" must be a string or an integer')
    return Message(method, params, value["id"])


def dumps(value: Any) -> bytes:
    """JSON in ASCII: no reader can take U+2028 or the like for the end of a line, and half a surrogate is replaced."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    if "\\ud" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            text = json.dumps(_whole(value), separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _invalid(text: str) -> RpcError:
    return RpcError(INVALID_REQUEST, f"Invalid request: {text}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
    return deepest


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value
