"""Requests to a hub, over the standard library; proxies are taken from the environment as everywhere."""

import email.message
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import urlsplit

from tenku import __version__
from tenku.base.errors import NotFoundError, StoreError

MOST_JSON = 64 * 2**20
SECRET_HEADERS = ("Authorization", "Cookie")


class HubWeb:
    """Asks one hub's server; its token goes there alone, also when it redirects to a CDN. Used from several threads."""

    def __init__(
        self, *, name: str, endpoint: str, secrets: Mapping[str, str], token_hint: str, stall_s: float
    ) -> None:
        self.name = name
        self.endpoint = endpoint.rstrip("/")
        self._secrets = secrets
        self._token_hint = token_hint
        self._stall_s = stall_s
        self._opener = urllib.request.build_opener(_Redirects(self.endpoint, secrets))

    def open(self, url: str, *, start: int = 0) -> http.client.HTTPResponse:
        """The reply to a GET, from byte `start` if the server can. Raises NotFoundError or StoreError."""
        request = urllib.request.Request(url, headers={"User-Agent": f"tenku/{__version__}"})
        if _origin(url) == _origin(self.endpoint):
            for header, value in self._secrets.items():
                request.add_unredirected_header(header, value)
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            reply: http.client.HTTPResponse = self._opener.open(request, timeout=self._stall_s)
            return reply
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(url, error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise StoreError(
                f"{self.name} at {self.endpoint} cannot be reached: {reason}.",
                hint="Is this machine online? Behind a proxy set https_proxy; a mirror of the hub can be named too.",
            ) from error

    def json(self, url: str) -> tuple[Any, str]:
        """A reply's JSON, and the address of its next page, empty on the last one. Raises as `open` does."""
        with self.open(url) as reply:
            try:
                body = reply.read(MOST_JSON + 1)
                if len(body) > MOST_JSON:
                    raise StoreError(f"{self.name} sent a list without end.")
                return json.loads(body), _next_page(reply.headers.get("Link", ""), self.endpoint)
            except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
                raise StoreError(f"{self.name} sent a list that cannot be read: {error}.") from error

    def _refused(self, url: str, error: urllib.error.HTTPError) -> StoreError:
        # Without a token, Hugging Face says 401 also for what does not exist; this header tells which it is.
        code = error.headers.get("X-Error-Code", "")
        what = f"{self.name} has no {urlsplit(url).path}"
        if code == "RevisionNotFound":
            return NotFoundError(f"{what}: no such revision.")
        if error.code == 404 or (code == "RepoNotFound" and not self._secrets):
            return NotFoundError(f"{what}.", hint=f"Is the name right? {self._token_hint}")
        if error.code in (401, 403):
            return StoreError(
                f"{self.name} does not let everybody have {urlsplit(url).path} ({error.code}).", hint=self._token_hint
            )
        return StoreError(f"{self.name} answered {error.code} to {urlsplit(url).path}.", hint="Try again later.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, with the secrets only while they stay on the hub; never from https to http."""

    def __init__(self, endpoint: str, secrets: Mapping[str, str]) -> None:
        self._origin = _origin(endpoint)
        self._secrets = secrets

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: email.message.Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """See the standard library; None would be taken for an error."""
        following = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if following is None:
            return None
        if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
            raise StoreError(f"{urlsplit(req.full_url).netloc} redirects from https to http, which is not followed.")
        if _origin(newurl) == self._origin:
            for header, value in self._secrets.items():
                following.add_unredirected_header(header, value)
        return following


def _next_page(link: str, endpoint: str) -> str:
    """The address that a Link header names as next; only on the hub itself."""
    for part in link.split(","):
        address, _, relation = part.strip().partition(">")
        if 'rel="next"' in relation and address.startswith("<"):
            if _origin(address[1:]) != _origin(endpoint):
                raise StoreError(f"The list of {endpoint} goes on at another server, which is not asked.")
            return address[1:]
    return ""


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return ""
