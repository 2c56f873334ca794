"""The rows in the order of the table."""

from tests.scorecard.model import RowSpec
from tests.scorecard.rows import cable, churn, code, crash, crowd, hang, leak, log, package, tree

ROWS: tuple[RowSpec, ...] = (
    hang.ROW,
    crash.ROW,
    leak.ROW,
    code.ROW,
    crowd.ROW,
    churn.ROW,
    tree.ROW,
    cable.ROW,
    log.ROW,
    package.ROW,
)
