"""What the README shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import environment, run

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        (README, "## Matching on its own"),
        (README.parent / "matching" / "README.md", "## A benchmark of one's own"),
    ],
    ids=["README", "matching"],
)
def test_the_library_example_prints_what_stands_below_it(
    page: Path, heading: str, tmp_path: Path
) -> None:
    """Order, names and rounded terms; the last digit may differ from one processor to another."""
    _, _, section = page.read_text(encoding="utf-8").partition(heading)
    found = re.search(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", section, re.S)
    assert found, "the README has a Python example with its output below"
    code, shown = found.groups()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert words(done.stdout) == words(shown)
    for made, promised in zip(numbers(done.stdout), numbers(shown), strict=True):
        assert abs(made - promised) < 0.01


def test_ones_own_data_are_loaded_as_it_says(tmp_path: Path) -> None:
    """The commands and the files of the section, in a folder of their own."""
    _, _, section = README.read_text(encoding="utf-8").partition("## Your own data")
    for name, content in re.findall(r"```csv (\S+)\n(.*?)```", section, re.S):
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = re.search(r"\n\n((?:    shuangku [^\n]*\n)+)", section)
    assert found, "the section has commands"
    *commands, last = [line.split()[1:] for line in found[1].splitlines()]
    assert last == ["serve"]
    settings = environment(tmp_path / "var") | {"COLUMNS": "100"}
    ends = []
    for command in commands:
        password = ["--password", "a-long-password"] if command[0].startswith("create") else []
        file = [str(tmp_path / part) if part.endswith(".csv") else part for part in command]
        done = run(settings, *file, *password)
        assert done.returncode == 0, done.stderr
        ends.append(done.stderr)
    assert ["新增 2" in ends[2], "新增 1" in ends[3], "新增 1" in ends[4]] == [True] * 3
    assert "待核验" not in ends[4]
    shown = re.search(r"prints, as published and still lacking:\n\n((?:    [^\n]*\n)+)", section)
    assert shown, "the section shows what an import prints"
    assert shown[1].split() == ends[4].split()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]\w*", text)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
