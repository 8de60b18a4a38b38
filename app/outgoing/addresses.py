"""Where the service may be sent to by an address that somebody has entered.

Only to what is reachable for everybody: else whoever enters an address would have the service ask
machines for them that they cannot reach themselves. `ipaddress.is_global` is not relied upon, since
what it says of translated, shared and reserved addresses differs between versions of Python.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

from app.interface.language import Text

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = frozenset({443, 8443})  # of whoever is not allowed by name
DEFAULT_PORTS = {"https": 443, "http": 80}
LONGEST = 2_000
HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")  # a name, or an IPv6 address without its brackets

# The registries of special-purpose addresses (IANA, RFC 6890), and multicast.
SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
# Of IPv6 only this was ever given out, and these parts of it are special.
GLOBAL_V6 = IPv6Network("2000::/3")
SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
# What stands for an IPv4 address is as good as that: mapped, 6to4 and translated (NAT64).
MAPPED, SIX_TO_FOUR = IPv6Network("::ffff:0:0/96"), IPv6Network("2002::/16")
TRANSLATED = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether everybody reaches the address, and by it no other one that they do not."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    if address in MAPPED or address in TRANSLATED:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address in SIX_TO_FOUR:
        return is_public(IPv4Address(int(address) >> 80 & 0xFFFFFFFF))
    return address in GLOBAL_V6 and not any(address in network for network in SPECIAL_V6)


class NotAllowed(ValueError):
    """An address to which the service does not go; `text` says why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What an operator lets the service go to besides: names of hosts, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Allowed":
        """Whatever is no address and no network is the name of a host."""
        hosts, networks = set(), []
        for entry in entries:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                hosts.add(entry.lower())
        return cls(hosts=frozenset(hosts), networks=tuple(networks))

    def has_host(self, host: str) -> bool:
        """By its name, or by the address that stands in its place."""
        try:
            return self._has(ip_address(host))
        except ValueError:
            return host in self.hosts

    def permits(self, host: str, address: Address) -> bool:
        """Whether the service may connect to the address that the host has now."""
        return is_public(address) or self._has(address) or host in self.hosts

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address taken apart once, so that what was checked is what is gone to."""

    scheme: str
    host: str
    port: int
    path: bytes

    @property
    def authority(self) -> str:
        """What the Host field says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str, allowed: Allowed) -> Target:
    """Where the URL leads; raises NotAllowed. The host's addresses are checked when it is called.

    https, a usual port and no credentials; http and other ports only for hosts that are allowed.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii").lower().rstrip(".")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise NotAllowed("不是网址", "Not a URL") from None
    is_host = HOST.fullmatch(host) is not None
    if len(url) > LONGEST or not is_host or parsed.scheme not in DEFAULT_PORTS:
        raise NotAllowed("应为 https:// 开头的网址", "Should be a URL that begins with https://")
    if parsed.userinfo or parsed.fragment:
        raise NotAllowed("网址不得含用户名、密码或 #", "No credentials and no fragment in the URL")
    port, is_known = parsed.port or DEFAULT_PORTS[parsed.scheme], allowed.has_host(host)
    if parsed.scheme == "http" and not is_known:
        raise NotAllowed("应为 https:// 开头的网址", "Should be a URL that begins with https://")
    if port not in PORTS and not is_known:
        raise NotAllowed("端口应为 443 或 8443", "The port should be 443 or 8443")
    if not _may_be_public(host) and not is_known:
        raise NotAllowed("不能是内部网络的地址", "Not an address of an internal network")
    return Target(scheme=parsed.scheme, host=host, port=port, path=parsed.raw_path or b"/")


def _may_be_public(host: str) -> bool:
    """An address is judged at once; a name without a dot is of one's own network."""
    try:
        return is_public(ip_address(host))
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
