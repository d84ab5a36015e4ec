"""The command `ivr`: a file for each group of commands."""
