"""One frozen Settings: what an operator sets is read here and nowhere else."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic_core import from_json
from pydantic_settings import NoDecode, SettingsConfigDict

from app.encryption.key_files import kept_ring
from app.encryption.keys import KeyRing, NotKeys, split_keys
from app.interface.policies import NotPolicies, policies_of
from app.interface.sign_in_providers import SignInProvider
from app.outgoing_settings import OutgoingSettings, refused
from app.periods import Periods
from app.secret_keys import LENGTH, TOO_SHORT, is_short, kept_secret_key


class EncoderKind(StrEnum):
    LOCAL = "local"
    REMOTE = "remote"
    NONE = "none"


class RerankerForm(StrEnum):
    JINA = "jina"
    TEI = "tei"


class MetricsAccess(StrEnum):
    LOOPBACK = "loopback"
    TOKEN = "token"
    OFF = "off"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class Settings(OutgoingSettings, Periods):
    """Every setting is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore")

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 or newer; without it the embedded server starts"
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    processes: int = Field(
        default=1,
        ge=1,
        description="that serve; each has its own threads and database connections",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        description="how long a service that stops answers 503 at /readyz and all else as usual:"
        " as long as its balancer needs to notice",
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description=f"signs tokens and cursors, {LENGTH} characters or more;"
        " made and kept under var_folder when empty",
    )
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="comma separated base64 keys of 32 bytes: the first seals, all open;"
        " made and kept under var_folder when empty",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="comma separated origins of browser clients"
    )
    access_token_minutes: int = Field(default=15, ge=1)
    refresh_token_days: int = Field(default=30, ge=1)
    reset_code_hours: int = Field(default=24, ge=1)
    rate_limits: str = Field(
        default="",
        description="changes to the limits of app/interface/policies.py, as in"
        " reads=6000/60,sign-in=100/300 (requests/seconds); all=… for every one, or off",
    )
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="comma separated addresses and networks of the proxies whose X-Forwarded-For"
        " and X-Forwarded-Proto are believed",
    )
    staff_need_second_factor: bool = Field(
        default=False, description="administrators and coordinators must set one up first"
    )
    sign_in_providers: Annotated[tuple[SignInProvider, ...], NoDecode] = Field(
        default=(), description="JSON list of OpenID Connect providers, see SignInProvider"
    )
    provider_timeout_seconds: float = Field(default=5.0, gt=0)
    max_body_bytes: int = Field(
        default=20 * 1024 * 1024, ge=1024, description="of an upload, and of a batch's answer"
    )
    max_json_bytes: int = Field(default=2 * 1024 * 1024, ge=1024, description="of any other body")
    max_batch_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=1024,
        description="of a batch: 500 demands fit, each as long as its form allows",
    )
    database_pool_size: int = Field(default=10, ge=1)
    audit_retention_days: int = Field(
        default=3 * 366, ge=184, description="audit entries are dropped after; seals stay for good"
    )
    threads: int = Field(default=2, ge=1, description="for matching, hashing and spreadsheets")
    request_seconds: float = Field(
        default=60.0, gt=0, description="an answer that takes longer is given up with 503"
    )
    client_seconds: float = Field(
        default=20.0,
        gt=0,
        description="a client that takes longer to send its request, or to take its answer, is cut"
        " off; it has a second more for every 1,000 bytes, and a minute more at most",
    )
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = Field(
        default=LogFormat.AUTO, description="json, text, or auto: text at a terminal, else json"
    )
    log_client_address: bool = Field(
        default=False, description="an address is personal data, so it is logged on request only"
    )
    metrics: MetricsAccess = Field(
        default=MetricsAccess.LOOPBACK,
        description="who reads /metrics: this machine, who has metrics_token, or nobody",
    )
    metrics_token: SecretStr = Field(default=SecretStr(""), description="16 characters or more")
    max_listeners: int = Field(
        default=100, ge=1, description="event streams that one process serves at once"
    )
    encoder: EncoderKind = EncoderKind.LOCAL
    encoder_url: AnyHttpUrl | None = Field(
        default=None, description="base of an OpenAI-compatible /v1/embeddings service"
    )
    encoder_model: str = ""
    encoder_api_key: SecretStr = SecretStr("")
    encoder_needs_consent: bool = Field(
        default=True,
        description="remote services are others': only experts who consented go there",
    )
    encoder_timeout_seconds: float = Field(
        default=30.0, gt=0, description="how long a match waits for encoder and reranker together"
    )
    encoder_batch_size: int = Field(
        default=32, ge=1, description="texts of one request; some services take 10 at most"
    )
    reranker_url: AnyHttpUrl | None = Field(
        default=None, description="base of a /rerank service, which reads the first 50 of a match"
    )
    reranker_model: str = ""
    reranker_api_key: SecretStr = SecretStr("")
    reranker_form: RerankerForm = Field(
        default=RerankerForm.JINA, description="of its questions; Cohere and others ask as jina"
    )
    reranker_weight: float = Field(default=1.0, ge=0, le=100, description="of its score")
    team_size: int = Field(
        default=5, ge=2, le=10, description="experts of a proposed team, at most"
    )

    standing_rank_threshold: int = Field(default=2, ge=0, description="ranks that are no news")
    standing_score_threshold: float = Field(default=0.05, ge=0, description="of a score likewise")

    digest_newcomers: int = Field(
        default=1, ge=1, description="experts new in standing matches; of fewer nobody is told"
    )

    retention_days_tokens: int = Field(default=30, ge=1, description="ended tokens and keys")
    retention_days_imports: int = Field(default=365, ge=1, description="reports of imports")
    retention_days_unverified: int = Field(
        default=365, ge=1, description="contacts of organizations nobody verified"
    )
    retention_days_match_runs: int = Field(
        default=1095, ge=1, description="runs in which nobody was judged"
    )
    retention_days_notices: int = Field(default=90, ge=1, description="read notices")
    retention_days_unread_notices: int = Field(default=365, ge=1, description="the others")
    retention_days_deliveries: int = Field(default=30, ge=1, description="to webhooks")
    retention_days_standing_runs: int = Field(default=180, ge=1, description="nor asked for")
    retention_days_removed: int = Field(
        default=730, ge=1, description="removed experts and closed accounts, then erased"
    )

    @field_validator("cors_origins", "forwarded_allow_ips", "webhook_allowed_hosts", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        """Read `CORS_ORIGINS=https://a,https://b`."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator(
        *("log_level", "log_format", "metrics", "encoder", "reranker_form", "smtp_security"),
        mode="before",
    )
    @classmethod
    def in_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def split_keys(cls, value: object) -> object:
        return tuple(split_keys(value)) if isinstance(value, str) else value

    @field_validator("sign_in_providers", mode="before")
    @classmethod
    def read_json(cls, value: object) -> object:
        try:
            return from_json(value) if isinstance(value, str) else value
        except ValueError:
            raise refused("不是 JSON", "is not JSON") from None

    @field_validator("forwarded_allow_ips")
    @classmethod
    def require_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            try:
                ip_network(part)
            except ValueError:
                raise refused(
                    f"{part} 不是 IP 地址或网段", f"{part} is no address and no network"
                ) from None
        return value

    @field_validator("rate_limits")
    @classmethod
    def require_policies(cls, value: str) -> str:
        try:
            policies_of(value)
        except NotPolicies as fault:
            raise refused(fault.text.zh, fault.text.en) from None
        return value

    @field_validator("secret_key")
    @classmethod
    def require_long_key(cls, key: SecretStr) -> SecretStr:
        if key and is_short(key.get_secret_value()):
            raise refused(*TOO_SHORT)
        return key

    @field_validator("encryption_keys")
    @classmethod
    def require_whole_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            if keys:
                KeyRing.of([key.get_secret_value() for key in keys])
        except NotKeys as fault:
            raise refused(fault.text.zh, fault.text.en) from None
        return keys

    @model_validator(mode="after")
    def require_different_providers(self) -> "Settings":
        for names in ([p.name for p in self.sign_in_providers], self.issuers):
            if len(set(names)) < len(names):
                raise refused(
                    "SIGN_IN_PROVIDERS 中同一提供方出现两次",
                    "SIGN_IN_PROVIDERS names one provider twice",
                    setting="sign_in_providers",
                )
        return self

    @model_validator(mode="after")
    def require_encoder_address(self) -> "Settings":
        if self.encoder is EncoderKind.REMOTE and not (self.encoder_url and self.encoder_model):
            raise refused(
                "ENCODER=remote 需要 ENCODER_URL 和 ENCODER_MODEL",
                "ENCODER=remote needs ENCODER_URL and ENCODER_MODEL",
                setting="encoder",
            )
        return self

    @model_validator(mode="after")
    def require_metrics_token(self) -> "Settings":
        if self.metrics is MetricsAccess.TOKEN and len(self.metrics_token.get_secret_value()) < 16:
            raise refused(
                "METRICS=token 需要至少 16 个字符的 METRICS_TOKEN",
                "METRICS=token needs METRICS_TOKEN of at least 16 characters",
                setting="metrics",
            )
        return self

    @property
    def issuers(self) -> list[str]:
        return [provider.issuer for provider in self.sign_in_providers]

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

    @property
    def given_keys(self) -> dict[Path, bytes]:
        """Of each file that keeps keys what was given in its stead; empty where nothing was."""
        secret = self.secret_key.get_secret_value()
        ring = "\n".join(key.get_secret_value() for key in self.encryption_keys)
        return {self.secret_key_file: secret.encode(), self.encryption_keys_file: ring.encode()}

    def with_secret_key(self) -> "Settings":
        """The settings with a key to sign with: the given one, or one kept under var_folder.

        Several hosts on one database must be given the same SECRET_KEY. Raises UnusableKeyFile.
        """
        if self.secret_key.get_secret_value():
            return self
        key = kept_secret_key(self.secret_key_file)
        return self.model_copy(update={"secret_key": SecretStr(key)})

    def key_ring(self) -> KeyRing:
        """The keys to sealed values: the given ones, or those kept under var_folder.

        Several hosts on one database must be given the same ENCRYPTION_KEYS. Raises
        UnusableKeyFile.
        """
        given = [key.get_secret_value() for key in self.encryption_keys]
        return KeyRing.of(given) if given else kept_ring(self.encryption_keys_file)


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(get_settings)]
