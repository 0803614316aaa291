"""What to eat with a tea: imported by the first request that asks for it."""

PAIRINGS = {
    "Japan": "a bowl of rice crackers",
    "China": "a steamed bun",
    "India": "a slice of spice cake",
}


def pairing_for(origin: str) -> str:
    """Return a bite that suits teas of that origin."""
    return PAIRINGS.get(origin, "a plain biscuit")
