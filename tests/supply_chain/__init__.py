"""What the line is built from: known weak points, licences, and a bill of materials."""
