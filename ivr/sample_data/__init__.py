"""A month of pretend conversations, told by the line itself, so that pages have something to show."""
