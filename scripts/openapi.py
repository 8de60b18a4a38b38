"""The OpenAPI document, and the released one that clients were made from: `make openapi`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.main import create_app
from app.settings import EncoderKind, Settings
from scripts.compatibility.documents import breaking_changes

RELEASED = Path(__file__).parent.parent / "tests" / "app" / "interface" / "openapi.json"


def main(
    breaking: Annotated[
        bool, typer.Option(help="明知破坏兼容 · renew although clients will break")
    ] = False,
) -> None:
    """更新接口文档 · Renew the released document; a change that breaks clients is refused."""
    present = present_document()
    if RELEASED.exists() and (found := breaking_changes(released_document(), present)):
        typer.echo("\n".join(["破坏兼容的改动 / changes that break clients:", *found]), err=True)
        if not breaking:
            raise typer.Exit(1)
    RELEASED.write_text(as_text(present), encoding="utf-8")


def present_document() -> dict[str, Any]:
    """What a service of this checkout serves at /openapi.json."""
    settings = Settings(
        _env_file=None, secret_key="which is not used to sign anything", encoder=EncoderKind.NONE
    )
    return create_app(settings).openapi()


def released_document() -> dict[str, Any]:
    """The document that clients rely on, as it is kept in the tree."""
    return dict(json.loads(RELEASED.read_text(encoding="utf-8")))


def as_text(document: dict[str, Any]) -> str:
    """One line a thing, in an order that stays and without examples, which promise nothing."""
    return json.dumps(_promised(document), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _promised(part: Any, *, names_fields: bool = False) -> Any:
    """The part without examples; below `properties` those words would be names of fields."""
    if isinstance(part, list):
        return [_promised(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _promised(value, names_fields=name == "properties" and not names_fields)
        for name, value in part.items()
        if names_fields or name not in ("example", "examples")
    }


if __name__ == "__main__":
    typer.run(main)
