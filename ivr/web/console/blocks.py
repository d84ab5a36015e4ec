"""The page of blocks: whoever hears the numbers only, named by nothing that leads to a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import end_block, list_blocks
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as Answer

blocked = Blueprint("blocked", __name__, url_prefix="/console/blocks")


@blocked.get("")
@needs(Role.OPERATOR)
def blocks() -> str:
    """Show since when, until when, why and by whom; never the mark."""
    return page("blocks", blocks=list_blocks(desk().database, desk().now()))


@blocked.post("/<block>/end")
@needs(Role.OPERATOR)
def unblock(block: str) -> Answer:
    """Let a caller be answered as everybody is."""
    end_block(desk().database, block, who=me().name)
    return redirect(url_for("blocked.blocks"), 303)
