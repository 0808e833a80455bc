#!/bin/bash
# The hooks of an agent client against git, whole processes in turns; prints medians of the ratios of each round (ours / theirs).
#   benches/hooks.sh PROGRAM [ROUNDS] [EVENTS]
# The session holds what eight hours come to: EVENTS (5000) events in its log, 60 tasks, 40 decisions, 12 questions, 40 notes, 200 entries of
# progress, a red gate, and a repository of 400 files. A round starts each contender CALLS times, one after the other.
set -eu
program=$(realpath "$1"); rounds=${2:-15}; events=${3:-5000}; calls=10
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
node=$(command -v node || true); git=$(command -v git)
export HOME="$ground" PATH=/usr/bin:/bin
now() { t=${EPOCHREALTIME/[.,]/}; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
own() { "$program" "$@" > /dev/null 2>&1; }
clocked() { # sets `took` to the microseconds of CALLS calls of a function
    local i; now; local begun=$t
    for ((i = 0; i < calls; i++)); do "$@"; done
    now; took=$((t - begun))
}
mkdir "$ground/repository"; cd "$ground/repository"; git init -q -b main; git config user.name Bench; git config user.email bench@example.org
git config gc.auto 0
for i in $(seq 400); do mkdir -p "src/d$((i % 20))"; seq 60 | sed "s/^/line $i of /" > "src/d$((i % 20))/f$i.rs"; done
git add -A; git commit -qm ground; git switch -qc work
# What eight hours of work come to.
own session start bench --goal "Measure what a hook costs" --constraint "No new dependencies"
for i in $(seq 60); do own task add "Task $i: make part $i of the parser take every input" --estimate 20m; done
for i in $(seq 40); do own decide "Decision $i: what part $i of the parser gives back" --choose "a tree" --because "Two forms would drift apart, and nobody needs the second."; done
for i in $(seq 12); do own ask "Question $i: may part $i change its interface?" --option yes --option no; done
for i in $(seq 40); do own note "Note $i: the fixture of part $i was made by hand"; done
for i in $(seq 200); do own progress add "Step $i: part $((i % 60)) takes one more kind of input"; done
export CLAUDECODE=1 AI_AGENT=claude-code_2-1-329_harness CLAUDE_CODE_SESSION_ATTENDED=1
common="\"session_id\":\"5e55104a-0000-4000-8000-000000000001\",\"cwd\":\"$PWD\",\"transcript_path\":\"$ground/transcript.jsonl\",\"permission_mode\":\"default\""
payload() { printf '{%s,"hook_event_name":"%s"%s}\n' "$common" "$2" "$3" > "$ground/$1"; }
text=$(seq 700 | sed 's/^/let value = compute(\&input, /; s/$/);\\n/' | tr -d '\n' | head -c 20000)
text=${text%\\}
payload read PreToolUse ",\"tool_name\":\"Read\",\"tool_use_id\":\"t1\",\"tool_input\":{\"file_path\":\"$PWD/src/d1/f1.rs\"}"
payload bash PreToolUse ",\"tool_name\":\"Bash\",\"tool_use_id\":\"t1\",\"tool_input\":{\"command\":\"cargo test --lib parser 2>&1 | tail -20\",\"description\":\"Run tests\"}"
payload write PreToolUse ",\"tool_name\":\"Write\",\"tool_use_id\":\"t1\",\"tool_input\":{\"file_path\":\"$PWD/src/d1/new.rs\",\"content\":\"$text\"}"
payload edit PreToolUse ",\"tool_name\":\"Edit\",\"tool_use_id\":\"t1\",\"tool_input\":{\"file_path\":\"$PWD/src/d1/f1.rs\",\"old_string\":\"line 1\",\"new_string\":\"$text\"}"
payload used PostToolUse ",\"tool_name\":\"Edit\",\"tool_use_id\":\"t1\",\"tool_input\":{\"file_path\":\"$PWD/src/d1/f1.rs\",\"old_string\":\"a\",\"new_string\":\"b\"},\"tool_response\":{\"filePath\":\"$PWD/src/d1/f1.rs\"},\"duration_ms\":7"
payload start SessionStart ',"source":"startup"'
payload compact PreCompact ',"trigger":"auto","custom_instructions":null'
printf '{"type":"assistant","message":{"usage":{"input_tokens":90,"cache_read_input_tokens":120000,"output_tokens":400}}}\n' > "$ground/transcript.jsonl"
log=$(echo .git/autonomy/sessions/*/log.yaml)
while [ "$(wc -l < "$log")" -lt "$events" ]; do own hook post-tool-use < "$ground/used"; done
sync "$log"
echo "session: $(wc -l < "$log") events, $(wc -c < "$log") bytes, fold of $(wc -c < "${log%/*}/fold.json") bytes"
# The contenders.
git_version() { "$git" --version > /dev/null 2>&1; }
git_status() { "$git" status > /dev/null 2>&1; }
hook_of_node() { "$node" -e 'let s="";process.stdin.on("data",d=>s+=d).on("end",()=>{JSON.parse(s)})' < "$ground/read" > /dev/null 2>&1; }
pre() { "$program" hook pre-tool-use < "$ground/$1" > /dev/null 2>&1; }
post() { "$program" hook post-tool-use < "$ground/used" > /dev/null 2>&1; }
start() { "$program" hook session-start < "$ground/start" > /dev/null 2>&1; }
pre read || { echo "the guard stops what is ordinary"; exit 1; }
row() { # words, reach, the other side in words, the other side, ours…
    local words=$1 reach=$2 name=$3 other=$4; shift 4; : > "$ground/row"
    for _ in $(seq "$rounds"); do
        clocked "$other"; local theirs=$took
        clocked "$@"; echo "$took $theirs $calls" | awk '{ print $1 / $2, $1 / 1e3 / $3, $2 / 1e3 / $3 }' >> "$ground/row"
    done
    printf '%s: %.2fx of %s (reach %s; ours %.2f ms, theirs %.2f ms)\n' "$words" "$(cut -d' ' -f1 "$ground/row" | median)" "$name" "$reach" \
        "$(cut -d' ' -f2 "$ground/row" | median)" "$(cut -d' ' -f3 "$ground/row" | median)"
}
row "pre-tool-use, Read" 1.4 "git --version" git_version pre read
row "pre-tool-use, Bash" 1.4 "git --version" git_version pre bash
row "pre-tool-use, Write of 20 KB" 2 "git --version" git_version pre write
row "pre-tool-use, Edit of 20 KB" 2 "git --version" git_version pre edit
row "post-tool-use, durable" 1.6 "git --version" git_version post
row "session-start, briefing" 2 "git status" git_status start
if [ -n "$node" ]; then
    calls=3; row "pre-tool-use, Read" 0.03 "a hook of Node" hook_of_node pre read
    row "pre-tool-use, Bash" 0.03 "a hook of Node" hook_of_node pre bash
fi
# Everything sealed: in milliseconds, and whether that follows what is new and not what there is.
calls=1
seal() { "$program" hook pre-compact < "$ground/compact" > /dev/null 2>&1; }
sealed() { # words
    : > "$ground/row"
    for i in $(seq 5); do
        echo "$i" > src/d1/f1.rs; own progress add "Sealing $i"; clocked seal; echo "$took" | awk '{ print $1 / 1e3 }' >> "$ground/row"
    done
    printf 'pre-compact, %s: %.0f ms (reach 500)\n' "$1" "$(median < "$ground/row")"
}
sealed "$events events"
while [ "$(wc -l < "$log")" -lt $((events * 5)) ]; do own hook post-tool-use < "$ground/used"; done
sealed "$((events * 5)) events"
