"""Names that look like settings and are none: a misspelt one would have no effect, and say nothing.

The environment holds other programs' names, so of these only such are told as are nearly a
setting's, or one with the project's name before it; `.env` is ours, and every unknown one is told.
"""

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dotenv import dotenv_values

from app.interface.language import Text
from app.settings import Settings

PREFIX = "SHUANGKU_"  # settings have none, which not everybody expects
# Those of compose.yaml, which reads the same file.
OF_OTHERS = frozenset({"POSTGRES_PASSWORD"})
IN_ENVIRONMENT = ("环境变量", "environment")
NEARLY = 0.9  # a slip of the pen; others' PORTS is no PORT


def unknown_settings() -> list[Text]:
    """A sentence on each name, of the environment or of `.env` in this folder; never a value."""
    return [*unknown_in_environment(os.environ), *unknown_in_file(Path.cwd() / ".env")]


def place_of(name: str) -> Text:
    """Where a setting is given: the environment comes before `.env`."""
    file = Path.cwd() / ".env"
    is_given = name.lower() in map(str.lower, os.environ)
    return Text(*IN_ENVIRONMENT) if is_given or not file.is_file() else Text(str(file), str(file))


def unknown_in_environment(names: Iterable[str]) -> Iterator[Text]:
    for name in sorted(filter(_is_unknown, names)):
        if meant := _meant(name):
            yield _sentence(*IN_ENVIRONMENT, name, meant)


def unknown_in_file(file: Path) -> Iterator[Text]:
    names = dotenv_values(file, interpolate=False) if file.is_file() else ()
    for name in filter(_is_unknown, names):
        if name.upper() not in OF_OTHERS:
            yield _sentence(str(file), str(file), name, _meant(name))


def _is_unknown(name: str) -> bool:
    return name.lower() not in Settings.model_fields


def _meant(name: str) -> str | None:
    """The setting whose name it nearly is."""
    bare = name.upper().removeprefix(PREFIX)
    known = [field.upper() for field in Settings.model_fields]
    near = difflib.get_close_matches(bare, known, n=1, cutoff=NEARLY)
    return next(iter([*near, *(name for name in known if _is_swapped(bare, name))]), None)


def _is_swapped(bare: str, name: str) -> bool:
    """Whether two neighbouring letters have changed places: PROT for PORT."""
    swaps = (name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1))
    return bare != name and bare in swaps


def _sentence(where_zh: str, where_en: str, name: str, meant: str | None) -> Text:
    asked = Text(f"，是否指 {meant}？", f"; is {meant} meant?") if meant else Text("", "")
    return Text(
        f"{where_zh}：没有设置项 {name}{asked.zh}", f"{where_en}: no setting {name}{asked.en}"
    )
