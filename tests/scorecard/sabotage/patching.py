"""Replaces functions of the product by name; what is gone is an error, never a silent success."""

import importlib
import sys
from collections.abc import Callable
from typing import Any


class TargetGoneError(RuntimeError):
    """Raised when a sabotage finds no such function any more: it would disable nothing."""


def patch(target: str, make: Callable[[Any], Any]) -> None:
    """Replace `module:name` or `module:Class.name` by `make(what it was)`.

    A function that other modules have imported by name is replaced there too. Modules that are
    imported later get it from where it is defined.
    """
    module_name, _, path = target.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = _found(owner, part, target)
    before = _found(owner, name, target)
    after = make(before)
    setattr(owner, name, after)
    if not outer:
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("sidecar"):
                for bound, value in list(vars(module).items()):
                    if value is before:
                        setattr(module, bound, after)


def replace(target: str, after: Any) -> None:
    """Replace a function or a constant by a value."""
    patch(target, lambda _before: after)


def _found(owner: Any, name: str, target: str) -> Any:
    if name not in vars(owner):
        raise TargetGoneError(f"{target} is gone: nothing would be disabled")
    return vars(owner)[name]
