"""What a period came to, for people: sections, charts and documents. Knows no web framework."""
