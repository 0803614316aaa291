"""The page that browsers get while the code cannot start, and what serves it."""
