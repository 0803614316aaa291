"""The Django side: everything here may import Django, nothing below it does."""
