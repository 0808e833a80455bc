#!/bin/sh
# Checkpoint and rollback against git's own way, in turns; prints medians of the ratios of each round (ours / git's).
#   benches/checkpoint.sh PROGRAM [ROUNDS] [FILES...]
# git's checkpoint: private copy of the index (with its times), add -A, write-tree, commit-tree, tag.
# git's rollback: add -A, read-tree --reset -u, reset. Both sides start from the same 20 changed and 20 new files.
set -eu
program=$(realpath "$1"); rounds=${2:-7}; shift; [ $# -gt 0 ] && shift; [ $# -gt 0 ] || set -- 1000 20000
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
export HOME="$ground"
now() { date +%s%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
change() { # changes 20 files and adds 20, other ones in every round
    i=0
    while [ $i -lt 20 ]; do
        echo "$1 $i" > "d$i/f$i"; echo "$1 $i" > "d$i/new$i"; i=$((i + 1))
    done
}
for files in "$@"; do
    mkdir "$ground/$files"; cd "$ground/$files"; git init -q -b main; git config user.name Bench; git config user.email bench@example.org
    echo '*.o' > .gitignore
    awk -v n="$files" 'BEGIN { for (i = 0; i < n; i++) { d = int(i / 20); if (i % 20 == 0) system("mkdir -p d" d);
        f = "d" d "/f" (i % 20 == 0 ? d : i); for (k = 0; k < 100; k++) print i, k, "some text of a line that is not short" > f; close(f) } }'
    git add -A; git commit -qm ground; git repack -adq; "$program" checkpoint start > /dev/null 2>&1; start=$(git rev-parse HEAD)
    : > ../checkpoint; : > ../rollback
    round=1
    while [ $round -le "$rounds" ]; do
        change "g$round"; t=$(now)
        cp -p .git/index .git/private; GIT_INDEX_FILE=.git/private git add -A; tree=$(GIT_INDEX_FILE=.git/private git write-tree)
        commit=$(git commit-tree -p HEAD -m x "$tree"); git tag "bench-$round" "$commit"; theirs=$(($(now) - t)); rm .git/private
        change "o$round"; t=$(now); "$program" checkpoint > /dev/null 2>&1; ours=$(($(now) - t))
        echo "$ours $theirs" | awk '{ print $1 / $2, $1 / 1e6, $2 / 1e6 }' >> ../checkpoint
        change "r$round"; t=$(now); git add -A; git read-tree --reset -u "$start"; git reset -q; theirs=$(($(now) - t))
        change "s$round"; t=$(now); "$program" rollback start --yes > /dev/null 2>&1; ours=$(($(now) - t))
        [ -z "$(git status --porcelain)" ] || { echo "the rollback did not arrive"; exit 1; }
        echo "$ours $theirs" | awk '{ print $1 / $2, $1 / 1e6, $2 / 1e6 }' >> ../rollback
        round=$((round + 1))
    done
    for what in checkpoint rollback; do
        printf '%s files, %s: %.2fx of git (ours %.0f ms, git %.0f ms)\n' "$files" "$what" "$(cut -d' ' -f1 ../$what | median)" \
            "$(cut -d' ' -f2 ../$what | median)" "$(cut -d' ' -f3 ../$what | median)"
    done
done
