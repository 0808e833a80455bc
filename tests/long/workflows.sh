#!/usr/bin/env bash
# Carries out random workflows whose steps need each other and sometimes fail, and the same as a makefile with `make -k -j`:
# both have to come to the same files, and no step may find something missing that it needs.
#
#   tests/long/workflows.sh PROGRAM [COUNT [SEED]]
#
# It wants make and awk, works in a folder of its own with a home of its own, and ends with 1 at the first difference.
set -eu
program=$(realpath "$1")
count=${2:-100}
seed=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
HOME=$work/home
XDG_STATE_HOME=$work/state
CI=true
export HOME XDG_STATE_HOME CI
mkdir -p "$HOME" "$work/ours/.claude/workflows" "$work/theirs"
cd "$work/ours"
git init --quiet
git -c user.name=Ada -c user.email=ada@example.org commit --quiet --allow-empty -m Begin
number=0
while [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    find "$work/ours" "$work/theirs" -maxdepth 1 -type f -delete
    awk -v seed="$((seed * 100000 + number))" -v ours=.claude/workflows/random.yaml -v theirs="$work/theirs/Makefile" 'BEGIN {
        srand(seed)
        steps = 2 + int(rand() * 18)
        printf "max_parallel: %d\nsteps:\n", 1 + int(rand() * 6) > ours
        for (place = 0; place < steps; place++) {
            needs = ""; files = ""; test = "true"
            for (other = 0; other < place; other++) if (rand() < 0.2) {
                needs = needs (needs == "" ? "" : ", ") "s" other
                files = files " s" other
                test = test " && test -e s" other
            }
            ends = rand() < 0.1 ? "false" : "touch s" place
            printf "  - {id: s%d, needs: [%s], on_failure: skip, run: \"{ %s; } || touch missing; %s\"}\n", place, needs, test, ends > ours
            all = all " s" place
            rules = rules "s" place ":" files "\n\t@{ " test "; } || touch missing; " ends "\n"
        }
        printf "all:%s\n%s", all, rules > theirs
    }'
    "$program" trust --yes >/dev/null 2>&1
    "$program" workflow run random >"$work/said" 2>&1 || { echo "$number: the run failed"; cat "$work/said"; exit 1; }
    make -k -j 4 -C "$work/theirs" >/dev/null 2>&1 || true
    ours=$(cd "$work/ours" && ls | sort)
    theirs=$(cd "$work/theirs" && ls | grep -v Makefile | sort || true)
    if [ "$ours" != "$theirs" ] || [ -e missing ]; then
        printf '%s: ours\n%s\ntheirs\n%s\n' "$number" "$ours" "$theirs"
        cat .claude/workflows/random.yaml "$work/said"
        exit 1
    fi
done
echo "$count workflows came to what make comes to"
