#!/usr/bin/env bash
# What the suite proves on small repositories, on large ones: git's own commands around a live session, checkpoint and rollback
# against `git add -A`, and, when AUTONOMY_TEST_CLAUDE names the real agent client, a task that it finishes.
#   tests/long/repositories.sh PROGRAM REPOSITORY...
# A repository is whatever `git clone` takes; only clones in a temporary directory are worked on.
set -euo pipefail
program=$(realpath "$1"); shift
house=$(cd "$(dirname "$0")/../.." && pwd)
ground=$(mktemp -d); trap 'rm -rf "$ground"' EXIT
keep_home=$HOME
git_settings() { # a home of its own; git as nobody has set it up
    export HOME=$ground/home GIT_CONFIG_NOSYSTEM=1
    mkdir -p "$HOME"
    printf '[user]\n\tname = Long Test\n\temail = long@example.org\n[gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n' > "$HOME/.gitconfig"
}
now() { date +%s%N; }
no() { echo "FAILED: $*"; exit 1; }
ours() { # a command of ours in the live clone, which has to succeed; the slowest is remembered
    local begun took; begun=$(now)
    (cd "$ground/live" && "$program" "$@") > "$ground/said" 2> "$ground/told" || { cat "$ground/said" "$ground/told"; no "autonomy $*"; }
    took=$((($(now) - begun) / 1000000)); commands=$((commands + 1))
    if [ "$took" -gt "$slowest" ]; then slowest=$took slow="$*"; fi
    if grep -iE 'panic|fault of' "$ground/told"; then no "autonomy $*"; fi
}
note() { # one more acknowledged event, after which every earlier one has to be there
    notes=$((notes + 1)); ours progress add "note number $notes"
    ours progress list --all
    local there; there=$(grep -oE 'note number [0-9]+' "$ground/said" | sort -u | wc -l)
    [ "$there" = "$notes" ] || no "after \`$last\`: $there of $notes notes are known"
}
state() { # what the user sees, but for what is ours
    cd "$1"; git status --porcelain=v1 -uall -- . ':!.claude' ':!docs/TODO.md' | grep -v ' \.claude/' || true
    git ls-files -s -- . ':!.claude' | sha256sum; git symbolic-ref -q HEAD || true; git stash list | wc -l
}
both() { # the same line of git in the live clone and in one that knows no autonomy
    last="git $*"
    local one=0 two=0
    git -C "$ground/live" "$@" > "$ground/one" 2>&1 || one=$?
    git -C "$ground/alone" "$@" > "$ground/two" 2>&1 || two=$?
    [ $one = $two ] || { cat "$ground/one"; no "$last: exit $one, without autonomy $two"; }
    gits=$((gits + 1)); [ $one = 0 ] || echo "  $last: exit $one, with and without autonomy"
    diff <(state "$ground/alone") <(state "$ground/live") || no "after \`$last\` the clones differ"
    note
    diff <(state "$ground/alone") <(state "$ground/live") || no "after \`$last\` and commands of ours the clones differ"
}
dirty() { # the same changes in both
    local clone
    for clone in live alone; do
        cd "$ground/$clone"
        git ls-files -- . ':!.claude' | grep -vE '/|"' | awk 'NR <= 3' | while IFS= read -r path; do [ -h "$path" ] || echo "changed $1" >> "$path"; done
        mkdir -p fresh/deep; echo "$1" > fresh/deep/file; echo "$1" > staged; git add staged
    done
    last="changes $1"; note
}
torture() {
    both reset --hard
    dirty 1; both reset --hard; both clean -fdx; both clean -fdx
    dirty 2; both stash -u; both stash pop; both stash -u; both stash pop --index; both reset --hard; both clean -fdxq
    both checkout -q -b other HEAD~2
    both checkout -q -
    both checkout -q --detach HEAD~1; both checkout -q -
    local clone
    for clone in live alone; do
        (cd "$ground/$clone"; git checkout -q other; echo more > other.txt; git add other.txt; git commit -qm other)
    done
    both checkout -q -
    both rebase -q other
    if [ -d "$ground/live/.git/rebase-merge" ]; then both rebase --abort; fi
    both rebase -q other~1
    if [ -d "$ground/live/.git/rebase-merge" ]; then both rebase --abort; fi
    both merge -q --no-edit other
    if [ -e "$ground/live/.git/MERGE_HEAD" ]; then both merge --abort; fi
    both gc -q --prune=now
    rm -rf "$ground/live/.claude"; last="rm -rf .claude"; note
    both bisect start HEAD HEAD~3; both bisect good; both bisect reset
    both gc -q --prune=now
    ours verify
}
there_and_back() { # 20 changed and 20 new files: the checkpoint is the tree of `git add -A`, the rollback brings it back
    cd "$ground/live"
    git reset -q --hard; git clean -fdxq; git ls-files -- . ':!.claude' | grep -v '"' | awk 'NR % 7 == 1 && n++ < 20' > "$ground/paths"
    while IFS= read -r path; do echo "changed" >> "$path"; mkdir -p "fresh/$path"; echo new > "fresh/$path/file"; done < "$ground/paths"
    private() { rm -f "$ground/index"; cp -p .git/index "$ground/index"; GIT_INDEX_FILE=$ground/index git add -A -- . ':!.claude'
        GIT_INDEX_FILE=$ground/index git rm -rqf --cached --ignore-unmatch .claude; GIT_INDEX_FILE=$ground/index git write-tree; }
    without_ours() { rm -f "$ground/index"; GIT_INDEX_FILE=$ground/index git read-tree "$1"
        GIT_INDEX_FILE=$ground/index git rm -rqf --cached --ignore-unmatch .claude; GIT_INDEX_FILE=$ground/index git write-tree; }
    local begun tree tag; begun=$(now); tree=$(private); local theirs=$((($(now) - begun) / 1000000))
    begun=$(now); ours checkpoint there --json; local made=$((($(now) - begun) / 1000000)); cd "$ground/live"
    tag=$(git tag --list 'checkpoint-*there*' --sort=-creatordate | head -n 1)
    [ "$(without_ours "$tag^{tree}")" = "$tree" ] || no "the checkpoint is not what \`git add -A\` takes"
    while IFS= read -r path; do rm -rf "$path" "fresh/$path"; done < "$ground/paths"; echo later > later
    local later; later=$(private)
    begun=$(now); ours rollback "$tag" --yes; local back=$((($(now) - begun) / 1000000)); cd "$ground/live"
    [ "$(private)" = "$tree" ] || no "the rollback did not arrive"
    ours rollback --undo --yes; cd "$ground/live"
    [ "$(private)" = "$later" ] || no "the rollback could not be taken back"
    ours rollback "$tag" --yes; cd "$ground/live"; git reset -q --hard; git clean -fdq
    echo "  $(wc -l < "$ground/paths") changed and as many new: checkpoint $made ms, rollback $back ms (git's private index: $theirs ms)"
}
for repository in "$@"; do
    echo "$repository"
    if [ -n "${AUTONOMY_TEST_CLAUDE:-}" ]; then
        begun=$SECONDS
        (export HOME=$keep_home AUTONOMY_TEST_REPOSITORY=$repository; unset GIT_CONFIG_NOSYSTEM; cd "$house"
            cargo test --quiet --locked --test suite client:: -- --nocapture) > "$ground/said" 2>&1 || { cat "$ground/said"; no "the client"; }
        grep -q 'test result: ok. [1-9]' "$ground/said" || no "no test of the client ran"
        echo "  the real client finished a task in $((SECONDS - begun)) s, with building"
    fi
    git_settings
    cd "$ground"; for clone in live alone; do rm -rf "${ground:?}/$clone"; git clone -q "$repository" "$ground/$clone"; done
    commands=0 gits=0 notes=0 slowest=0 slow='' last='git clone' begun=$SECONDS
    echo "  $(git -C "$ground/live" ls-files | wc -l) files, $(git -C "$ground/live" rev-list --count HEAD) commits"
    ours session start long --goal "outlive git" --no-health
    ours task add "One task"
    torture
    ours task list; grep -q 'One task' "$ground/said" || no "the task is gone"
    echo "  $gits commands of git, $commands of ours in between, all of it in $((SECONDS - begun)) s, the slowest $slowest ms ($slow)"
    there_and_back
    ours session end -m over
    HOME=$keep_home
done
echo "all of it held on $# repositories"
