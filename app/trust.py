"""The certificate authorities that requests of ours to other hosts trust."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """Those of the machine, or of certifi; read once a process, since there are hundreds."""
    return httpx.create_ssl_context()
