"""The daemon's API, for commands: one request, one answer, and errors in words."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.common import FailedError, Options

if TYPE_CHECKING:
    from gateway.settings import Settings

URL_VARIABLE = "BURGERNET_URL"
KEY_VARIABLE = "BURGERNET_KEY"
TIMEOUT_S = 60.0

_HERE = ("127.0.0.1", "::1", "localhost")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not where we connect


class NoAnswerError(Exception):
    """The request may have arrived, or not: the connection broke or no answer came in time."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to wherever it says."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""
        return


@dataclass(frozen=True, slots=True)
class Client:
    """Where the daemon is, and our key."""

    url: str
    key: str
    opener: urllib.request.OpenerDirector

    @classmethod
    def of(cls, options: Options) -> Client:
        """From the environment, else the settings.

        Raises:
            FailedError: there is no key, or it cannot be read.
        """
        settings = options.settings()
        url = daemon_url(settings)
        host = urllib.parse.urlsplit(url).hostname or ""
        if url.startswith("http://") and host not in _HERE:
            click.secho(f"Warning: {url} is not encrypted; the key travels in the clear", fg="yellow", err=True)
        ca_file = settings.cli.ca_file
        handlers: list[urllib.request.BaseHandler] = [
            _NoRedirect(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
        ]
        if host in _HERE:
            handlers.append(urllib.request.ProxyHandler({}))
        return cls(url, _key(settings), urllib.request.build_opener(*handlers))

    def get(self, path: str, **query: Any) -> Any:
        """A resource."""
        given = {name: value for name, value in query.items() if value is not None}
        return self.ask("GET", path + (f"?{urllib.parse.urlencode(given)}" if given else ""))

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
        """Change something. A request that may have been lost is sent once more if it has an Idempotency-Key."""
        headers = headers or {}
        try:
            return self._once("POST", path, body, headers)
        except NoAnswerError:
            if "Idempotency-Key" not in headers:
                raise FailedError(_NO_ANSWER) from None
        try:
            return self._once("POST", path, body, headers)
        except NoAnswerError:
            key = headers["Idempotency-Key"]
            raise FailedError(
                f"{_NO_ANSWER}\nto send it again without starting it twice, add: --idempotency-key {key}"
            ) from None

    def ask(self, method: str, path: str) -> Any:
        """A request without a body; JSON, or the text of a CSV.

        Raises:
            FailedError: the daemon is not there, or says no.
        """
        try:
            return self._once(method, path, None, {})
        except NoAnswerError:
            raise FailedError(_NO_ANSWER) from None

    def _once(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Any:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - http or https, checked
        request.add_header("Authorization", f"Bearer {self.key}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with self.opener.open(request, timeout=TIMEOUT_S) as answer:
                text = answer.read().decode("utf-8")
                return text if answer.headers.get_content_type() == "text/csv" else json.loads(text)
        except urllib.error.HTTPError as error:
            raise problem(error.code, error.read()) from None
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except (http.client.HTTPException, OSError) as error:
            raise NoAnswerError from error

    def _unreachable(self, reason: object) -> Exception:
        if isinstance(reason, TimeoutError | ConnectionResetError | BrokenPipeError):
            return NoAnswerError()
        if isinstance(reason, ConnectionRefusedError):
            return FailedError(f"no daemon answers at {self.url}\nstart one with: burgernet serve")
        return FailedError(f"{self.url} cannot be reached: {reason}")


_NO_ANSWER = "the daemon gave no answer; what was asked may have been done or not"


def daemon_url(settings: Settings) -> str:
    """``BURGERNET_URL``, else ``[cli] url``, else where ``[http]`` listens.

    Raises:
        FailedError: the variable is no such URL.
    """
    named = os.environ.get(URL_VARIABLE)
    if named is not None:
        parsed = urllib.parse.urlsplit(named)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise FailedError(f"{URL_VARIABLE} must begin with http:// or https:// and name a host")
        return named.rstrip("/")
    if settings.cli.url is not None:
        return settings.cli.url.rstrip("/")
    listen = settings.http.listen
    host = _ANYWHERE.get(listen.host, listen.host)
    scheme = "http" if settings.http.tls_cert_file is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listen.port}"


def problem(status: int, body: bytes) -> FailedError:
    """A problem document (RFC 9457) in words; whatever else came, by its status."""
    try:
        document = json.loads(body)
        title, detail, faults = document["title"], document.get("detail", ""), document.get("errors", [])
        lines = [f"{fault['path']}: {fault['message']}" for fault in faults] or [detail]
    except (ValueError, KeyError, TypeError):
        return FailedError(f"the answer was {status} {http.client.responses.get(status, '')}".rstrip())
    if status == 401:
        lines.append(f"the key comes from {KEY_VARIABLE} or [cli] key_file")
    return FailedError("\n".join([f"{title} ({status})", *filter(None, lines)]))


def _key(settings: Settings) -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key and settings.cli.key_file is not None:
        try:
            key = settings.cli.key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not text"
            raise FailedError(f"cli.key_file: {settings.cli.key_file}: {reason}") from None
    if not key:
        raise FailedError(
            f"a key is needed: set {KEY_VARIABLE}, or [cli] key_file\n"
            "make one with: burgernet keys create NAME --role operator"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise FailedError("the key is no key: it has blanks or characters that no key has")
    return key
