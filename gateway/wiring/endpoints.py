"""Where we listen: an address of the settings, with TLS where a certificate is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from gateway.settings.values import Address


class _TlsEndpoint:
    """TLS on any server endpoint; Twisted's own knows IPv4 only."""

    def __init__(self, plain: IStreamServerEndpoint, context: Any) -> None:
        self._plain = plain
        self._context = context

    def listen(self, factory: Any) -> Any:
        """Listen; each connection is TLS."""
        return self._plain.listen(TLSMemoryBIOFactory(self._context, False, factory))


def server_endpoint(listen: Address, cert_file: Path | None, key_file: Path | None, reactor: Any) -> Any:
    """An endpoint to listen on.

    Raises:
        OpenSSL.SSL.Error: certificate or key cannot be read, or do not belong together.
    """
    kind = TCP6ServerEndpoint if ":" in listen.host else TCP4ServerEndpoint
    plain = kind(reactor, listen.port, interface=listen.host)
    if cert_file is None or key_file is None:
        return plain
    context = DefaultOpenSSLContextFactory(str(key_file), str(cert_file))  # type: ignore[no-untyped-call]
    return _TlsEndpoint(plain, context)
