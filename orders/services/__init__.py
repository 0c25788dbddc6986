"""What can be done with orders, verb first: placing them, and moving their status."""
