"""What a session is to its supervisor: OTP's child spec, and its strategy as a parent."""

from dataclasses import dataclass

from sidecar.contract.methods import RestartSpec
from sidecar.contract.vocabulary import RestartPolicy, RestartStrategy


class InvalidSpec(ValueError):  # noqa: N818 - named after what it is
    """Raised by ChildSpec for a combination that OTP refuses too; its text is for the client."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One session: a child of `parent` by all but `strategy`, which it has as a parent itself.

    `shutdown_s` is the deadline of its stop, 0 for kill, None for the default.
    """

    id: str
    parent: str | None = None
    policy: RestartPolicy = "transient"
    significant: bool = False
    shutdown_s: float | None = None
    max_restarts: int = 3
    max_seconds: int = 60
    strategy: RestartStrategy = "one_for_one"

    def __post_init__(self) -> None:
        """Refuse what can never mean anything: a permanent child does not end by itself."""
        if self.significant and self.policy == "permanent":
            raise InvalidSpec(
                "A permanent session cannot be significant: it is restarted whenever it ends, so "
                "it never ends by itself"
            )


def child_spec(thread_id: str, parent: str | None, restart: RestartSpec | None) -> ChildSpec:
    """Read a client's restart spec. Raises InvalidSpec."""
    spec = restart or RestartSpec()
    return ChildSpec(
        id=thread_id,
        parent=parent,
        policy=spec.policy,
        significant=spec.significant,
        shutdown_s=None if spec.shutdown_ms is None else spec.shutdown_ms / 1000,
        max_restarts=spec.max_restarts,
        max_seconds=spec.max_seconds,
        strategy=spec.strategy,
    )
