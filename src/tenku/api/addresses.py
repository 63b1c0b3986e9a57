"""By which names and addresses others reach this machine."""

import socket


def machine_names(host: str) -> list[str]:
    """Names and addresses that others may reach this machine by."""
    name = socket.gethostname()
    return list(dict.fromkeys([name, f"{name}.local", "localhost", "127.0.0.1", *network_addresses(host)]))


def network_addresses(host: str) -> list[str]:
    """The addresses that a server on `host` is reached by; the one to the network where it listens on all."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    # Connecting a datagram socket sends nothing; it only asks the kernel which address it would use.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return [str(probe.getsockname()[0])]
        except OSError:
            return ["127.0.0.1"]
