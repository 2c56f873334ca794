"""Frames survive any cutting of the stream, and a frame over the bound is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.framing import FrameDecoder, ProtocolViolation, encode_frame


@given(st.lists(st.binary(max_size=200), max_size=20), st.data())
def test_frames_come_out_whole_however_the_stream_is_cut(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(p) for p in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = FrameDecoder(1000)
    out: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += decoder.feed(stream[start:end])
    assert out == payloads
    assert decoder.pending_bytes == 0


def test_a_frame_over_the_bound_is_a_violation_before_its_bytes_arrive() -> None:
    decoder = FrameDecoder(10)
    assert list(decoder.feed(encode_frame(b"x" * 10))) == [b"x" * 10]
    with pytest.raises(ProtocolViolation) as caught:
        list(decoder.feed((11).to_bytes(4, "big")))
    assert caught.value.data == {"length": 11}


def test_frames_before_the_violation_are_still_delivered() -> None:
    frames = FrameDecoder(10).feed(encode_frame(b"good") + (99).to_bytes(4, "big"))
    assert next(frames) == b"good"
    with pytest.raises(ProtocolViolation):
        next(frames)
