#!/bin/bash
# `autonomy authority check --diff` against `git diff --numstat` on a change of many files, whole processes in turns; prints the median of
# the ratios of each round (ours / theirs), and what each took in milliseconds.
#   benches/authority.sh PROGRAM [ROUNDS] [FILES] [LINES]
# Every one of FILES (1000) files of LINES (120) lines of Rust has one line changed, one added and one gone. Reach: at most 2.
set -eu
program=$(realpath "$1"); rounds=${2:-15}; files=${3:-1000}; lines=${4:-120}
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
export HOME="$ground" PATH=/usr/bin:/bin
mkdir "$ground/repository"; cd "$ground/repository"; git init -q -b main; git config user.name Bench; git config user.email bench@example.org
write() { # a word that differs
    for i in $(seq "$files"); do
        mkdir -p "src/d$((i % 40))"
        seq $((lines / 4)) | sed "s/.*/\/\/\/ Part & of file $i.\npub fn part_&(input: \&str) -> usize {\n    input.len() + $1\n}/" > "src/d$((i % 40))/f$i.rs"
    done
}
write 1; git add -A; git commit -qm before
for file in src/*/*.rs; do sed -i -e '3s/1$/2/' -e '7s/.*/&\n    \/\/ a line more/' -e '9d' "$file"; done
git commit -qam after
now() { t=${EPOCHREALTIME/[.,]/}; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ours() { "$program" authority check --diff HEAD~1..HEAD > /dev/null 2>&1 || test $? = 3; }
theirs() { git diff --numstat HEAD~1 HEAD > /dev/null; }
clocked() { now; local begun=$t; "$@"; now; took=$((t - begun)); }
ours; theirs
for _ in $(seq "$rounds"); do
    clocked theirs; git=$took
    clocked ours; echo "$took $git" | awk '{ print $1 / $2, $1 / 1e3, $2 / 1e3 }' >> "$ground/row"
done
part() { cut -d' ' -f"$1" "$ground/row" | median; }
echo "authority check --diff, $files files: $(part 2) ms, git diff --numstat $(part 3) ms: $(part 1) times (reach 2)"
