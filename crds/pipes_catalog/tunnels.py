"""Names with which servers are told to take one HTTP method for another."""

HEADERS = frozenset({"x-http-method-override", "x-http-method", "x-method-override", "x-original-method"})
_PARAMETERS = frozenset({"_method", "_httpmethod", "httpmethod", "$method", *HEADERS})


def tunnels(method: str, parameter: str) -> bool:
    """Whether a parameter of that name, in query or form, could make another method of the request's."""
    name = parameter.lower().partition("[")[0]
    return name in _PARAMETERS or (method in ("GET", "HEAD") and name == "method")
