//! What agents do with git while a session is live, told three times: on a protected branch, on a work branch with published
//! files, and on a branch from before `init`.
//!
//! No git command fails or leaves anything else than in a copy without autonomy; the next command of ours has every
//! acknowledged event and says in a line what it put back.

use std::fs;

use autonomy::ops::session::commit::Outcome;
use insta::assert_snapshot;

use crate::{
    sandbox::Sandbox,
    store::pair::{Pair, path_of},
};

/// The user leaves a change, a staged change, a new file and an ignored one lying about.
fn dirty(pair: &mut Pair) {
    pair.user(|sandbox| {
        sandbox.write("code.txt", format!("{}at work\n", sandbox.read("code.txt")));
        sandbox.write("third.txt", "staged\n");
        sandbox.git(["add", "third.txt"]);
        sandbox.write("new/file.txt", "new\n");
        sandbox.write("debug.log", "ignored\n");
    });
    pair.next_command();
}

/// Commands that throw away or lay aside what lies about.
fn what_throws_away(pair: &mut Pair) {
    dirty(pair);
    pair.git("reset --hard --quiet");
    pair.next_command();
    pair.git("clean -fdxq");
    pair.next_command();
    pair.git("clean -fdxq");
    pair.git("clean -fdxq");
    pair.next_command();
    dirty(pair);
    pair.git("stash --quiet -u");
    pair.next_command();
    pair.git("stash pop --quiet");
    pair.next_command();
    pair.git("stash --quiet -u");
    pair.next_command();
    pair.git("stash pop --quiet --index");
    pair.next_command();
    pair.git("stash --quiet --all");
    pair.next_command();
    pair.git("stash pop --quiet");
    pair.next_command();
    pair.git("reset --hard --quiet");
    pair.git("clean -fdq");
    pair.next_command();
}

/// Commands that move the branch or go to another one; `here` is where the session lives.
fn what_moves(pair: &mut Pair, here: &str) {
    pair.git("checkout --quiet side");
    pair.next_command();
    pair.git(&format!("checkout --quiet {here}"));
    pair.next_command();
    pair.git("checkout --quiet --detach side");
    pair.next_command();
    pair.git("checkout --quiet -");
    pair.next_command();
    pair.user_commits("code.txt", "code of the user\n");
    pair.git("rebase --quiet side");
    pair.next_command();
    pair.colleague_pushes("fresh.txt", "from a colleague\n");
    pair.git("pull --quiet --rebase origin main");
    pair.next_command();
    pair.git("reset --quiet --soft HEAD~1");
    pair.next_command();
    pair.user(|sandbox| drop(sandbox.git(["commit", "--quiet", "--no-edit", "-m", "once more"])));
    pair.git("reset --quiet --hard HEAD~1");
    pair.next_command();
    pair.git("reset --quiet --hard HEAD@{1}");
    pair.next_command();
    pair.git("commit --quiet --amend -m amended");
    pair.next_command();
}

/// A branch that carries the same session is merged, picked from, and searched through.
fn what_joins(pair: &mut Pair, here: &str) {
    pair.git("switch --quiet -c twin");
    pair.add_task("on-the-twin");
    assert!(matches!(pair.commit(), Outcome::Committed { .. }), "no rule protects `twin`");
    pair.user_commits("third.txt", "third, on the twin\n");
    pair.next_command();
    pair.git(&format!("switch --quiet {here}"));
    pair.next_command();
    pair.add_task("meanwhile");
    pair.commit();
    pair.user_commits("other.txt", "other, meanwhile\n");
    pair.git("merge --quiet --no-edit twin");
    pair.next_command();
    pair.user(|sandbox| drop(sandbox.git(["branch", "--quiet", "fork", "HEAD~1"])));
    pair.git("switch --quiet fork");
    pair.next_command();
    pair.user_commits("forked.txt", "on the fork\n");
    pair.git(&format!("switch --quiet {here}"));
    pair.git("cherry-pick fork");
    pair.next_command();
    pair.git("bisect start --no-checkout HEAD HEAD~1");
    pair.git("bisect reset --quiet");
    pair.git_counting_commits("bisect start");
    pair.next_command();
    pair.git_counting_commits("bisect bad HEAD");
    pair.next_command();
    pair.git_counting_commits("bisect good before-init");
    pair.next_command();
    pair.git_counting_commits("bisect bad");
    pair.next_command();
    pair.git("bisect reset");
    pair.next_command();
}

/// A rebase and a cherry-pick that stop in the middle and go on.
fn what_stops_and_goes_on(pair: &mut Pair) {
    pair.user(|sandbox| drop(sandbox.git(["branch", "--quiet", "ahead"])));
    pair.user_commits("code.txt", "one way\n");
    pair.git("switch --quiet ahead");
    pair.next_command();
    pair.user_commits("code.txt", "the other way\n");
    pair.git("switch --quiet -");
    pair.next_command();
    pair.git("rebase --quiet ahead");
    pair.next_command();
    pair.add_task("in-the-middle");
    pair.user(|sandbox| {
        sandbox.write("code.txt", "both ways\n");
        sandbox.git(["add", "code.txt"]);
    });
    pair.next_command();
    pair.git("rebase --continue");
    pair.next_command();
    pair.user(|sandbox| drop(sandbox.git(["branch", "--quiet", "--force", "ahead", "HEAD~1"])));
    pair.git("cherry-pick side~0");
    pair.git("cherry-pick --abort");
    pair.next_command();
}

/// Our own files are attacked.
fn what_attacks_our_files(pair: &mut Pair) {
    pair.git("gc --quiet --prune=now");
    pair.next_command();
    pair.ours("rm -rf .claude", |sandbox| fs::remove_dir_all(sandbox.path(".claude")).unwrap());
    pair.next_command();
    pair.ours("git checkout -- .claude", |sandbox| drop(sandbox.try_git(["checkout", "--quiet", "--", ".claude"])));
    pair.next_command();
    pair.ours("rm .claude/current_session", |sandbox| {
        assert!(sandbox.exists(".claude/current_session"), "there is a page to delete");
        fs::remove_file(sandbox.path(".claude/current_session")).unwrap();
    });
    pair.next_command();
    pair.ours("truncation of pages", |sandbox| {
        let pages: Vec<_> = pages(sandbox);
        assert!(pages.len() > 3, "there are pages to truncate: {pages:?}");
        for page in pages {
            fs::write(page, "").unwrap();
        }
    });
    pair.next_command();
    pair.ours("a look at the pages", |sandbox| {
        let empty = pages(sandbox).into_iter().filter(|page| fs::metadata(page).unwrap().len() == 0).count();
        assert_eq!(empty, 0, "pages are rendered again");
        assert!(sandbox.exists(".claude/current_session"));
    });
}

fn pages(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let below = walkdir::WalkDir::new(sandbox.path(".claude/sessions")).min_depth(2).max_depth(2);
    let files = below.into_iter().map(|entry| entry.unwrap().into_path());
    files.filter(|path| path.is_file() && path.extension().is_some_and(|end| end == "md")).collect()
}

/// A record is taken out with git; only a commit makes that final.
fn what_removes_a_record(pair: &mut Pair) {
    pair.add_task("to-remove");
    pair.ours("git add and commit of a record", |sandbox| {
        sandbox.git(["add", ".claude/tasks/to-remove.md"]);
        sandbox.git(["commit", "--quiet", "-m", "the user commits a record"]);
    });
    pair.next_command();
    pair.ours("git rm of a record", |sandbox| drop(sandbox.git(["rm", "--quiet", ".claude/tasks/to-remove.md"])));
    pair.next_command();
    pair.task_is_gone("to-remove");
    pair.ours("commit of git rm", |sandbox| drop(sandbox.git(["commit", "--quiet", "-m", "the task goes"])));
    pair.next_command();
    assert!(!pair.tasks().contains(&path_of("to-remove")), "what a commit deleted is gone");
}

/// The whole story; gives what the commands of ours said.
fn tell(mut pair: Pair, here: &str) -> String {
    pair.add_task("first");
    pair.next_command();
    what_throws_away(&mut pair);
    what_moves(&mut pair, here);
    what_joins(&mut pair, here);
    what_stops_and_goes_on(&mut pair);
    what_throws_away(&mut pair);
    what_attacks_our_files(&mut pair);
    what_removes_a_record(&mut pair);
    pair.end();
    pair.said.join("\n")
}

#[test]
fn on_a_protected_branch() {
    let mut pair = Pair::new();
    pair.start();
    assert!(matches!(pair.commit(), Outcome::Waits { .. }), "`main` is the remote's default branch");
    assert_snapshot!(tell(pair, "main"), @r"
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/first.md`
    git switch --quiet main: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `twin` holds it
    git switch --quiet fork: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `main` holds it
    git bisect good before-init: autonomy left `.claude/tasks/first.md` and 1 more away: `git bisect` is in progress
    git bisect bad: autonomy left `.claude/tasks/first.md` and 1 more away: `git bisect` is in progress
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md` and 1 more
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md` and 1 more
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` and 1 more away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` and 1 more away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/in-the-middle.md` and 1 more away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/in-the-middle.md` and 1 more
    rm -rf .claude: autonomy put back `.claude/tasks/in-the-middle.md` and 1 more
    ");
}

#[test]
fn on_a_work_branch_with_published_files() {
    let mut pair = Pair::new();
    pair.git("switch --quiet -c work");
    pair.start();
    pair.add_task("published");
    assert!(matches!(pair.commit(), Outcome::Committed { .. }));
    pair.next_command();
    assert_snapshot!(tell(pair, "work"), @r"
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/first.md`
    git checkout --quiet side: autonomy left `.claude/tasks/published.md` away: the branch `work` holds it
    git checkout --quiet --detach side: autonomy left `.claude/tasks/published.md` away: the branch `work` holds it
    git switch --quiet work: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `twin` holds it
    git switch --quiet fork: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `twin` holds it
    git bisect good before-init: autonomy left `.claude/tasks/first.md` and 2 more away: `git bisect` is in progress
    git bisect bad: autonomy left `.claude/tasks/first.md` and 3 more away: `git bisect` is in progress
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md`
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md`
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/in-the-middle.md`
    rm -rf .claude: autonomy put back `.claude/tasks/in-the-middle.md`
    ");
}

#[test]
fn on_a_branch_from_before_init() {
    let mut pair = Pair::new();
    pair.init_committed_by_the_user();
    pair.git("switch --quiet before-init");
    pair.start();
    assert_snapshot!(tell(pair, "before-init"), @r"
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git clean -fdxq: autonomy put back `.claude/tasks/first.md`
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/first.md` away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/first.md`
    git switch --quiet before-init: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `twin` holds it
    git switch --quiet fork: autonomy left `.claude/tasks/first.md` and 1 more away: the branch `before-init` holds it
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md`
    git clean -fdxq: autonomy put back `.claude/tasks/in-the-middle.md`
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git stash --quiet -u: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git stash --quiet --all: autonomy left `.claude/tasks/in-the-middle.md` away: `stash@{0}` holds it
    git clean -fdq: autonomy put back `.claude/tasks/in-the-middle.md`
    rm -rf .claude: autonomy put back `.claude/tasks/in-the-middle.md`
    ");
}
