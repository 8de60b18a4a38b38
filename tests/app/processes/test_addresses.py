"""Where a service is found that listens, and what is told of one that cannot."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from app.interface.language import Text
from app.operators import OperatorError
from app.processes.addresses import listening_fault, local_url
from app.processes.reloading import enlisted
from app.processes.serving import serve
from app.settings import Settings


def of(folder: Path, **values: Any) -> Settings:
    return Settings(_env_file=None, var_folder=folder, **values)


def test_where_this_machine_finds_what_listens() -> None:
    assert local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert local_url("::", 80) == "http://[::1]:80"
    assert local_url("fe80::1", 80) == "http://[fe80::1]:80"
    assert local_url("example.cn", 80) == "http://example.cn:80"


async def test_a_service_whose_port_is_taken_says_by_whom_and_how_to_take_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.processes.serving.PREDECESSOR_SECONDS", 0.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        said = await _refusal(of(tmp_path, port=port))
        assert f"端口 {port} 已被占用" in said.zh
        assert f"port {port} is taken" in said.en
        with enlisted(tmp_path, port):
            said = await _refusal(of(tmp_path, port=port))
        assert f"{tmp_path} 的服务已在端口 {port} 上运行" in said.zh
        assert f"the service of {tmp_path} runs on port {port} already" in said.en
        for text in said:
            assert f"PORT={port + 1} shuangku serve" in text
            assert "Address already in use" not in text


async def test_a_service_whose_host_is_no_address_says_so(tmp_path: Path) -> None:
    for host in ("999.1.1.1", "a" * 70):
        said = await _refusal(of(tmp_path, host=host))
        assert f"HOST={host} 不是 IP 地址" in said.zh
        assert f"HOST={host} is no IP address" in said.en


async def _refusal(settings: Settings) -> Text:
    with pytest.raises(OperatorError) as refused:
        await serve(settings, wants_demo=False, has_worker=False)
    return refused.value.text


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EADDRNOTAVAIL, "this machine has no address"),
        (errno.EACCES, "may not listen on port 80"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_other_faults_of_an_address(tmp_path: Path, number: int, told: str) -> None:
    error = OSError(number, os.strerror(number))
    found = listening_fault(of(tmp_path, host="192.0.2.1", port=80), error)
    assert told in found.what.en
    assert found.remedy.zh
