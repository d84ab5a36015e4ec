"""What must hold of menus, words, agencies and keywords. Each rule is a function from a flow to its faults."""
