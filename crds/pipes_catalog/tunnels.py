"""Names with which servers are told to take one HTTP method for another."""

import re

HEADERS = frozenset({"x-http-method-override", "x-http-method", "x-method-override", "x-original-method"})
_PARAMETERS = frozenset({"_method", "_httpmethod", "httpmethod", "$method", *HEADERS})
_WORDS = frozenset(re.sub(r"[^a-z0-9]", "", each) for each in _PARAMETERS)


def tunnels(method: str, parameter: str) -> bool:
    """Whether a parameter of that name, in query or form, could make another method of the request's."""
    name = parameter.lower().partition("[")[0]
    if method not in ("GET", "HEAD"):
        return name in _PARAMETERS
    # Of what should only read, no spelling passes: PHP takes ` _method` and `.method` for `_method`.
    return re.sub(r"[^a-z0-9]", "", name) in _WORDS
