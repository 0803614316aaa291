"""The sockets of programs whose server nobody here knows: kept, and only used while admitted."""
