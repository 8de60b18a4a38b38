"""Where the service goes by an address that somebody has entered, as tables."""

from ipaddress import ip_address

import pytest

from app.outgoing.addresses import Allowed, NotAllowed, is_public, target_of

NOTHING = Allowed()
SOME = Allowed.of(["erp.corp", "10.1.0.0/16", "192.168.7.9"])

PUBLIC = [
    *("1.1.1.1", "114.114.114.114", "172.32.0.1", "192.0.1.1", "223.255.255.255"),
    *("2400:3200::1", "2001:4860:4860::8888", "::ffff:1.1.1.1", "64:ff9b::101:101"),
    "2002:0101:0101::1",
]
NOT_PUBLIC = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "fe80::1", "fe80::1%2", "fc00::1", "fd12::1", "fec0::1", "ff02::1"),
    *("2001::1", "2001:10::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1.1.1.1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_everybody_reaches(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_they_do_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "allowed", "authority"),
    [
        ("https://Example.com/a?b=c", NOTHING, "example.com"),
        ("https://example.com.:8443", NOTHING, "example.com:8443"),
        ("https://例子.中国/hook", NOTHING, "xn--fsqu00a.xn--fiqs8s"),
        ("https://1.1.1.1/", NOTHING, "1.1.1.1"),
        ("https://[2400:3200::1]/", NOTHING, "[2400:3200::1]"),
        ("http://erp.corp:9000/", SOME, "erp.corp:9000"),
        ("http://10.1.2.3/", SOME, "10.1.2.3"),
        ("https://192.168.7.9:1/", SOME, "192.168.7.9:1"),
        ("https://2130706433.com/", NOTHING, "2130706433.com"),
    ],
)
def test_where_a_webhook_may_lead(url: str, allowed: Allowed, authority: str) -> None:
    assert target_of(url, allowed).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook", "//example.com", "ftp://example.com/", "http://example.com/"),
        *("file:///etc/passwd", "https://", "https:///a", "javascript:alert(1)"),
        *("https://user:secret@example.com/", "https://user@example.com/"),
        *("https://example.com:22/", "https://example.com:80/", "https://example.com:99999/"),
        *("https://example.com/#part", f"https://example.com/{'a' * 2000}"),
        *("https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://2130706433/"),
        *("https://localhost/", "https://db/", "https://a.localhost/", "https://nas.local/"),
        *("https://[::ffff:127.0.0.1]/", "https://metadata.google.internal/"),
        *("https://exa mple.com/", "https://example.com\x00/", "http://erp.corp.example.com/"),
    ],
)
def test_where_it_may_not(url: str) -> None:
    with pytest.raises(NotAllowed) as error:
        target_of(url, NOTHING)
    assert error.value.text.zh != error.value.text.en


def test_what_is_allowed_is_allowed_by_name_or_by_address() -> None:
    inside, outside = ip_address("10.1.2.3"), ip_address("10.2.0.1")
    assert SOME.permits("hook.example.com", inside), "it is in a network that is allowed"
    assert not SOME.permits("hook.example.com", outside)
    assert SOME.permits("erp.corp", outside), "the host is allowed wherever it is"
    assert not NOTHING.permits("erp.corp", inside)
