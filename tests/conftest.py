"""Before torch is loaded: threads that wait must sleep, or every test that renders burns its neighbours' cores."""

from engine.system.allocator import tune_allocator

tune_allocator()
