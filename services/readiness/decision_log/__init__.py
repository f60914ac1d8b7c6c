"""The decision log: one record a decision, chained, on disk before the answer leaves, sealed elsewhere.

``records`` is the chain and ``merkle`` the tree over a sealed segment, both pure. ``writer`` puts records
on disk by group commit, ``waiting`` tells those who wait for it, ``spool`` holds the files, ``shipping``
seals and copies them to a ``store``. ``verification`` finds what somebody changed, ``reading`` finds a
decision.
"""

from services.readiness.decision_log.records import LogDamagedError
from services.readiness.decision_log.spool import Spool
from services.readiness.decision_log.waiting import LogUnavailableError, Receipt
from services.readiness.decision_log.writer import DecisionLog, Limits

__all__ = ["DecisionLog", "Limits", "LogDamagedError", "LogUnavailableError", "Receipt", "Spool"]
