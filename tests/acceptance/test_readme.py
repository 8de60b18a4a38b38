"""What the README shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_library_example_prints_what_stands_below_it(tmp_path: Path) -> None:
    """Order, names and rounded terms; the last digit may differ from one processor to another."""
    _, _, section = README.read_text(encoding="utf-8").partition("## Matching on its own")
    found = re.search(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", section, re.S)
    assert found, "the README has a Python example with its output below"
    code, shown = found.groups()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert words(done.stdout) == words(shown)
    for made, promised in zip(numbers(done.stdout), numbers(shown), strict=True):
        assert abs(made - promised) < 0.01


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]\w*", text)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
