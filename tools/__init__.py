"""The two commands, start.py and test.py, and the offline studio: song, fruit, training."""
