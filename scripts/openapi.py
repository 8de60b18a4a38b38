"""The interface's OpenAPI document, without starting a service."""

from typing import Any

from app.main import create_app
from app.settings import EncoderKind, Settings


def present_document() -> dict[str, Any]:
    """What a service of this checkout serves at /openapi.json."""
    settings = Settings(
        _env_file=None, secret_key="not used to sign anything", encoder=EncoderKind.NONE
    )
    return create_app(settings).openapi()
