"""Which functions a program has run, by module and qualified name. Python 3.12 or newer."""

import gc
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

MONITORING: Any = getattr(sys, "monitoring", None)
TOOL = 2
"""sys.monitoring.PROFILER_ID"""


class Recording:
    """Notes each code that is started; from the start of a function named `begins_at` on.

    `prepare` is run first, and what it runs is not noted; it returns the modules that count.
    """

    def __init__(
        self, begins_at: str = "", prepare: Callable[[], Iterable[str]] = lambda: sys.modules
    ) -> None:
        self._begins_at = begins_at
        self._prepare = prepare
        self._preparing = False
        self._modules: frozenset[str] = frozenset()
        self._codes: dict[CodeType, None] = {}

    def start(self) -> None:
        """Begin."""
        MONITORING.use_tool_id(TOOL, "recording")
        MONITORING.register_callback(TOOL, MONITORING.events.PY_START, self._started)
        MONITORING.set_events(TOOL, MONITORING.events.PY_START)

    def stop(self) -> None:
        """End."""
        MONITORING.set_events(TOOL, 0)
        MONITORING.free_tool_id(TOOL)

    def names(self) -> list[tuple[str, str]]:
        """Return what was run, in the order of its first time."""
        functions = [found for found in gc.get_objects() if type(found) is FunctionType]
        names = {f.__code__: (str(f.__module__), f.__qualname__) for f in functions}
        modules = {_file_of(module): name for name, module in list(sys.modules.items())}
        for code in self._codes.keys() - names.keys():  # of a function that is no more
            if code.co_filename in modules:
                names[code] = (modules[code.co_filename], code.co_qualname)
        found = dict.fromkeys(names[code] for code in self._codes if code in names)
        return [name for name in found if _counts(name[0], self._modules)]

    def _started(self, code: CodeType, _offset: int) -> Any:
        if self._preparing or self._begins_at not in ("", code.co_name):
            return None
        if self._begins_at:
            self._begins_at = ""
            self._preparing = True
            self._modules = frozenset(self._prepare())
            self._preparing = False
        self._codes[code] = None
        return MONITORING.DISABLE


def _counts(module: str, modules: frozenset[str]) -> bool:
    """Tell whether a function of this module counts; a namedtuple has one of its own."""
    return not modules or module in modules or module.startswith("namedtuple_")


def _file_of(module: Any) -> str:
    return getattr(module, "__file__", None) or f"<frozen {getattr(module, '__name__', '')}>"
