"""The session methods that a host carries out: from a call frame to the provider session."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidecar.contract.methods import (
    METHODS,
    InterruptParams,
    McpParams,
    RespondToRequestParams,
    RespondToUserInputParams,
    RollbackParams,
    SendTurnParams,
    SetConfigParams,
)
from sidecar.providers.base import ProviderSession


async def _send_turn(provider: ProviderSession, params: SendTurnParams) -> Any:
    return await provider.send_turn(params)


async def _interrupt(provider: ProviderSession, params: InterruptParams) -> Any:
    await provider.interrupt(params.turn_id)
    return {}


async def _respond_to_request(provider: ProviderSession, params: RespondToRequestParams) -> Any:
    await provider.respond_to_request(params)
    return {}


async def _respond_to_user_input(
    provider: ProviderSession, params: RespondToUserInputParams
) -> Any:
    await provider.respond_to_user_input(params)
    return {}


async def _set_config(provider: ProviderSession, params: SetConfigParams) -> Any:
    return await provider.set_config(params.key, params.value)


async def _read_thread(provider: ProviderSession, _params: Any) -> Any:
    return await provider.read_thread()


async def _rollback_thread(provider: ProviderSession, params: RollbackParams) -> Any:
    return await provider.rollback_thread(params.num_turns)


def _mcp(verb: str) -> Callable[[ProviderSession, McpParams], Awaitable[Any]]:
    async def run(provider: ProviderSession, params: McpParams) -> Any:
        return await provider.mcp(verb, params)

    return run


_CALLS: dict[str, Callable[[ProviderSession, Any], Awaitable[Any]]] = {
    "session.sendTurn": _send_turn,
    "session.interrupt": _interrupt,
    "session.respondToRequest": _respond_to_request,
    "session.respondToUserInput": _respond_to_user_input,
    "session.setConfig": _set_config,
    "session.readThread": _read_thread,
    "session.rollbackThread": _rollback_thread,
    "mcp.status": _mcp("status"),
    "mcp.add": _mcp("add"),
    "mcp.connect": _mcp("connect"),
    "mcp.disconnect": _mcp("disconnect"),
}


async def carry_out(provider: ProviderSession, method: str, params: Any) -> Any:
    """Call the provider session as `method` says.

    Raises LookupError for a method that hosts do not have and msgspec.ValidationError for params
    that do not fit; what the provider session raises passes through.
    """
    call = _CALLS[method]
    return await call(provider, msgspec.convert(params, METHODS[method].params))
