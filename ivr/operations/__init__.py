"""What whoever runs the line does with it: sees to its health, starts it, edits files, makes a month up."""
