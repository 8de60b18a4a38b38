"""Names that look like settings and are none: a misspelt one would have no effect, and say nothing.

The environment holds other programs' names, so of these only such are told as begin with the
project's name or are nearly a setting's; `.env` is ours, and every unknown one is told.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from app.interface.language import Text
from app.settings import Settings

ENV_FILE = ".env"
PREFIX = "SHUANGKU_"  # settings have none, which not everybody expects
# Those of compose.yaml, which reads the same file.
OF_OTHERS = frozenset({"POSTGRES_PASSWORD"})
NEAR, NEARLY = 0.6, 0.85
SHORTEST = 6  # characters; a shorter name is near to too many others


def unknown_settings(
    environment: Mapping[str, str] = os.environ, folder: Path | None = None
) -> list[Text]:
    """A sentence on each name, of the environment or of the folder's `.env`; never a value."""
    file = (folder or Path.cwd()) / ENV_FILE
    found = dict.fromkeys(_in_environment(environment))
    if file.is_file():
        found |= dict.fromkeys(_in_file(file))
    return list(found)


def _in_environment(environment: Mapping[str, str]) -> Iterator[Text]:
    for name, value in sorted(environment.items()):
        is_prefixed = name.upper().startswith(PREFIX) and not _is_kubernetes(name, value)
        bare = name.upper().removeprefix(PREFIX)
        nearest = _nearest(bare, NEAR if is_prefixed else NEARLY)
        is_nearly = nearest is not None and len(nearest) >= SHORTEST and not _is_known(name)
        if is_prefixed or (is_nearly and bare == name.upper()):
            yield _told("环境变量", "environment", name, nearest)


def _is_kubernetes(name: str, value: str) -> bool:
    """What it tells every pod of a service that is called shuangku."""
    return value.startswith("tcp://") or "_SERVICE_" in name or "_TCP_" in name


def _in_file(file: Path) -> Iterator[Text]:
    for name in dotenv_values(file, interpolate=False):
        if not _is_known(name) and name.upper() not in OF_OTHERS:
            bare = name.upper().removeprefix(PREFIX)
            yield _told(str(file), str(file), name, _nearest(bare, NEAR))


def _is_known(name: str) -> bool:
    return name.lower() in Settings.model_fields


def _nearest(name: str, cutoff: float) -> str | None:
    known = [field.upper() for field in Settings.model_fields]
    return next(iter(difflib.get_close_matches(name.upper(), known, n=1, cutoff=cutoff)), None)


def _told(where_zh: str, where_en: str, name: str, nearest: str | None) -> Text:
    meant = Text(f"，是否指 {nearest}？", f"; is {nearest} meant?") if nearest else Text("", "")
    return Text(
        f"{where_zh}：没有设置项 {name}{meant.zh}", f"{where_en}: no setting {name}{meant.en}"
    )
