"""The outputs for the picture beside the window: one file each, with the contracts of borders/contracts.py."""
