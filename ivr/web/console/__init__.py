"""What operators read and switch. Every page asks who they are; none shows who called."""
