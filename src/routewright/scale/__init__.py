"""The same stages on a Ray cluster: one coordinator keeps the books, workers do the work.

The coordinator is the process of the command. It alone owns journal and budget; a worker calls a
model and hands the answer back, and an answer counts when the coordinator has it on disk.
"""

from __future__ import annotations

from routewright.scale.cluster import Cluster, open_cluster
from routewright.scale.crew import Crew, RemoteProvider, remote_providers
from routewright.scale.fitting import ClusterHands
from routewright.scale.steps import each_on, map_in_order
from routewright.scale.verify import verify_rows_on

__all__ = [
    "Cluster",
    "ClusterHands",
    "Crew",
    "RemoteProvider",
    "each_on",
    "map_in_order",
    "open_cluster",
    "remote_providers",
    "verify_rows_on",
]
