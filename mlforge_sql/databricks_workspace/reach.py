"""Whether a host answers, in bounded time.

The Databricks SDK, which dbt-databricks logs in with, asks a host that does not answer again and
again for 5 minutes, and nothing in a profile shortens that. So the host is asked here first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Thread

from mlforge_sql.databricks_workspace.login import HOST
from mlforge_sql.errors import Diagnostic, SpecErrors

SECONDS = 10.0
"""How long a host has to answer."""

DISCOVERY = "/.well-known/databricks-config"
"""What every workspace says without a login."""

_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_CHECK = f"check {HOST} for a typing mistake, and the network: VPN, firewall, proxy"


@dataclass(frozen=True, slots=True)
class Silence:
    """A host did not answer.

    Attributes:
        message: One sentence: who, and what happened instead.
        hint: The next step.
    """

    message: str
    hint: str


def reach(host: str, seconds: float = SECONDS) -> Silence | None:
    """Ask a host for its public configuration; None when it answers, whatever it says.

    Proxies and certificates come from the environment, as for dbt.

    Args:
        host: Name or address, without scheme, with a port if it is not 443.
        seconds: How long to wait in all, looking up the name included.
    """
    if not _ADDRESS.fullmatch(host):
        hint = f"write only the workspace's name into {HOST}: `dbc-1234.cloud.databricks.com`"
        return Silence(f"`{host}` is not the address of a host", hint)
    answers: list[Silence | None] = []
    asking = Thread(target=lambda: answers.append(_ask(host, seconds)), daemon=True)
    asking.start()
    asking.join(seconds + 1)
    return answers[0] if answers else _too_slow(host, seconds)


def check_reachable(host: str, seconds: float = SECONDS) -> None:
    """Return when a host answers.

    Raises:
        SpecErrors: It does not.
    """
    silence = reach(host, seconds)
    if silence is not None:
        raise SpecErrors([Diagnostic("MF077", silence.message, hint=silence.hint)])


def _ask(host: str, seconds: float) -> Silence | None:
    import requests

    try:
        requests.get(f"https://{host}{DISCOVERY}", timeout=seconds, allow_redirects=False).close()
    except requests.exceptions.SSLError as error:
        return _no_trust(host, str(error))
    except requests.exceptions.ProxyError as error:
        hint = "check HTTPS_PROXY and NO_PROXY"
        return Silence(f"the proxy does not lead to `{host}`: {_last_words(error)}", hint)
    except requests.exceptions.Timeout:
        return _too_slow(host, seconds)
    except requests.exceptions.RequestException as error:
        return _no_connection(host, str(error), _last_words(error))
    return None


def _no_trust(host: str, text: str) -> Silence:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        hint = (
            "name the authority's certificates, a file, in SSL_CERT_FILE and in REQUESTS_CA_BUNDLE"
        )
        return Silence(f"the certificate of `{host}` is not trusted here", hint)
    return Silence(f"`{host}` does not speak TLS as a workspace does", _CHECK)


def _no_connection(host: str, text: str, last_words: str) -> Silence:
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return Silence(f"the name `{host.split(':', maxsplit=1)[0]}` cannot be found", _CHECK)
    if "refused" in text:
        return Silence(f"`{host}` refuses connections", _CHECK)
    return Silence(f"`{host}` cannot be reached: {last_words}", _CHECK)


def _too_slow(host: str, seconds: float) -> Silence:
    hint = f"{_CHECK}; a workspace may also admit only the addresses of its IP access list"
    return Silence(f"`{host}` did not answer within {seconds:g} seconds", hint)


def _last_words(error: Exception) -> str:
    """The innermost reason, which is the part that people understand."""
    text = str(error)
    found = re.findall(r"(?:\[Errno [-0-9]+\] |: )([^:'\"()\[\]]+)", text)
    return str(found[-1]).strip() if found else text[:200]
