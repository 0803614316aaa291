"""The checkpoints as the supervisor knows them."""
