"""What whoever runs the line does with it: looks at its health, runs it on one machine, edits its files."""
