#!/usr/bin/env bash
# The stories of the real agent client with versions of it that are older than the one of `.ci/run client`: each installed from the
# registry into a directory of its own, which goes afterwards.
#   tests/long/client.sh [VERSION...]      2.1.197 and 2.0.77 when none is named; AUTONOMY_CLIENTS keeps what was installed there
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- 2.1.197 2.0.77
ground=${AUTONOMY_CLIENTS:-$(mktemp -d)}
[ -n "${AUTONOMY_CLIENTS:-}" ] || trap 'rm -rf "$ground"' EXIT
cargo test --quiet --locked --test suite --no-run
failed=0
for version in "$@"; do
    home=$ground/$version; mkdir -p "$home"
    npm install --ignore-scripts --no-audit --no-fund --silent --prefix "$home" "@anthropic-ai/claude-code@$version"
    program=$(find "$home/node_modules/@anthropic-ai" -path '*claude-code-*' -name claude -type f | head -n 1)
    if [ -z "$program" ]; then # the versions that a node starts
        program=$home/claude
        printf '#!/bin/sh\nexec node "%s" "$@"\n' "$(realpath "$home/node_modules/@anthropic-ai/claude-code/cli.js")" > "$program"
    fi
    chmod +x "$program"
    echo "== $("$program" --version)"
    AUTONOMY_TEST_CLAUDE=$(realpath "$program") cargo test --quiet --locked --test suite client:: || failed=1
done
exit "$failed"
