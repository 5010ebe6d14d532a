"""What the three proofs of a long night share: benchmarks/kills.py, chaos.py and soak.py."""
