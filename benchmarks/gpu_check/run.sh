#!/usr/bin/env bash
# Checks and measures everything that waits for a GPU: bash benchmarks/gpu_check/run.sh   (see __init__.py)
#
# OUT    folder of results.jsonl and all.log; a temporary one if it is not set
# STEPS  names of steps, each with :SECONDS if its limit is another; all steps if it is not set
# LIMIT  seconds for everything; a step that would begin later is not begun
# DRY=1  runs the script on a CPU, with small networks; its figures mean nothing
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
export OUT=${OUT:-$(mktemp -d)} PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-${OUT}_inductor} TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-${OUT}_triton}
exec "${PYTHON:-python3}" -m benchmarks.gpu_check "$@"
