"""Which component a part of a bundle belongs to."""

import pytest

from buildtool import bundle


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("libpython3.13.so.1.0", "python runtime"),
        ("base_library.zip", "python stdlib"),
        ("python3.13/lib-dynload/_ctypes.cpython-313-x86_64-linux-gnu.so", "python stdlib"),
        ("libsqlite3.so.0", "shared libraries"),
        ("aiohttp/_http_parser.cpython-313-x86_64-linux-gnu.so", "aiohttp"),
        ("attrs-26.1.0.dist-info/METADATA", "attr"),
        ("agent-sidecar.marker", "other data"),
        ("_socket.pyd", "python stdlib"),
    ],
)
def test_component_of_a_file(name: str, component: str) -> None:
    assert bundle.component_of_file(name) == component


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("sidecar.journal.store", "sidecar"),
        ("entry", "sidecar"),
        ("asyncio.events", "python stdlib"),
        ("pyimod02_importers", "python runtime"),
        ("pyi_rth_inspect", "python runtime"),
        ("aiohttp.web", "aiohttp"),
        ("attrs.converters", "attr"),
    ],
)
def test_component_of_a_module(name: str, component: str) -> None:
    assert bundle.component_of_module(name) == component


def test_summary_adds_up_and_names_the_biggest_first() -> None:
    parts = [
        bundle.Part("a", "one", 10),
        bundle.Part("b", "two", 25),
        bundle.Part("a", "three", 20),
    ]
    found = bundle.summary(parts)
    assert found["totalBytes"] == 55
    assert found["components"] == {"a": 30, "b": 25}
    assert [part["name"] for part in found["biggest"]] == ["two", "three", "one"]
