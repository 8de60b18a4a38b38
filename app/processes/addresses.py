"""Where a service is found that listens."""


def local_url(host: str, port: int) -> str:
    """Where this machine finds a service that listens there."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
