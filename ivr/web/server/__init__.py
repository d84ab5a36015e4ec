"""The HTTP server of `ivr web` and `ivr console`: whole requests for Flask, and processes that are replaced when they hang."""
