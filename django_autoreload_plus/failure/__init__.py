"""How a failure is found out and described, in both processes."""
