"""How the line answers over HTTP. The only home of Flask."""
