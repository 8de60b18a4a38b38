"""A backup's files: the dump, beside it what was in it, and the keys only when asked for.

`NAME.dump` is pg_dump's custom format, so that `pg_restore` alone can read it. The manifest
`NAME.dump.json` is what a restore verifies by. `NAME.keys` is for another place, see `keys`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import AsyncConnection, sql

from app import private_files
from app.postgres.roles import SCHEMA

FORMAT = 1
# What the text of a value looks like must not depend on who asks.
FIXED = "; ".join(
    f"SET LOCAL {name} = {value}"
    for name, value in {
        "timezone": "UTC",
        "datestyle": "ISO",
        "intervalstyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
    }.items()
).encode()
TABLES = f"""
    SELECT relname FROM pg_class
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""
# A sum, so that the order of the rows does not matter.
CONTENT = """
    SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} AS t
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a dump holds: of each table the number of rows and a digest of their content."""

    made_at: str
    revision: str
    server_version: int
    sha256: str
    has_keys: bool
    tables: dict[str, tuple[int, str]]
    format: int = FORMAT


def manifest_path(dump: Path) -> Path:
    """Named after the whole of it, so that one rule ignores, copies or drops both."""
    return dump.with_name(f"{dump.name}.json")


def _found_manifest(dump: Path) -> Path | None:
    """The manifest beside the dump; NAME.json is how it was called before."""
    places = (manifest_path(dump), dump.with_suffix(".json"))
    return next((path for path in places if path.exists()), None)


def write_manifest(dump: Path, manifest: Manifest) -> None:
    private_files.write(manifest_path(dump), json.dumps(asdict(manifest), indent=1).encode())


def read_manifest(dump: Path) -> Manifest | None:
    """None without one; ValueError when it is damaged or of a format that is not known."""
    path = _found_manifest(dump)
    if path is None:
        return None
    try:
        found = json.loads(path.read_bytes())
        found["tables"] = {name: (int(n), str(d)) for name, (n, d) in found["tables"].items()}
        manifest = Manifest(**found)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: {type(error).__name__}") from error
    if manifest.format != FORMAT:
        raise ValueError(f"{path}: format {manifest.format}")
    return manifest


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def contents(connection: AsyncConnection) -> dict[str, tuple[int, str]]:
    """Of every table the number of rows and a digest, as the connection's transaction sees them."""
    await connection.execute(FIXED)
    cursor: psycopg.AsyncCursor[tuple[str]] = await connection.execute(TABLES)
    found = {}
    for (name,) in await cursor.fetchall():
        counted = await connection.execute(sql.SQL(CONTENT).format(sql.Identifier(SCHEMA, name)))
        count, content = await counted.fetchone() or (0, "")
        found[name] = (int(count), str(content))
    return found
