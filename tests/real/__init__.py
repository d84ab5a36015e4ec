"""The whole line at work: real processes around a pretend telephone network. Nothing here is played but people."""
