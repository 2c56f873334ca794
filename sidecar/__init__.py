"""The agent sidecar: a supervisor for coding-agent sessions, shipped as one frozen binary."""

__version__ = "0.1.0"
