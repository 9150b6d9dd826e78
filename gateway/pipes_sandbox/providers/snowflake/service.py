"""The SQL API: `/api/v2/statements` and what hangs under it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError, flag
from pipes_sandbox.providers.snowflake import jobs
from pipes_sandbox.providers.snowflake.database import AccountDatabase
from pipes_sandbox.providers.snowflake.errors import StatementError
from pipes_sandbox.providers.snowflake.jobs import Job, Jobs
from pipes_sandbox.providers.snowflake.session import Session
from pipes_sandbox.providers.snowflake.translate import compiled
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import ProviderToken, TokenBook

_HOSTS = (".snowflakecomputing.com", ".snowflakecomputing.cn")
_LONGEST_TIMEOUT = 604_800
_REQUESTS_KEPT = 500
_IN_PROGRESS = "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."


class SnowflakeService(Service):
    name = "snowflake"
    prefixes = ("/api/v2/statements",)

    def __init__(
        self,
        tokens: TokenBook,
        accounts: Mapping[str, Any],
        *,
        synchronous_wait: float,
        partition_rows: int,
        threads: int,
    ) -> None:
        super().__init__()
        self._tokens = tokens
        self._accounts = {name.lower().replace("_", "-"): _Account(options or {}) for name, options in accounts.items()}
        self._synchronous_wait = synchronous_wait
        self._jobs = Jobs(threads, partition_rows)
        self._requests: OrderedDict[tuple[str, str], Job] = OrderedDict()
        self.router.add("POST", "/api/v2/statements", self._submit)
        self.router.add("GET", "/api/v2/statements/{handle}", self._fetch)
        self.router.add("POST", "/api/v2/statements/{handle}/cancel", self._cancel)

    def serves(self, host: str) -> bool:
        return host.endswith(_HOSTS)

    def authenticate(self, call: Call) -> None:
        self._caller(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        if allowed:
            return _refused(405, "390142", "Method Not Allowed")
        return _refused(404, "390404", f"{call.path} not found")

    async def close(self) -> None:
        await self._jobs.close()
        for account in self._accounts.values():
            account.database.close()

    async def describe(self) -> dict[str, Any]:
        counts = {
            name: await self._jobs.in_thread(account.database.row_counts) for name, account in self._accounts.items()
        }
        return {"statements": self._jobs.describe(), "row_counts": counts}

    def _caller(self, call: Call) -> ProviderToken:
        kind = call.header("X-Snowflake-Authorization-Token-Type", "OAUTH").upper()
        if kind == "KEYPAIR_JWT":
            raise _refused(401, "390144", "JWT token is invalid.")
        if kind == "PROGRAMMATIC_ACCESS_TOKEN":
            raise _refused(401, "394400", "Programmatic access token is invalid.")
        token = self._tokens.live(call.bearer(), self.name)
        if token is None:
            known = self._tokens.find(call.bearer())
            if known is not None and known.provider == self.name and not known.revoked:
                raise _refused(401, "390318", "OAuth access token expired.")
            raise _refused(401, "390303", "Invalid OAuth access token.")
        account = _account_of(call.host)
        if account and token.tenant and account != token.tenant:
            raise _refused(401, "390303", "Invalid OAuth access token.")
        return token

    def _account(self, call: Call, token: ProviderToken) -> tuple[str, _Account]:
        name = _account_of(call.host) or token.tenant or next(iter(self._accounts), "")
        if name not in self._accounts:
            raise _refused(404, "390201", f"The requested account {name!r} does not exist or is not authorized.")
        return name, self._accounts[name]

    async def _submit(self, call: Call) -> web.StreamResponse:
        token = self._caller(call)
        name, account = self._account(call, token)
        body = _body(call)
        request_id = call.query("requestId")
        if request_id and flag(call.query("retry")) and (earlier := self._requests.get((token.account_id, request_id))):
            return await self._answer(call, earlier)
        session = account.session(name, token, body)
        job = Job(token.account_id, session, body["statement"])
        try:
            bindings = json.dumps(body.get("bindings") or {}, sort_keys=True)
            wanted = body.get("parameters", {}).get("multi_statement_count", 1)
            statements = await asyncio.to_thread(compiled, body["statement"], wanted, session, bindings)
        except StatementError as error:
            job.error, job.state = error, jobs.FAILED
            job.done.set()
            self._jobs.keep(job)
            return _failure(job)
        self._jobs.submit(job, statements, account.database, body.get("timeout") or _LONGEST_TIMEOUT)
        if request_id:
            self._requests[token.account_id, request_id] = job
            while len(self._requests) > _REQUESTS_KEPT:
                self._requests.popitem(last=False)
        return await self._answer(call, job)

    async def _answer(self, call: Call, job: Job) -> web.StreamResponse:
        """The result if it comes in time, else the handle to poll."""
        if not flag(call.query("async")):
            try:
                async with asyncio.timeout(self._synchronous_wait):
                    await job.done.wait()
            except TimeoutError:
                pass
        elif job.state == jobs.RUNNING:
            return _running(job)
        return await self._outcome(call, job, 0)

    async def _fetch(self, call: Call) -> web.StreamResponse:
        job = self._addressed(call)
        partition = call.query("partition", "0")
        if not partition.isdigit():
            raise _refused(400, "391920", "The partition must be a whole number.")
        return await self._outcome(call, job, int(partition))

    async def _cancel(self, call: Call) -> web.StreamResponse:
        job = self._addressed(call)
        shape = {"statementHandle": job.handle, "statementStatusUrl": _url(job)}
        if await self._jobs.cancel(job):
            return web.json_response(
                {**shape, "code": "000604", "sqlState": "57014", "message": "successfully canceled"}
            )
        message = "The statement has already finished."
        return web.json_response({**shape, "code": "000605", "sqlState": "57014", "message": message}, status=422)

    def _addressed(self, call: Call) -> Job:
        job = self._jobs.find(call.parameters["handle"], self._caller(call).account_id)
        if job is None:
            raise _refused(404, "000709", f"Statement {call.parameters['handle']} not found")
        return job

    async def _outcome(self, call: Call, job: Job, partition: int) -> web.StreamResponse:
        if job.state == jobs.RUNNING:
            return _running(job)
        if job.state == jobs.SUCCEEDED:
            return await self._result(call, job, partition)
        return _failure(job)

    async def _result(self, call: Call, job: Job, partition: int) -> web.StreamResponse:
        result = job.result
        assert result is not None
        if partition >= len(result.partitions):
            raise _refused(400, "391920", f"Partition {partition} does not exist.")
        data = result.partitions[partition]
        if partition == 0 and call.query("nullable", "true").lower() == "false":
            data = json.dumps([["null" if cell is None else cell for cell in row] for row in json.loads(data)]).encode()
        headers = {"Content-Type": "application/json", "Link": _links(job, len(result.partitions))}
        if partition:
            packed = await self._jobs.in_thread(gzip.compress, b'{"data":' + data + b"}", 1)
            return web.Response(body=packed, headers={**headers, "Content-Encoding": "gzip"})
        head: dict[str, Any] = {
            "resultSetMetaData": {
                "numRows": result.rows,
                "format": "jsonv2",
                "partitionInfo": [
                    {"rowCount": count, "uncompressedSize": len(part)}
                    for count, part in zip(result.counts, result.partitions, strict=True)
                ],
                "rowType": result.columns,
            }
        }
        tail: dict[str, Any] = {
            "code": "090001",
            "statementStatusUrl": _url(job),
            "sqlState": "00000",
            "statementHandle": job.handle,
            "message": result.message,
            "createdOn": job.created_ms,
        }
        if result.stats is not None:
            tail["stats"] = result.stats
        if job.children:
            tail["statementHandles"] = [child.handle for child in job.children]
        body = json.dumps(head)[:-1].encode() + b',"data":' + data + b"," + json.dumps(tail)[1:].encode()
        return web.Response(body=body, headers=headers)


class _Account:
    """One account of the seed: its data, roles and warehouses."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.database = AccountDatabase(options.get("statements") or ())
        self._roles: dict[str, str] = options.get("roles") or {"ANALYST": "write"}
        self._default_role: str = options.get("default_role") or next(iter(self._roles))
        self._warehouses: tuple[str, ...] = tuple(options.get("warehouses") or ("COMPUTE_WH",))
        self._default_warehouse: str = options.get("default_warehouse") or self._warehouses[0]
        self._users: dict[str, str] = options.get("users") or {}

    def session(self, account: str, token: ProviderToken, body: Mapping[str, Any]) -> Session:
        """Raises RefusalError when the token does not allow the role that is asked for."""
        granted = [scope.removeprefix("session:role:") for scope in token.scopes if scope.startswith("session:role:")]
        role = body.get("role") or (granted[0] if granted else self._default_role)
        any_role = "session:role-any" in token.scopes or not granted
        if role not in self._roles or not (any_role or role in granted):
            raise _refused(400, "390186", f"Role '{role}' specified in the connect string is not granted to this user.")
        timezone = body.get("parameters", {}).get("timezone", "UTC")
        try:
            ZoneInfo(timezone)
        except (ValueError, KeyError, TypeError):
            raise _refused(
                400, "001006", f"SQL compilation error:\ninvalid value [{timezone}] for parameter 'TIMEZONE'"
            ) from None
        return Session(
            user=self._users.get(token.account_id, (token.user_id or token.organization_id or "").upper()),
            account=account,
            role=role,
            writes=self._roles[role] == "write",
            warehouse=body.get("warehouse") or self._default_warehouse,
            database=body.get("database") or "CRM",
            schema=body.get("schema") or "PUBLIC",
            warehouses=self._warehouses,
            timezone=timezone,
        )


def _account_of(host: str) -> str:
    """`acme-eu1` of `acme-eu1[.privatelink].snowflakecomputing.com`; empty without a host."""
    for ending in _HOSTS:
        if host.endswith(ending):
            return host.removesuffix(ending).removesuffix(".privatelink")
    return ""


def _body(call: Call) -> dict[str, Any]:
    if not call.header("Content-Type").lower().startswith("application/json"):
        raise _refused(415, "391903", "The content type must be application/json.")
    try:
        body = call.json()
    except ValueError:
        raise _refused(400, "391902", "The request body is not valid JSON.") from None
    members = body if isinstance(body, dict) else {}
    kinds = {
        "statement": str,
        "timeout": int,
        "database": str,
        "schema": str,
        "warehouse": str,
        "role": str,
        "bindings": dict,
        "parameters": dict,
    }
    for name, kind in kinds.items():
        value = members.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise _refused(400, "391902", f"The member {name} of the request body has the wrong type.")
    if not members.get("statement"):
        raise _refused(400, "000900", "SQL compilation error:\nEmpty SQL statement.")
    if members.get("timeout", 0) < 0:
        raise _refused(400, "391902", "The timeout must not be negative.")
    return members


def _refused(status: int, code: str, message: str) -> RefusalError:
    return RefusalError(status, {"code": code, "message": message})


def _url(job: Job) -> str:
    return f"/api/v2/statements/{job.handle}"


def _links(job: Job, partitions: int) -> str:
    pages = [("first", 0), *((("next", 1),) if partitions > 1 else ()), ("last", partitions - 1)]
    return ",".join(f'<{_url(job)}?partition={index}>; rel="{name}"' for name, index in pages)


def _running(job: Job) -> web.Response:
    shape = {
        "code": "333334",
        "message": _IN_PROGRESS,
        "statementHandle": job.handle,
        "createdOn": job.created_ms,
        "statementStatusUrl": _url(job),
    }
    return web.json_response(shape, status=202)


def _failure(job: Job) -> web.Response:
    shape = {"statementHandle": job.handle, "createdOn": job.created_ms, "statementStatusUrl": _url(job)}
    if job.state == jobs.TIMED_OUT:
        message = "Statement reached its statement or warehouse timeout and was canceled."
        return web.json_response({"code": "000630", "sqlState": "57014", "message": message, **shape}, status=408)
    if job.state == jobs.CANCELLED:
        message = "SQL execution canceled"
        return web.json_response({"code": "000604", "sqlState": "57014", "message": message, **shape}, status=422)
    error = job.error
    assert error is not None
    body = {"code": error.code, "sqlState": error.sql_state, "message": error.message, **shape}
    return web.json_response(body, status=error.status)
