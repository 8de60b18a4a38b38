"""Where a service is found that listens, and why one cannot listen."""

import errno
import socket
from dataclasses import dataclass

from app.interface.language import Text
from app.processes.reloading import runs
from app.settings import Settings

LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningFault:
    """Why nobody can listen at an address, and what to do."""

    what: Text
    remedy: Text


def local_url(host: str, port: int) -> str:
    """Where this machine finds a service that listens there."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def listening_fault(settings: Settings, error: OSError | UnicodeError) -> ListeningFault:
    """What the failure to listen at HOST and PORT means to whoever has set them."""
    host, port = settings.host, settings.port
    if isinstance(error, socket.gaierror | UnicodeError):
        return ListeningFault(
            what=Text(
                f"HOST={host} 不是 IP 地址，也无法解析",
                f"HOST={host} is no IP address, and no name that can be resolved",
            ),
            remedy=Text("改正 HOST，如 127.0.0.1 或 0.0.0.0", "set HOST to 127.0.0.1 or 0.0.0.0"),
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ListeningFault(
            what=Text(f"本机没有地址 {host}", f"this machine has no address {host}"),
            remedy=Text("改正 HOST，如 127.0.0.1 或 0.0.0.0", "set HOST to 127.0.0.1 or 0.0.0.0"),
        )
    if error.errno == errno.EACCES:
        return ListeningFault(
            what=Text(f"当前用户不能监听端口 {port}", f"this user may not listen on port {port}"),
            remedy=Text("把 PORT 设为 1024 以上", "set PORT to one above 1024"),
        )
    if error.errno == errno.EADDRINUSE:
        return _taken(settings)
    return ListeningFault(
        what=Text(
            f"无法监听 {host} 的端口 {port}（{error.strerror}）",
            f"cannot listen on {host}, port {port} ({error.strerror})",
        ),
        remedy=Text("检查 HOST、PORT", "check HOST and PORT"),
    )


def _taken(settings: Settings) -> ListeningFault:
    port, folder = settings.port, settings.var_folder.absolute()
    other = f"PORT={port + 1 if port < LAST_PORT else port - 1} shuangku serve"
    if runs(folder, port):
        return ListeningFault(
            what=Text(
                f"{folder} 的服务已在端口 {port} 上运行",
                f"the service of {folder} runs on port {port} already",
            ),
            remedy=Text(
                f"直接使用它，或先停止它；要另开一个，换端口：{other}（或 make serve）",
                f"use it, or stop it first; for one more another port: {other} (or make serve)",
            ),
        )
    return ListeningFault(
        what=Text(
            f"端口 {port} 已被占用：另一程序、另一目录的服务，或还在启动的服务",
            f"port {port} is taken: by another program, another folder's service, or one that"
            " is still starting",
        ),
        remedy=Text(
            f"停止它，或换端口：{other}（或 make serve）",
            f"stop it, or take another port: {other} (or make serve)",
        ),
    )
