"""The demo agent: a real ACP agent over stdio, a program of its own inside our binary.

It streams answers, asks for permissions, remembers what it was told, and misbehaves on directives
in the prompt, as real agents do. It imports nothing of the sidecar but itself and starts fast:
threads, no event loop. Run by `agent-sidecar demo-agent`.
"""

from sidecar.providers.demo.agent.main import main

__all__ = ["main"]
