"""Compile once, and never judge a property by the clock of a busy machine."""

import pytest
from hypothesis import settings

from matching.kernels import warm_up

settings.register_profile("matching", deadline=None, max_examples=40)
settings.load_profile("matching")


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    warm_up()
