"""What is printed from the contract is up to date, and a stale file is found."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ERRORS
from sidecar.contract.events import EVENTS
from sidecar.contract.generate import __main__ as command
from sidecar.contract.generate import documents, golden, schema, tables, typescript
from sidecar.contract.methods import METHODS
from tests.contract.test_events import wire_keys


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with the printed files alone, which the command works on."""
    for name in [*documents.DOCUMENTS, documents.SCHEMA, documents.TYPESCRIPT]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(documents.ROOT / name, tmp_path / name)
    shutil.copytree(documents.ROOT / documents.GOLDEN, tmp_path / documents.GOLDEN)
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    return tmp_path


def test_nothing_is_stale() -> None:
    differences = documents.stale(documents.ROOT)
    assert not differences, "\n".join(
        ["run `python -m sidecar.contract.generate`:", *differences.values()]
    )


@pytest.mark.parametrize("name", [*documents.DOCUMENTS, documents.SCHEMA, documents.TYPESCRIPT])
def test_a_stale_file_fails_the_check_and_is_written_anew(
    copy: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (copy / name).read_text("utf-8")
    word = "session_not_found" if name.endswith("PROTOCOL.md") else "turn.aborted"
    (copy / name).write_text(good.replace(word, "averted"), "utf-8")
    assert command.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert f"stale: {name}" in said
    assert "averted" in said
    assert command.main([]) == 0
    if name not in documents.DOCUMENTS:  # a document keeps what people wrote
        assert (copy / name).read_text("utf-8") == good
    assert command.main(["--check"]) == 0


def test_a_missing_file_is_stale(copy: Path) -> None:
    (copy / documents.SCHEMA).unlink()
    assert list(documents.stale(copy)) == [documents.SCHEMA]


def test_prose_around_the_blocks_is_kept() -> None:
    text = "before\n<!-- generated:x -->\nold\n<!-- /generated -->\nafter\n"
    filled = documents.fill(text, {"x": "new\ntable"})
    assert filled == "before\n<!-- generated:x -->\nnew\ntable\n<!-- /generated -->\nafter\n"


def test_a_block_that_no_generator_prints_is_refused() -> None:
    with pytest.raises(documents.UnknownBlock, match="'missing'"):
        documents.fill("<!-- generated:missing -->\n<!-- /generated -->", {})


def test_every_block_stands_in_a_document() -> None:
    printed = {*tables.render(), *golden.render(golden.load(documents.ROOT / documents.GOLDEN))}
    asked = [
        block
        for name in documents.DOCUMENTS
        for block in documents.block_names((documents.ROOT / name).read_text("utf-8"))
    ]
    assert sorted(asked) == sorted(printed)


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def test_the_schema_has_no_dangling_reference_and_no_unused_definition() -> None:
    document = json.loads(schema.render())
    assert references(document) == {f"#/$defs/{name}" for name in document["$defs"]}


def test_the_schema_tells_required_keys_of_each_event() -> None:
    document = schema.document()
    payloads = {
        branch["properties"]["type"]["const"]: branch["properties"]["payload"]["$ref"]
        for branch in document["oneOf"]
    }
    assert set(payloads) == set(EVENTS)
    for name, reference in payloads.items():
        definition = document["$defs"][reference.removeprefix("#/$defs/")]
        required, optional = wire_keys(EVENTS[name].payload)
        assert set(definition["required"]) == required, name
        assert set(definition["properties"]) == required | optional, name


def test_the_typescript_names_every_event_method_and_error() -> None:
    text = typescript.render()
    for name in [*EVENTS, *METHODS]:
        assert f'"{name}"' in text
    for key, error in ERRORS.items():
        assert f"  {key}: {{ code: {error.code}," in text


def test_a_type_without_a_spelling_in_typescript_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        typescript.type_of(msgspec.inspect.DateTimeType())
