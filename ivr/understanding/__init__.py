"""What a text means: danger, a wish, a language, or what it is about. Its rules are pure."""
