#!/bin/bash
# Checkpoint and rollback against git's own way, in turns; prints medians of the ratios of each round (ours / git's).
#   benches/checkpoint.sh PROGRAM [ROUNDS] [FILES...]
# git's checkpoint: private copy of the index (with its times), add -A, write-tree, commit-tree, tag.
# git's rollback: add -A, read-tree --reset -u, reset. Both sides start from the same changed and new files: 20 and 20, and
# 200 and 200 from 100,000 files on. Then: `git status` before and after 500 checkpoints, and the memory of one checkpoint.
# `cargo bench --bench known` measures the checkpoint whose changed paths are known.
set -eu
program=$(realpath "$1"); rounds=${2:-7}; shift; [ $# -gt 0 ] && shift; [ $# -gt 0 ] || set -- 1000 20000 100000
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
export HOME="$ground"
now() { t=${EPOCHREALTIME/[.,]/}; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
change() { # changes files and adds as many, other ones in every round
    local i=0
    while [ $i -lt "$2" ]; do
        echo "$1 $i" > "d$i/f$i"; echo "$1 $i" > "d$i/new$i"; i=$((i + 1))
    done
}
clocked() { # sets `took` to the microseconds of a command
    now; local begun=$t; "$@"; now; took=$((t - begun))
}
git_checkpoint() {
    cp -p .git/index .git/private; GIT_INDEX_FILE=.git/private git add -A; local tree; tree=$(GIT_INDEX_FILE=.git/private git write-tree)
    git tag "$1" "$(git commit-tree -p HEAD -m x "$tree")"; rm .git/private
}
git_status() { git status --porcelain > /dev/null; }
git_rollback() { git add -A; git read-tree --reset -u "$1"; git reset -q; }
own() { "$program" "$@" > /dev/null 2>&1; }
note() { echo "$2 $3" | awk '{ print $1 / $2, $1 / 1e3, $2 / 1e3 }' >> "../$1"; }
report() { # file, words, name of the other side
    [ -s "../$1" ] || return 0
    printf '%s files, %s: %.2fx of %s (ours %.1f ms, theirs %.1f ms)\n' "$files" "$2" "$(cut -d' ' -f1 "../$1" | median)" "$3" \
        "$(cut -d' ' -f2 "../$1" | median)" "$(cut -d' ' -f3 "../$1" | median)"
}
for files in "$@"; do
    changed=20; [ "$files" -lt 100000 ] || changed=200
    mkdir "$ground/$files"; cd "$ground/$files"; git init -q -b main; git config user.name Bench; git config user.email bench@example.org
    git config gc.auto 0; echo '*.o' > .gitignore
    awk -v n="$files" 'BEGIN { for (i = 0; i < n; i++) { d = int(i / 20); if (i % 20 == 0) system("mkdir -p d" d);
        f = "d" d "/f" (i % 20 == 0 ? d : i); for (k = 0; k < 100; k++) print i, k, "some text of a line that is not short" > f; close(f) } }'
    git add -A; git commit -qm ground; git repack -adq; own checkpoint start; start=$(git rev-parse HEAD)
    : > ../checkpoint; : > ../status; : > ../rollback
    for round in $(seq "$rounds"); do
        change "g$round" "$changed"; clocked git_checkpoint "bench-$round"; theirs=$took
        change "o$round" "$changed"; clocked own checkpoint; ours=$took; note checkpoint "$ours" "$theirs"
        change "t$round" "$changed"; clocked git_status; note status "$ours" "$took"
        change "r$round" "$changed"; clocked git_rollback "$start"; theirs=$took
        change "s$round" "$changed"; clocked own rollback start --yes; note rollback "$took" "$theirs"
        [ -z "$(git status --porcelain)" ] || { echo "the rollback did not arrive"; exit 1; }
    done
    report checkpoint checkpoint "git's way"; report status checkpoint "git status"; report rollback rollback "git's way"
    change memory "$changed"
    if [ -x /usr/bin/time ]; then
        printf '%s files, checkpoint: %s KB at the most\n' "$files" "$(/usr/bin/time -f %M "$program" checkpoint 2>&1 > /dev/null | tail -1)"
    fi
    [ "$files" -eq "$1" ] || continue
    cp -a . ../before; git_status; (cd ../before && git_status); : > ../after
    for round in $(seq 500); do echo "$round" > d1/f1; echo "$round" > d2/more; own checkpoint; done
    cp d1/f1 ../before/d1/f1; cp d2/more ../before/d2/more
    for round in $(seq 25); do
        cd ../before; clocked git_status; theirs=$took
        cd "../$files"; clocked git_status; note after "$took" "$theirs"
    done
    report after "git status after 500 checkpoints" "before them"
    git count-objects -v | paste -sd' '; git fsck --connectivity-only > /dev/null 2>&1 && echo "fsck finds nothing"
done
