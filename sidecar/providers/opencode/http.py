"""The HTTP client of one running server: requests with a deadline, and its event stream.

aiohttp is imported when the first client is made: only hosts that speak HTTP pay for it. Owns the
connection and the bounds; never knows a path's meaning.
"""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed
from sidecar.contract.limits import MIB
from sidecar.providers.opencode.mapping.errors import error_text
from sidecar.providers.opencode.wire import basic_auth
from sidecar.providers.text import decode_json

if TYPE_CHECKING:
    import aiohttp

REQUEST_S: Final = 30.0
"""One request. The first of a server loads plugins and providers: 2–4 s on a laptop, more when it
is busy. Prompts are answered at once (`prompt_async`)."""

ANSWER_BYTES: Final = 64 * MIB
"""Longest answer read: a conversation's messages with their tool outputs."""

SILENCE_S: Final = 45.0
"""Longest silence of the event stream, which has a heartbeat every 10 s."""

READ_BYTES: Final = 64 * 1024


class HttpClient:
    """Speaks to one server. Its methods raise ProviderProcessFailed when it cannot be reached."""

    def __init__(self, url: str, password: str) -> None:
        import aiohttp  # noqa: PLC0415 - see above

        self._aiohttp = aiohttp
        self._url = url.rstrip("/")
        self._http: aiohttp.ClientSession = aiohttp.ClientSession(
            headers={"Authorization": basic_auth(password)}, trust_env=False
        )

    async def call(
        self, method: str, path: str, body: Json = None, deadline_s: float = REQUEST_S
    ) -> Json:
        """Make a request and return the decoded answer, None for an empty one.

        Raises ProviderRequestFailed for an error status, an answer that is no JSON or too long,
        and at the deadline.
        """
        timeout = self._aiohttp.ClientTimeout(total=deadline_s)
        try:
            async with self._http.request(
                method, self._url + path, json=body, timeout=timeout, allow_redirects=False
            ) as answer:
                data = await _read(answer)
        except TimeoutError:
            raise ProviderRequestFailed(
                f"OpenCode did not answer {method} {path} within {deadline_s:g} s", method=path
            ) from None
        except (self._aiohttp.ClientError, OSError) as error:
            raise ProviderProcessFailed(
                f"OpenCode cannot be reached: {_words(error)}", method=path
            ) from None
        return _decoded(answer.status, data, f"{method} {path}")

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the bytes of `GET /event` until the stream ends.

        Raises ProviderProcessFailed when it breaks, cannot be opened or falls silent.
        """
        timeout = self._aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S)
        try:
            async with self._http.get(self._url + "/event", timeout=timeout) as answer:
                if answer.status != 200:
                    raise ProviderProcessFailed(
                        f"OpenCode refused its event stream with status {answer.status}"
                    )
                yield b""
                async for data in answer.content.iter_chunked(READ_BYTES):
                    yield data
        except (self._aiohttp.ClientError, OSError) as error:
            raise ProviderProcessFailed(f"OpenCode's event stream broke: {_words(error)}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()


async def _read(answer: "aiohttp.ClientResponse") -> bytes | None:
    """Return the whole body, None when it is too long."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in answer.content.iter_chunked(READ_BYTES):
        size_bytes += len(part)
        if size_bytes > ANSWER_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _decoded(status: int, data: bytes | None, what: str) -> Json:
    if data is None:
        raise ProviderRequestFailed(f"OpenCode answered {what} with over {ANSWER_BYTES} bytes")
    value: Any = None
    if data.strip():
        try:
            value = decode_json(data)
        except ValueError as error:
            if status < 400:
                raise ProviderRequestFailed(
                    f"OpenCode answered {what} with no JSON: {error}"
                ) from None
    if status >= 300:
        detail = error_text(value) or f"status {status}"
        raise ProviderRequestFailed(
            f"OpenCode refused {what}: {detail}", method=what, detail=detail, status=status
        )
    return value


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
