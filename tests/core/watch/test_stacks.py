"""Of a dumped stack the innermost frames are kept; everything else stays as it was."""

from sidecar.core.watch.stacks import FRAMES_KEPT, shortened


def frames(count: int) -> str:
    return "".join(f'  File "a.py", line {n} in f{n}\n' for n in range(count))


def test_the_innermost_frames_of_each_thread_are_kept() -> None:
    text = (
        "a warning\n"
        f"Thread 0x01 (most recent call first):\n{frames(3)}\n"
        f"Current thread 0x02 (most recent call first):\n{frames(40)}the end\n"
    )
    short = shortened(text)
    assert short == (
        "a warning\n"
        f"Thread 0x01 (most recent call first):\n{frames(3)}\n"
        f"Current thread 0x02 (most recent call first):\n{frames(FRAMES_KEPT)}  …\nthe end\n"
    )


def test_what_is_no_stack_is_left_alone() -> None:
    text = f"Traceback (most recent call last):\n{frames(40)}ValueError: no\n"
    assert shortened(text) == text
    assert shortened("") == ""
