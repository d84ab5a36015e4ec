"""A telephone and text line: hear, decide, answer, and connect to a person."""
