#!/usr/bin/env bash
# What the suite tries a few times of checkpoint, rollback and undo, tried many times; a failure names its seed.
#   tests/long/rollback.sh sequences [100000]   random changes there and back, against full copies and git's own word
#   tests/long/rollback.sh cuts [100000]        power that goes at a random moment; needs strace
#   tests/long/rollback.sh calls                death, full disk, broken disk, no permission at every call; needs strace
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted=${2:-100000} cores=$(nproc)
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # thousands of small repositories
part() { cargo test --quiet --locked --test suite "$@" -- --nocapture; }
if [ "$1" != sequences ]; then command -v strace > /dev/null || { echo "strace is not installed"; exit 1; }; fi
cargo test --quiet --locked --test suite --no-run
case $1 in
    sequences | cuts)
        if [ "$1" = sequences ]; then cores=1; fi # it uses all of them by itself
        export AUTONOMY_TEST_SEQUENCES=$((wanted / cores)) AUTONOMY_TEST_CUTS=$((wanted / cores))
        running=()
        for core in $(seq "$cores"); do
            export AUTONOMY_TEST_SEED=$((RANDOM * 32768 + RANDOM + core))
            if [ "$1" = cuts ]; then part time::power:: & else part time::sequences:: & fi
            running+=($!)
        done
        for process in "${running[@]}"; do wait "$process"; done
        echo "$((wanted / cores * cores)) $1 went well"
        ;;
    calls) AUTONOMY_TEST_EVERY=1 part time::calls:: ;;
    *) echo "sequences, cuts or calls?"; exit 2 ;;
esac
