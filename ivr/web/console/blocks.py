"""The page of blocks: callers who hear the numbers only, named by nothing that leads to a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from ivr.records.operators import Role
from ivr.records.opt_outs_blocks import end_block, list_blocks
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, render_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

blueprint = Blueprint("blocks", __name__, url_prefix="/console/blocks")


@blueprint.get("", endpoint="list")
@needs(Role.OPERATOR)
def show_blocks() -> str:
    """Show since when, until when, why and by whom; never the mark."""
    return render_page("blocks", blocks=list_blocks(console().database, console().now()))


@blueprint.post("/<block>/end", endpoint="end")
@needs(Role.OPERATOR)
def unblock(block: str) -> Response:
    """Let a caller be answered as everybody is."""
    end_block(console().database, block, who=current_operator().name)
    return redirect(url_for("blocks.list"), 303)
