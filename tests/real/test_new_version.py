"""New versions take over while people call, wait for a person and text: nobody notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from long.restarts import line_with_traffic, restart_under_traffic

if TYPE_CHECKING:
    from pathlib import Path


def test_new_versions_take_over_and_nobody_on_the_line_notices(tmp_path: Path) -> None:
    with line_with_traffic(tmp_path, callers=6, transfers=2, texters=3) as traffic:
        figures, noticed = restart_under_traffic(traffic, times=2)

        assert noticed == []
        assert figures["webhooks without an answer"] == 0
        assert traffic.rounds > 9  # Keys were pressed all the while.
        assert all(process.poll() is None for process in traffic.line.stage.running.values())
