"""Windows job objects, as far as they can be looked at elsewhere: what is asked of the system."""

import ctypes
from typing import Any

from sidecar.process.jobs import ExtendedLimits, JobObjects, limits_of


class Kernel:
    """Answers like kernel32 and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"CreateJobObjectW": 5, "OpenProcess": 6} | answers
        self.asked: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            shown = [str(getattr(argument, "value", argument)) for argument in arguments]
            self.asked.append((name, *shown))
            return self.answers.get(name, 1)

        return call

    def names(self) -> list[str]:
        return [words[0] for words in self.asked]

    def closed(self) -> list[str]:
        return [words[1] for words in self.asked if words[0] == "CloseHandle"]


def test_the_structure_is_as_long_as_windows_wants_it() -> None:
    assert ctypes.sizeof(ctypes.c_size_t) == 8
    assert ExtendedLimits.IoInfo.offset == 64
    assert ExtendedLimits.JobMemoryLimit.offset == 120
    assert ctypes.sizeof(ExtendedLimits) == 144


def test_a_job_dies_with_us_and_has_a_limit_if_there_is_one() -> None:
    assert limits_of(None).BasicLimitInformation.LimitFlags == 0x2000
    limits = limits_of(1 << 33)
    assert limits.BasicLimitInformation.LimitFlags == 0x2200
    assert limits.JobMemoryLimit == 1 << 33


def test_a_host_is_put_into_a_job_that_is_closed_once() -> None:
    kernel = Kernel()
    job = JobObjects(kernel).enter(4711, 1 << 30)
    assert job is not None
    assert kernel.names() == [
        "CreateJobObjectW",
        "SetInformationJobObject",
        "OpenProcess",
        "AssignProcessToJobObject",
        "CloseHandle",
    ]
    assert kernel.closed() == ["6"], "the process's handle, not the job's"
    assert job.verdict() is None
    job.close()
    job.close()
    assert kernel.closed() == ["6", "5"]


def test_what_the_system_refuses_leaves_no_handle() -> None:
    for answers in (
        {"SetInformationJobObject": 0},
        {"OpenProcess": 0},
        {"AssignProcessToJobObject": 0},
    ):
        kernel = Kernel(**answers)
        assert JobObjects(kernel).enter(4711, None) is None
        assert "5" in kernel.closed()
    assert JobObjects(Kernel(CreateJobObjectW=0)).enter(4711, None) is None
