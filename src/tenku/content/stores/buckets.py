"""Addresses of buckets into stores: `s3://bucket/prefix?endpoint=http://127.0.0.1:8333`."""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from tenku.base.errors import UsageError
from tenku.content.stores.bucket import RETRIES, BucketStore
from tenku.content.stores.keys import shortened, shown
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit

SERVICES: Mapping[str, tuple[Callable[..., ObjectStore], tuple[str, ...]]] = {
    "s3": (S3Store, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")),
    "gs": (GCSStore, ("GOOGLE_BASE_URL",)),
    "az": (AzureStore, ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")),
}
"""By the address's scheme: what obstore opens, and the variables that name another endpoint."""


def open_bucket(
    url: str, *, environment: Mapping[str, str], patience: Patience | None = None, rate: RateLimit | None = None
) -> BucketStore:
    """The store at an address whose scheme is in `SERVICES`.

    What stands behind `?` are settings by obstore's names (`endpoint`, `region`, `skip_signature`, …), and
    `allow_http=true` for an endpoint without TLS, which without it is only taken on this machine. Keys and tokens
    come from the environment, by the names that the service's own tools use.

    Raises:
        UsageError: the address or a setting cannot be used.
    """
    parts = urlsplit(url)
    make, variables = SERVICES[parts.scheme]
    settings = _settings(parts)
    asked_for_http = settings.pop("allow_http", environment.get("AWS_ALLOW_HTTP", "")) in ("true", "1")
    endpoint = settings.get("endpoint") or next((environment[name] for name in variables if environment.get(name)), "")
    _check_endpoint(endpoint, asked_for_http)
    waits = patience or Patience()
    options: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=waits.connect_s),
        "read_timeout": timedelta(seconds=waits.stall_s),
        # obstore's own limit of 30 s for a whole request would cut a pack on a slow line.
        "timeout": timedelta(hours=1),
        "allow_http": endpoint.startswith("http:"),
    }
    try:
        store = make(
            parts.netloc, prefix=parts.path.strip("/") or None, client_options=options, retry_config=RETRIES, **settings
        )
    except (BaseError, ValueError, TypeError) as error:
        raise UsageError(f"{shown(url)} cannot be opened: {shortened(str(error))}.") from error
    return BucketStore(store, name=shown(url), patience=patience, rate=rate)


def _settings(parts: SplitResult) -> dict[str, str]:
    if not parts.netloc or "@" in parts.netloc:
        raise UsageError(
            f"{parts.scheme}:// lacks a plain bucket name.",
            hint=f"Write {parts.scheme}://BUCKET/PREFIX; keys come from the environment.",
        )
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _check_endpoint(endpoint: str, asked_for_http: bool) -> None:
    if endpoint.startswith("http:") and not asked_for_http and not _is_here(urlsplit(endpoint).hostname or ""):
        raise UsageError(
            f"The endpoint {shown(endpoint)} has no TLS, so anybody on the way could read the keys.",
            hint="Use https, or add allow_http=true to the store's address if the network is yours.",
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
