"""Time generators over models, sizes, backends and precisions: python -m tools.sweep --help."""

from engine.allocator import tune_allocator

tune_allocator()  # before torch is loaded

from engine.generator.measure import main  # noqa: E402

if __name__ == "__main__":
    main()
