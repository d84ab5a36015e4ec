"""What is done later. The only home of RQ and redis."""
