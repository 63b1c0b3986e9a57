"""How long a store is waited for, and how much of it is used at once."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a store is waited for, and how many requests it gets at once."""

    connect_s: float = 10.0
    """For the connection, TLS included."""
    stall_s: float = 20.0
    """Without a single byte, after which a request is given up."""
    crawl_s: float = 60.0
    """In which `crawl_bytes` must come, or the request is given up: a byte a second is a stall, too."""
    crawl_bytes: int = 64 * 1024
    connections: int = 16
    """Requests at one time; more wait for their turn."""
