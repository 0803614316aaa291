"""Conditions for forking a process, and the state that a fork has to separate."""
