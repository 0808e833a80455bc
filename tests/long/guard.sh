#!/usr/bin/env bash
# What the guard says of commands that people really wrote down: shell blocks of documents and steps of CI in repositories that are
# at hand. Each is ruled on in an empty repository; nothing is run. Prints figures, and every command that is held up with its rule:
# whoever reads them says which are false.
#   tests/long/guard.sh PROGRAM GIT_DIRECTORY...
set -euo pipefail
program=$(realpath "$1"); shift
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
# One command a line; lines that go on are joined, prompts are taken off; outputs, gaps to be filled and parts of larger forms are left out.
commands() { # kind of text
    awk -v kind="$1" '
        function out(text) {
            sub(/^[ \t]+/, "", text); sub(/[ \t\r]+$/, "", text); sub(/^[$%] /, "", text)
            sub(/[ \t]*<[0-9]+>$/, "", text); sub(/[ \t]+# .*$/, "", text)
            if (text == "" || text ~ /^#|^[-<>|&.{}()*]|<<|\$\{\{|\.\.\.|[^ -~]|<[A-Za-z0-9_. -]+>|\[[A-Za-z_-]+\]/) return
            if (text ~ /^(if|then|elif|else|fi|for|do|done|while|until|case|esac|function)([ \t;]|$)|^[^(]*\)([ \t]|$)|\(\)|[{(]$|;;$/) return
            print text
        }
        function take(text) {
            if (text ~ /\\[ \t\r]*$/) { sub(/\\[ \t\r]*$/, "", text); held = held text; return }
            if (text ~ /(&&|\|\||\|)[ \t\r]*$/) { held = held text " "; return }
            out(held text); held = ""
        }
        kind == "document" && /^[ \t]*(```|~~~)/ {
            if (inside) { inside = 0; held = ""; next }
            inside = 1; prompts = 0; shell = ($0 ~ /(```|~~~)[ ]*(sh|bash|shell|console|zsh|shell-session)/); next
        }
        kind == "document" && (held != "" || /^[ \t]*\$ [a-z.]/) { prompts = 1; take($0); next }
        kind == "document" { if (inside && shell && !prompts) take($0); next }
        # Steps of CI: one line, or a block that is indented further.
        block && match($0, /[^ ]/) && RSTART <= depth { block = 0; held = "" }
        block { take($0); next }
        match($0, /^ *(- )?run: */) {
            depth = match($0, /r/); rest = $0; sub(/^ *(- )?run: */, "", rest)
            if (rest ~ /^[|>]/) block = 1; else take(rest)
        }'
}
for directory in "$@"; do
    git --git-dir "$directory" ls-tree -r --name-only HEAD | while read -r path; do
        case $path in
            */test*/* | test*/*) ;;
            *.md | *.rst | *.adoc | *.txt) git --git-dir "$directory" show "HEAD:$path" 2> /dev/null | commands document ;;
            .github/workflows/*.y*ml | .gitlab-ci.yml) git --git-dir "$directory" show "HEAD:$path" 2> /dev/null | commands steps ;;
        esac
    done
done | LC_ALL=C sort -u > "$ground/commands"
git init -q "$ground/repository"; cd "$ground/repository"; export HOME="$ground/home"; mkdir "$HOME"
: > "$ground/held"
while IFS= read -r text; do
    said=$("$program" guard command -- "$text" 2>&1 < /dev/null) || printf '%s\t%s\n' "$(echo "$said" | head -2 | cut -d: -f1 | paste -sd' ')" "$text" >> "$ground/held"
done < "$ground/commands"
sort "$ground/held"
echo "-- $(wc -l < "$ground/commands") commands of $# repositories: $(grep -c '^deny' "$ground/held" || true) denied, $(grep -c '^ask' "$ground/held" || true) left to a person"
