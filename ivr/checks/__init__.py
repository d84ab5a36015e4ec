"""What must hold of menus, words, agencies and keywords. A rule is a function from a flow to its faults."""
