#!/usr/bin/env bash
# The browser that the panel's tests drive: installed where this user may, else said, and the tests skip.
set -u
if command -v chromium >/dev/null; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing chromium for the panel's tests …"
  (apt-get update && apt-get install --yes --no-install-recommends chromium) >/dev/null 2>&1 && exit 0
fi
echo "No chromium here and no right to install it: the panel's browser tests will be skipped."
echo "To run them: sudo apt-get install chromium"
