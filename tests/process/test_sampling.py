"""A sample tells who is below a process and what each costs."""

import os
import subprocess
import sys

from sidecar.process import sample_tree
from tests.process.conftest import Misbehave
from tests.support import observer


async def test_a_tree_is_sampled_from_its_root_down(misbehave: Misbehave, sentinel: str) -> None:
    child = await misbehave("tool")
    both = await observer.wait_until_seen(sentinel, 2, 5)
    (tool,) = (seen for seen in both if seen.pid != child.pid)
    samples = sample_tree(child.pid)
    assert [(s.key.pid, s.parent) for s in samples] == [
        (child.pid, os.getpid()),
        (tool.pid, child.pid),
    ]
    root = samples[0]
    assert root.key == child.key
    assert root.name.startswith("python")
    assert 1_000_000 < root.rss_bytes < 1_000_000_000
    assert 0 <= root.cpu_ms < 60_000
    assert 0 <= root.age_s < 600
    os.kill(tool.pid, 9)


def test_cpu_time_is_counted_in_milliseconds() -> None:
    own = sample_tree(os.getpid())[0]
    times = os.times()
    assert abs(own.cpu_ms - (times.user + times.system) * 1000) < 200


def test_what_ended_children_used_is_their_parent_s_from_then_on() -> None:
    before = sample_tree(os.getpid())[0]
    burn = "import time\nwhile time.process_time() < 0.15: pass"
    subprocess.run([sys.executable, "-I", "-S", "-c", burn], check=True)
    after = sample_tree(os.getpid())[0]
    assert after.waited_cpu_ms >= before.waited_cpu_ms + 140


def test_a_process_that_is_gone_has_no_samples() -> None:
    assert sample_tree(2**22 + 1) == []
