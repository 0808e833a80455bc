//! Paths that somebody else wrote: they stay, all three versions are named, and a person settles them.

use std::fs;

use autonomy::model::{
    change::{Change, Mode, Side},
    event::Fact,
    id::Oid,
};

use crate::{
    sandbox::{Output, Sandbox},
    time::{happened, path},
};

/// Two live sessions in one work tree. Mine wrote the first line of `text`, theirs the last; `raw` was theirs alone.
struct Ground {
    sandbox: Sandbox,
    mine: String,
    theirs: String,
}

fn wrote(sandbox: &Sandbox, session: &str, name: &str, content: &str) {
    let side = || {
        let there = sandbox.exists(name).then(|| sandbox.git(["hash-object", "-w", name]))?;
        Some(Side { mode: Mode::File, oid: Oid::new(there).expect("an id") })
    };
    let before = side();
    sandbox.write(name, content);
    let changes = vec![Change { path: path(name), before, after: side() }];
    happened(sandbox, Some(session), &[Fact::ChangeSeen { step: None, changes, more: 0 }]);
}

impl Ground {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("text", "1\n2\n3\n");
        sandbox.write("raw", "\0one");
        sandbox.autonomy(["checkpoint", "start"]).ok();
        let mine = sandbox.autonomy(["session", "start", "mine"]).ok().stdout.trim().to_owned();
        sandbox.git(["worktree", "add", "--quiet", "../linked", "-b", "side"]);
        let mut elsewhere = sandbox.command(["session", "start", "theirs"]);
        elsewhere.current_dir(sandbox.work().parent().expect("a parent").join("linked"));
        let theirs = sandbox.run(&mut elsewhere).ok().stdout.trim().to_owned();
        let binding = |session: &str| sandbox.path(format!(".git/autonomy/sessions/{session}/binding.yaml"));
        fs::copy(binding(&mine), binding(&theirs)).expect("both work here from now on");
        wrote(&sandbox, &mine, "text", "one\n2\n3\n");
        wrote(&sandbox, &theirs, "text", "one\n2\nthree\n");
        wrote(&sandbox, &theirs, "raw", "\0two");
        Self { sandbox, mine, theirs }
    }

    fn rollback(&self, further: &[&str]) -> Output {
        self.sandbox.autonomy([&["rollback", "start", "--yes", "--session", &self.mine], further].concat())
    }

    /// As a person who sits at a terminal.
    fn typed(&self, line: &[&str]) -> Output {
        let line = [line, &["--yes", "--session", &self.mine]].concat();
        self.sandbox.run(self.sandbox.command(line).env("AUTONOMY_TERMINAL", "yes"))
    }
}

#[test]
fn a_conflict_stays_with_its_three_versions_named() {
    let ground = Ground::new();
    let kept = ground.rollback(&[]).ended(4);
    assert_eq!(ground.sandbox.read("text"), "one\n2\nthree\n");
    let line = kept.stderr.lines().find(|line| line.starts_with("Versions of text")).unwrap_or_else(|| panic!("{kept}"));
    let shown: Vec<String> = line
        .split('`')
        .filter_map(|part| part.strip_prefix("git show "))
        .map(|name| ground.sandbox.git(["show", name]))
        .collect();
    assert_eq!(shown, ["1\n2\n3", "one\n2\nthree", "one\n2\nthree"], "{kept}");
    assert!(
        kept.stdout.contains(&format!("session {} wrote it last", ground.theirs)) && kept.stderr.contains("`--merge`"),
        "{kept}"
    );
}

#[test]
fn nobody_but_a_shown_person_writes_over_another_session() {
    let ground = Ground::new();
    for flag in ["--theirs", "--merge"] {
        let refused = ground.rollback(&[flag]).ended(3);
        assert!(refused.stderr.contains("what another live session wrote"), "{refused}");
        let mut agent = ground.sandbox.command(["rollback", "start", "--yes", flag, "--session", &ground.mine]);
        ground.sandbox.run(agent.env("CLAUDECODE", "1")).ended(3);
    }
    assert_eq!(ground.sandbox.read("text"), "one\n2\nthree\n");
}

#[test]
fn a_person_takes_one_side_or_both() {
    let ground = Ground::new();
    ground.rollback(&["--ours"]).ok();
    assert_eq!(ground.sandbox.read("text"), "one\n2\nthree\n");

    let ground = Ground::new();
    ground.typed(&["rollback", "start", "--theirs"]).ok();
    assert_eq!((ground.sandbox.read("text").as_str(), ground.sandbox.read("raw").as_str()), ("1\n2\n3\n", "\0one"));

    let ground = Ground::new();
    let merged = ground.typed(&["rollback", "start", "--merge"]).ok();
    assert_eq!(ground.sandbox.read("text"), "1\n2\nthree\n", "my line goes back, theirs stays: {merged}");
    assert_eq!(ground.sandbox.read("raw"), "\0two");
}

#[test]
fn an_overlap_is_never_written_unasked() {
    let ground = Ground::new();
    wrote(&ground.sandbox, &ground.theirs, "text", "uno\n2\nthree\n");
    let merge = ["rollback", "start", "--merge"];
    let kept = ground.typed(&merge).ended(4);
    assert!(kept.stdout.contains("both changed the same lines (1 overlap)"), "{kept}");
    assert_eq!(ground.sandbox.read("text"), "uno\n2\nthree\n");
    ground.typed(&[&merge[..], &["--markers"]].concat()).ok();
    insta::assert_snapshot!(ground.sandbox.read("text"), @r"
    <<<<<<< as it is now
    uno
    ||||||| as it was left
    one
    =======
    1
    >>>>>>> as the checkpoint has it
    2
    three
    ");
    ground.typed(&["rollback", "--undo", "--theirs"]).ok();
    assert_eq!(ground.sandbox.read("text"), "uno\n2\nthree\n");
}

#[test]
fn an_agent_never_touches_a_sibling_directory() {
    let sandbox = Sandbox::new();
    for name in ["apps/one/a", "apps/one/b", "apps/two/a", "apps/onetwo"] {
        sandbox.write(name, "1\n");
    }
    sandbox.commit_all("a monorepo");
    let session = sandbox.autonomy(["session", "start"]).ok().stdout.trim().to_owned();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    wrote(&sandbox, &session, "apps/one/a", "the agent's\n");
    wrote(&sandbox, &session, "apps/one/new", "the agent's\n");
    for name in ["apps/one/b", "apps/two/a", "apps/two/new", "apps/onetwo", "apps/one/mine"] {
        sandbox.write(name, "a person's\n");
    }
    let mut command = sandbox.command(["rollback", "--last", "--yes"]);
    sandbox.run(command.env("CLAUDECODE", "1")).ok();
    assert_eq!((sandbox.read("apps/one/a").as_str(), sandbox.exists("apps/one/new")), ("1\n", false));
    for name in ["apps/one/b", "apps/two/a", "apps/two/new", "apps/onetwo", "apps/one/mine"] {
        assert_eq!(sandbox.read(name), "a person's\n", "{name}");
    }
}
