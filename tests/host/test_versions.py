"""Types and modules get their numbers, and nobody's code is run for that."""

import ctypes
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from sidecar.host.versions import number_modules, number_types

CALLS: list[str] = []


class Meta(type):
    def __getattr__(cls, name: str) -> Any:
        CALLS.append(f"metaclass {name}")
        raise AttributeError(name)


class Descriptor:
    def __get__(self, instance: object, owner: type) -> str:
        CALLS.append("get")
        return "got"

    def __set__(self, instance: object, value: object) -> None:
        CALLS.append("set")


class Watched(metaclass=Meta):
    described = Descriptor()

    def __new__(cls) -> "Watched":
        CALLS.append("new")
        return super().__new__(cls)

    def __init__(self) -> None:
        CALLS.append("init")
        self.first = 1
        self.described = "set"
        self.managed = 2

    def __setattr__(self, name: str, value: object) -> None:
        CALLS.append("setattr")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        CALLS.append(f"getattr {name}")
        raise AttributeError(name)

    @property
    def managed(self) -> int:
        return 0

    @managed.setter
    def managed(self, value: int) -> None:
        CALLS.append("setter")


class Finalised:
    def __init__(self) -> None:
        self.first = 1

    def __del__(self) -> None:
        CALLS.append("del")


class Guarded:
    def __init__(self) -> None:
        self.first = 1

    def __getattribute__(self, name: str) -> object:
        CALLS.append("getattribute")
        return super().__getattribute__(name)


@dataclass
class Data:
    one: int
    other: str = "o"


class Plain:
    default = 1

    def __init__(self) -> None:
        self.later = 2
        self.default = 3


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


def test_nobodys_code_is_run(calls: list[str]) -> None:
    number_types([Watched, Finalised, Guarded, Meta, Data, Plain, int, type, object, "no type"])
    assert calls == []


KEYS_OF_TYPE, KEYS_OF_DICT = 880, 32
"""Where a class, and a dict, of 3.13 refers to its keys."""

only_3_13 = pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="looks into 3.13")


def keys_at(address: int) -> bytes:
    """Return the head of a dict's keys: how many, their version, and how many more there may be."""
    return ctypes.string_at(ctypes.c_void_p.from_address(address).value or 0, 32)


@only_3_13
def test_using_a_type_for_the_first_time_does_not_write_to_it() -> None:
    class Used:
        def __init__(self) -> None:
            self.first = self.second = 1

        def method(self) -> int:
            return self.first

    def use() -> None:
        for _ in range(50):
            Used().method()

    def looks() -> tuple[bytes, bytes]:
        return ctypes.string_at(id(Used) + 16, 400), keys_at(id(Used) + KEYS_OF_TYPE)

    unused = looks()
    number_types([Used])
    numbered = looks()
    use()
    assert looks() == numbered
    assert all(before != after for before, after in zip(unused, numbered, strict=True))


@only_3_13
def test_nor_does_reading_a_global_for_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("used_module")
    exec("value = 1\ndef read(): return value", vars(module))
    monkeypatch.setitem(sys.modules, "used_module", module)
    unused = keys_at(id(vars(module)) + KEYS_OF_DICT)
    number_modules()
    numbered = keys_at(id(vars(module)) + KEYS_OF_DICT)
    for _ in range(50):
        module.read()
    assert keys_at(id(vars(module)) + KEYS_OF_DICT) == numbered
    assert unused != numbered


def test_instances_are_what_they_were() -> None:
    number_types([Data, Plain])
    data, plain = Data(1), Plain()
    assert (data, vars(data)) == (Data(1, "o"), {"one": 1, "other": "o"})
    assert (vars(plain), Plain.default) == ({"later": 2, "default": 3}, 1)
    plain.__dict__["more"] = 4
    for number in range(40):
        setattr(plain, f"more_{number}", number)
    assert list(vars(plain))[:4] == ["later", "default", "more", "more_0"]
    assert list(vars(Plain())) == ["later", "default"]
    assert not hasattr(Plain(), "more")


def test_modules_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} must not be asked for")

    module, odd = Lazy("lazy_module"), object()
    before = dict(vars(module))
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    monkeypatch.setitem(sys.modules, "odd_module", odd)
    number_modules()
    assert vars(module) == before
