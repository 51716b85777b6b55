"""The address of an index on a server."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from datalint.errors import UsageError

PASSWORD: Final = "DATALINT_REDIS_PASSWORD"  # noqa: S105 - the name of the variable


@dataclass(frozen=True)
class Address:
    """Where an index lies. `options` are arguments of redis.Redis."""

    name: str
    options: Mapping[str, Any]
    where: str  # as it may be shown

    @classmethod
    def of(cls, url: str) -> "Address":
        """`redis://[user@]host[:port][/db]?name=N`, `rediss://...` or `unix:///path[?db=0&]name=N`.

        A password comes from the environment alone: addresses stand in configurations, histories and logs.
        """
        where = re.sub(r"(?<=://).*@", "", url)
        form = "redis://host:6379/0?name=NAME or unix:///path/to/socket?name=NAME"
        try:
            parts = urlsplit(url)
            port = parts.port or 6379
        except ValueError as error:
            raise UsageError(f"{where}: not the address of an index; write {form}") from error
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        name = query.pop("name", "")
        if parts.scheme not in ("redis", "rediss", "unix") or set(query) - {"db"}:
            raise UsageError(f"{where}: not the address of an index; write {form}")
        if parts.password:
            raise UsageError(f"{where}: give the password in the environment, as {PASSWORD}, and not in the address")
        if not name or not name.isascii() or not name.replace("-", "").replace(".", "").isalnum():
            raise UsageError(f"{where}: needs a name of letters, digits, dots and hyphens; write {form}")
        db = query.get("db", "") or (parts.path.strip("/") if parts.scheme != "unix" else "") or "0"
        if not db.isdecimal():
            raise UsageError(f"{where}: the database is not a number; write {form}")
        options: dict[str, Any] = {
            "db": int(db),
            "username": unquote(parts.username) if parts.username else None,
            "password": os.environ.get(PASSWORD),
            "socket_connect_timeout": 10,
            "socket_timeout": 120,
        }
        if parts.scheme == "unix":
            options["unix_socket_path"] = unquote(parts.path)
        else:
            options |= {"host": parts.hostname or "localhost", "port": port, "ssl": parts.scheme == "rediss"}
        return cls(name, options, where)
