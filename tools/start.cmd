@echo off
rem Double-click this on Windows: sets everything up, then plays the demo.
setlocal
cd /d "%~dp0.."
where py >nul 2>nul
if %errorlevel%==0 (py -3 tools\start.py %*) else (python tools\start.py %*)
set code=%errorlevel%
if %code% neq 0 (
    echo.
    echo latentvj ended with exit code %code%: what went wrong stands above.
    echo The set-up's own words are in .venv-setup.log. Without Python: python.org has it, 3.11 to 3.14.
    pause
)
exit /b %code%
