"""Everything that waits for a GPU, in one run: ``bash benchmarks/gpu_check/run.sh``. NOT YET RUN ON A GPU.

The order of the steps and their time limits stand in ``steps.py``. Every step is a process of its own: a step that
crashes or hangs costs no other. Every figure is a line of ``$OUT/results.jsonl``, on the disk as soon as it is known.

    STEPS="truth:75 texture:40" bash benchmarks/gpu_check/run.sh    these steps; each with its limit in seconds
    DRY=1 bash benchmarks/gpu_check/run.sh                          the script itself, on a CPU with small networks
"""
