"""One frozen Settings; the environment is read here and nowhere else."""

import os
import secrets
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AnyHttpUrl, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class EncoderKind(StrEnum):
    LOCAL = "local"
    REMOTE = "remote"
    NONE = "none"


class Settings(BaseSettings):
    """Every setting is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore")

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 or newer; without it the embedded server starts"
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    var_folder: Path = Field(default=Path("var"), description="everything the service writes")
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="signs tokens and cursors; made and kept under var_folder when empty",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="comma separated origins of browser clients"
    )
    access_token_minutes: int = Field(default=15, ge=1)
    refresh_token_days: int = Field(default=30, ge=1)
    reset_code_hours: int = Field(default=24, ge=1)
    max_body_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    database_pool_size: int = Field(default=10, ge=1)
    audit_retention_days: int = Field(
        default=3 * 366, ge=184, description="audit entries are dropped after; seals stay for good"
    )
    threads: int = Field(default=2, ge=1, description="for matching, hashing and spreadsheets")
    encoder: EncoderKind = EncoderKind.LOCAL
    encoder_url: AnyHttpUrl | None = Field(
        default=None, description="base of an OpenAI-compatible /v1/embeddings service"
    )
    encoder_model: str = ""
    encoder_api_key: SecretStr = SecretStr("")
    encoder_timeout_seconds: float = Field(default=30.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def split_origins(cls, values: dict[str, object]) -> dict[str, object]:
        """Read `CORS_ORIGINS=https://a,https://b`."""
        origins = values.get("cors_origins")
        if isinstance(origins, str):
            values["cors_origins"] = tuple(o.strip() for o in origins.split(",") if o.strip())
        return values

    @model_validator(mode="after")
    def require_encoder_address(self) -> "Settings":
        if self.encoder is EncoderKind.REMOTE and not (self.encoder_url and self.encoder_model):
            raise ValueError("ENCODER=remote needs ENCODER_URL and ENCODER_MODEL")
        return self

    @property
    def access_lifetime(self) -> timedelta:
        return timedelta(minutes=self.access_token_minutes)

    @property
    def refresh_lifetime(self) -> timedelta:
        return timedelta(days=self.refresh_token_days)

    @property
    def reset_lifetime(self) -> timedelta:
        return timedelta(hours=self.reset_code_hours)

    @property
    def audit_retention(self) -> timedelta:
        return timedelta(days=self.audit_retention_days)

    def with_secret_key(self) -> "Settings":
        """The settings with a key to sign with: the given one, or one kept under var_folder.

        Several hosts on one database must be given the same SECRET_KEY.
        """
        if self.secret_key.get_secret_value():
            return self
        return self.model_copy(update={"secret_key": SecretStr(_kept_key(self.var_folder))})


def _kept_key(folder: Path) -> str:
    """Read the folder's key; the first process to come makes it, all others read that one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secret_key"
    draft = folder / f".secret_key.{secrets.token_hex(8)}"
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_settings)]
