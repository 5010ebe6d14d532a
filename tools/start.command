#!/bin/sh
# Double-click this on macOS (on Linux: latentvj.desktop beside it): sets everything up, then plays the demo.
cd "$(dirname "$0")/.." || exit 1
python=python3
for one in python3.12 python3.13 python3.14 python3.11; do
    if command -v "$one" >/dev/null 2>&1; then
        python=$one
        break
    fi
done
if command -v "$python" >/dev/null 2>&1; then
    "$python" tools/start.py "$@"
    code=$?
else
    echo "latentvj needs Python 3.11 to 3.14: python.org has it."
    code=2
fi
if [ "$code" -ne 0 ] && [ "$code" -ne 130 ]; then
    echo
    echo "latentvj ended with exit code $code: what went wrong stands above; the set-up's own words are in .venv-setup.log"
    printf "Press Enter to close this window. "
    read -r _
fi
exit "$code"
