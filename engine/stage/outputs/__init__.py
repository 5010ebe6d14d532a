"""Where the picture goes beside the window: one file each behind one protocol (output.py)."""
