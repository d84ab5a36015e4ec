"""What anybody may read without being known: the words of the line, and cards to print."""
