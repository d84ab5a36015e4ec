"""The HTTP server of `ivr web` and `ivr console`: whole requests for Flask, and no hanging process."""
