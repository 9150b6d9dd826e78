"""What an installation applies: CRDs, accounts, rights, heartbeats and admission policies, as plain Kubernetes objects.

The YAML files beside this module hold placeholders for the operator's identity; `load` fills them in.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

OPERATOR = "system:serviceaccount:pipes-system:operator"
"""User name of the operator where nothing else is said."""

_ACCOUNT = re.compile(r"system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):([a-z0-9]([-.a-z0-9]*[a-z0-9])?)")
_CRDS = ("agentsessions.yaml", "providerbindings.yaml")
_STAMPING_SINCE = (1, 36)
_STAMP = "stamp.yaml"

# What the API server fills in, by kind; the answer of `same_spec` must not depend on who filled it in.
_CONSTRAINT_DEFAULTS: Document = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
_CRD_DEFAULTS: Document = {"conversion": {"strategy": "None"}}


def load(operator: str = OPERATOR, *, stamping: bool = True) -> list[Document]:
    """Every object of an installation, in the order in which to apply them.

    Args:
        operator: user name of the operator, `system:serviceaccount:NAMESPACE:NAME`.
        stamping: whether the server has MutatingAdmissionPolicy; see `has_stamping`.

    Raises:
        ValueError: `operator` is not a ServiceAccount's user name.
    """
    namespace, _ = _account(operator)
    return [
        *crds(),
        *accounts(operator),
        *roles(),
        *operator_rights(operator),
        *broker_rights(operator),
        # Before the policies: without stamping these would want the installer's name in requestedBy.
        *heartbeats(namespace),
        *policies(operator, stamping=stamping),
    ]


def has_stamping(version: Mapping[str, Any]) -> bool:
    """Whether a server serves MutatingAdmissionPolicy, by its answer to `GET /version`."""
    numbers = [re.match(r"\d+", str(version.get(part, ""))) for part in ("major", "minor")]
    return tuple(int(number[0]) if number else 0 for number in numbers) >= _STAMPING_SINCE


def crds() -> list[Document]:
    """The two CustomResourceDefinitions."""
    return [_documents(_crd_file(name), {})[0] for name in _CRDS]


def accounts(operator: str = OPERATOR) -> list[Document]:
    """The operator's namespace, and the ServiceAccounts of operator and broker in it."""
    return _documents(_data() / "accounts.yaml", _names(operator))


def roles() -> list[Document]:
    """The ClusterRoles for people; binding them is the installation's own choice."""
    return _documents(_data() / "roles.yaml", {})


def operator_rights(operator: str = OPERATOR) -> list[Document]:
    """What the operator's ServiceAccount may do, bound to it."""
    return _documents(_data() / "operator.yaml", _names(operator))


def broker_rights(operator: str = OPERATOR) -> list[Document]:
    """What the broker's ServiceAccount, in the operator's namespace, may do, bound to it."""
    return _documents(_data() / "broker.yaml", _names(operator))


def heartbeats(namespace: str, requested_by: str | None = None) -> list[Document]:
    """The ProviderBinding and AgentSession with which the operator proves its watches of one namespace.

    requested_by: user name of who applies them, which it takes where policies are in force without stamping.
    """
    binding, session = _documents(_data() / "heartbeat.yaml", {"@namespace@": namespace})
    if requested_by is not None:
        session["spec"]["requestedBy"] = requested_by
    return [binding, session]


def policies(operator: str = OPERATOR, *, stamping: bool = True) -> list[Document]:
    """Each admission policy, followed by the binding that puts it in force everywhere.

    Raises:
        ValueError: `operator` is not a ServiceAccount's user name.
    """
    _account(operator)
    result = []
    for file in sorted((_data() / "policies").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".yaml") and (stamping or file.name != _STAMP):
            (policy,) = _documents(file, {"@operator@": operator})
            _unroll(policy["spec"])
            result += [policy, _binding(policy)]
    return result


def same_spec(shipped: Mapping[str, Any], live: Mapping[str, Any]) -> str | None:
    """Whether a policy, policy binding or CRD of the server is the shipped one, its server-side defaults aside.

    Returns:
        None when it is; else the path of what differs, like `spec.validations[3].expression`.
    """
    if live.get("kind", shipped["kind"]) != shipped["kind"]:
        return "kind"
    kind = shipped["kind"]
    return _difference(_with_defaults(kind, shipped["spec"]), _with_defaults(kind, live.get("spec") or {}), "spec")


def _account(operator: str) -> tuple[str, str]:
    # It is put into expressions of the policies, so nothing but a ServiceAccount's name may pass.
    match = _ACCOUNT.fullmatch(operator)
    if match is None:
        raise ValueError(f"not the user name of a ServiceAccount (system:serviceaccount:NAMESPACE:NAME): {operator!r}")
    return match[1], match[3]


def _names(operator: str) -> dict[str, str]:
    namespace, name = _account(operator)
    return {"@namespace@": namespace, "@name@": name}


def _data() -> Traversable:
    return resources.files(__package__) / "manifests"


def _crd_file(name: str) -> Traversable:
    packaged = _data() / "crds" / name
    # In a checkout the CRDs stand at the top of crds/, where people look for them; the wheel brings a copy.
    return packaged if packaged.is_file() else Path(__file__).parent.parent / name


def _documents(file: Traversable, placeholders: Mapping[str, str]) -> list[Document]:
    text = file.read_text(encoding="utf-8")
    for placeholder, value in placeholders.items():
        text = text.replace(placeholder, value)
    return [document for document in yaml.safe_load_all(text) if document]


def _unroll(spec: Document) -> None:
    """Writes a validation with `repeat: N` N times, with `@index@` counting from 0."""
    if "validations" in spec:
        spec["validations"] = [line for validation in spec["validations"] for line in _repeated(validation)]


def _repeated(validation: Document) -> Iterator[Document]:
    times = validation.pop("repeat", None)
    if times is None:
        yield validation
        return
    for index in range(times):
        yield {key: value.replace("@index@", str(index)) for key, value in validation.items()}


def _binding(policy: Mapping[str, Any]) -> Document:
    """In force in every namespace, for everybody: a selector or a parameter would be a way around the policy."""
    name = policy["metadata"]["name"]
    spec: Document = {"policyName": name}
    if policy["kind"] == "ValidatingAdmissionPolicy":
        spec["validationActions"] = ["Deny", "Audit"]
    return {
        "apiVersion": policy["apiVersion"],
        "kind": f"{policy['kind']}Binding",
        "metadata": {"name": name},
        "spec": spec,
    }


def _with_defaults(kind: str, spec: Mapping[str, Any]) -> Document:
    if kind == "CustomResourceDefinition":
        return {**_CRD_DEFAULTS, **spec}
    if kind not in ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"):
        return dict(spec)
    constraints = {**_CONSTRAINT_DEFAULTS, **spec.get("matchConstraints", {})}
    rules = [{"scope": "*", **rule} for rule in constraints.get("resourceRules", ())]
    return {"failurePolicy": "Fail", **spec, "matchConstraints": {**constraints, "resourceRules": rules}}


def _difference(shipped: Any, live: Any, path: str) -> str | None:
    if isinstance(shipped, dict) and isinstance(live, dict):
        for key in sorted(shipped.keys() | live.keys()):
            if key not in shipped or key not in live:
                return f"{path}.{key}"
            if found := _difference(shipped[key], live[key], f"{path}.{key}"):
                return found
        return None
    if isinstance(shipped, list) and isinstance(live, list):
        for index, (one, other) in enumerate(zip(shipped, live, strict=False)):
            if found := _difference(one, other, f"{path}[{index}]"):
                return found
        return None if len(shipped) == len(live) else f"{path}[{min(len(shipped), len(live))}]"
    # True == 1 in Python, never in JSON.
    return None if type(shipped) is type(live) and shipped == live else path
