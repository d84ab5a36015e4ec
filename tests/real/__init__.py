"""The whole line at work, around a pretend telephone network. Nothing is played here but people."""
