"""How long and how hot: imported by the models, so it is loaded early."""


def describe_steeping(celsius: int, minutes: int) -> str:
    """Return the instruction for a cup, like ``3 min at 80 °C``."""
    return f"{minutes} min at {celsius} °C"
