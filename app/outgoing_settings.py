"""Settings of what the service sends of itself: notices by e-mail, changes to webhooks."""

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from app.folders import Folders
from app.interface.schemas import EMAIL_PATTERN


class MailSecurity(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class OutgoingSettings(Folders):
    """A part of `Settings`."""

    smtp_host: str = Field(default="", description="sends notices by e-mail; empty for none")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: MailSecurity = Field(
        default=MailSecurity.STARTTLS, description="starttls, tls (port 465) or none"
    )
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str = Field(default="", description="the sender's address")
    smtp_timeout_seconds: float = Field(default=20.0, gt=0)
    notice_quiet_hours: str = Field(
        default="20:00-08:00",
        description="in China's time: notices go by e-mail afterwards; empty for at any hour",
    )

    webhook_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="comma separated names of hosts, addresses and networks to which webhooks may"
        " lead besides public ones, at any port and without TLS",
    )
    webhook_timeout_seconds: float = Field(default=15.0, gt=0, description="for a whole delivery")
    webhook_secret_overlap_hours: int = Field(
        default=24, ge=0, description="for so long a secret that was replaced signs as well"
    )
    webhook_failing_days: int = Field(
        default=5, ge=1, description="of nothing but failures, then a webhook is disabled"
    )

    @field_validator("notice_quiet_hours")
    @classmethod
    def require_hours(cls, value: str) -> str:
        try:
            hours_of(value)
        except ValueError:
            raise refused("应形如 20:00-08:00", "Should read like 20:00-08:00") from None
        return value

    @model_validator(mode="after")
    def require_sender(self) -> "OutgoingSettings":
        if self.smtp_host and not re.fullmatch(EMAIL_PATTERN, self.smtp_from):
            raise refused(
                "SMTP_HOST 需要 SMTP_FROM（发件人邮箱）",
                "SMTP_HOST needs SMTP_FROM, the sender's address",
                setting="smtp_host",
            )
        return self

    @property
    def webhook_secret_overlap(self) -> timedelta:
        return timedelta(hours=self.webhook_secret_overlap_hours)

    @property
    def webhook_failing_for(self) -> timedelta:
        return timedelta(days=self.webhook_failing_days)

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """From when until when, in China's time; None for never."""
        return hours_of(self.notice_quiet_hours)


def hours_of(text: str) -> tuple[time, time] | None:
    """The two times of "20:00-08:00"; None for an empty text. Raises ValueError.

    >>> hours_of("20:00-08:00")
    (datetime.time(20, 0), datetime.time(8, 0))
    """
    if not text:
        return None
    begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    return begin, end


def refused(zh: str, en: str, *, setting: str = "") -> PydanticCustomError:
    """setting: the one that is as good as not given, where the fault lies in several together."""
    return PydanticCustomError(
        "bad_setting", "{en}", {"en": en, "text": (zh, en), "setting": setting}
    )
