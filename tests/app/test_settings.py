"""Settings come from the environment, once; a secret key is made where none is given."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from app.encryption.key_files import UnusableKeyFile
from app.encryption.keys import KeyRing
from app.interface.validation import field_errors
from app.postgres.server import driver_url
from app.settings import EncoderKind, LogLevel, Settings

KEY = base64.b64encode(bytes(32)).decode()
SECRET = "x" * 32


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test,")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8, ::1")
    monkeypatch.setenv("ACCESS_TOKEN_MINUTES", "5")
    monkeypatch.setenv("DATABASE_URL", "postgres://somebody:hunter2@host/pool")
    settings = Settings(_env_file=None)
    assert settings.cors_origins == ("https://a.test", "https://b.test")
    assert settings.forwarded_allow_ips == ("10.0.0.0/8", "::1")
    assert settings.access_lifetime == timedelta(minutes=5)
    assert "hunter2" not in repr(settings)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        _settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70_000),
        ("access_token_minutes", 0),
        ("threads", 0),
        ("max_body_bytes", 1),
        ("max_json_bytes", 1),
        ("max_batch_bytes", 1),
        ("encoder_timeout_seconds", 0),
        ("encoder", "magic"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("metrics", "everybody"),
        ("request_seconds", 0),
        ("visit_academicians_least", 11),
        ("client_seconds", 0),
        ("rate_limits", "dreams=1/1"),
        ("forwarded_allow_ips", "10.0.0.0/8, proxy.test"),
        ("secret_key", "x"),
        ("secret_key", "x" * 31),
        ("encryption_keys", "c2hvcnQ="),
        ("encryption_keys", f"{KEY},no key"),
    ],
)
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        _settings(**{name: value})


def test_remote_encoder_needs_address_and_model() -> None:
    with pytest.raises(ValidationError, match="ENCODER_URL"):
        _settings(encoder="remote", encoder_model="m")
    remote = _settings(encoder="remote", encoder_model="m", encoder_url="http://encoder.test")
    assert remote.encoder is EncoderKind.REMOTE


def test_metrics_by_token_need_a_long_one() -> None:
    for token in ("", "short"):
        with pytest.raises(ValidationError, match="METRICS_TOKEN"):
            _settings(metrics="token", metrics_token=token)
    given = _settings(metrics="token", metrics_token="0123456789abcdef")
    assert "0123456789abcdef" not in repr(given)


def test_given_secret_key_is_kept(tmp_path: Path) -> None:
    settings = _settings(var_folder=tmp_path, secret_key=SECRET).with_secret_key()
    assert settings.secret_key.get_secret_value() == SECRET
    assert list(tmp_path.iterdir()) == []


def test_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = _settings(var_folder=tmp_path / "new")
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: settings.with_secret_key().secret_key, range(8)))
    [key] = made
    assert len(key.get_secret_value()) >= 32
    [path] = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_short_secret_key_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Whoever guesses it signs in as anybody."""
    with pytest.raises(ValidationError, match="openssl rand -hex 32"):
        _settings(secret_key="hunter2")
    file = tmp_path / "secret_key"
    for content in ("", "hunter2"):
        file.write_text(content)
        with pytest.raises(UnusableKeyFile, match="openssl rand -hex 32") as refused:
            _settings(var_folder=tmp_path).with_secret_key()
        assert str(file) in refused.value.text.zh
        assert file.read_text() == content


def test_encryption_keys_are_read_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = base64.b64encode(bytes([1] * 32)).decode()
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{other}, {KEY},")
    settings = Settings(_env_file=None, var_folder=tmp_path)
    assert list(settings.key_ring().keys) == [
        KeyRing.of([other]).first,
        KeyRing.of([KEY]).first,
    ]
    assert KEY not in repr(settings)
    assert list(tmp_path.iterdir()) == []


def test_an_encryption_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = _settings(var_folder=tmp_path / "new")
    with ThreadPoolExecutor(8) as pool:
        [made] = set(pool.map(lambda _: settings.key_ring().first, range(8)))
    [path] = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as keys:  # the way to a new key: after the old one, then before it
        keys.write(f"\n{KEY}\n")
    assert list(settings.key_ring().keys) == [made, KeyRing.of([KEY]).first]


@pytest.mark.parametrize("between", [",", ", ", "\n", "\r\n", ",\n", "，"])
def test_keys_are_parted_by_commas_or_lines(tmp_path: Path, between: str) -> None:
    """In the file as in the setting: who moves them from one to the other changes nothing."""
    ring = [base64.b64encode(bytes([n] * 32)).decode() for n in range(2)]
    (tmp_path / "encryption_keys").write_text(between.join(ring) + "\n", encoding="utf-8")
    given = _settings(encryption_keys=between.join(ring))
    assert given.key_ring().keys.keys() == KeyRing.of(ring).keys.keys()
    if between.isascii():
        kept = _settings(var_folder=tmp_path).key_ring()
        assert list(kept.keys) == list(given.key_ring().keys)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "没有密钥"),
        (b"c2hvcnQ=", "第 1 个加密密钥应为 32 字节，实为 5"),
        (f"{KEY}\nno key".encode(), "第 2 个加密密钥不是 base64"),
        (f"{KEY}é".encode(), "ASCII"),
        (b"\xff\xfe", "ASCII"),
    ],
)
def test_a_file_of_keys_that_holds_none_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "encryption_keys"
    file.write_bytes(content)
    with pytest.raises(UnusableKeyFile) as refused:
        _settings(var_folder=tmp_path).key_ring()
    assert str(file) in refused.value.text.zh
    assert str(file) in refused.value.text.en
    assert said in refused.value.text.zh
    assert file.read_bytes() == content


def test_words_are_read_in_any_case() -> None:
    assert _settings(log_level="INFO").log_level is LogLevel.INFO
    assert _settings(encoder="None").encoder is EncoderKind.NONE


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rate_limits", "dreams=1/1", "没有名为 dreams 的限流类别"),
        ("rate_limits", "reads=many", "应写作 名称=次数/秒数"),
        ("forwarded_allow_ips", "proxy.test", "proxy.test 不是 IP 地址或网段"),
    ],
)
def test_what_is_refused_is_said_in_chinese_too(name: str, value: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _settings(**{name: value})
    [fault] = field_errors([{**e, "loc": ("query", *e["loc"])} for e in refused.value.errors()])
    assert said in fault.message.zh
    assert "Value error" not in fault.message.in_both


def test_another_kind_of_database_is_no_postgresql() -> None:
    for address in ("mysql://host/pool", "sqlite:///pool"):
        with pytest.raises(ArgumentError):
            driver_url(address)
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        assert driver_url(f"{scheme}://host/pool").drivername == "postgresql+psycopg"
