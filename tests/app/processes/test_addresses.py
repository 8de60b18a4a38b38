"""Where a service is found that listens."""

from app.processes.addresses import local_url


def test_where_this_machine_finds_what_listens() -> None:
    assert local_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert local_url("::", 80) == "http://[::1]:80"
    assert local_url("fe80::1", 80) == "http://[fe80::1]:80"
    assert local_url("example.cn", 80) == "http://example.cn:80"
