//! A checkpoint that is not whole is refused by name before anything is touched, and a rollback that goes wrong is taken back.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use crate::sandbox::Sandbox;

/// A checkpoint `start` of `file` and `other`, both changed since, and a second checkpoint.
fn ground() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("file", "first\n");
    sandbox.write("other", "first\n");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "second\n");
    sandbox.write("other", "second\n");
    sandbox.git(["add", "other"]);
    sandbox.autonomy(["checkpoint", "later"]).ok();
    sandbox.write("file", "third\n");
    sandbox
}

fn tag(sandbox: &Sandbox, name: &str) -> String {
    sandbox.git(["tag", "--list", &format!("checkpoint-*-{name}")])
}

/// Turns every pack into objects of their own, so that single ones can be broken.
fn unpacked(sandbox: &Sandbox) {
    let packs = sandbox.path(".git/objects/pack");
    for entry in fs::read_dir(&packs).expect("packs") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let aside = sandbox.base().join("aside.pack");
            fs::rename(&path, &aside).expect("it can be moved");
            let mut command = sandbox.program("git");
            command.args(["unpack-objects", "-q"]).stdin(Stdio::from(fs::File::open(&aside).expect("a pack")));
            assert!(command.current_dir(sandbox.work()).status().expect("git runs").success());
        }
    }
    for entry in fs::read_dir(&packs).expect("packs") {
        fs::remove_file(entry.expect("a file").path()).expect("it can be removed");
    }
}

fn object(sandbox: &Sandbox, revision: &str) -> std::path::PathBuf {
    let id = sandbox.git(["rev-parse", revision]);
    let path = sandbox.path(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("an object of its own");
    path
}

fn is_refused(sandbox: &Sandbox, name: &str, why: &str) {
    let before = sandbox.belongings();
    for line in [&["rollback", name, "--yes"][..], &["rollback", name, "--dry-run"]] {
        let refused = sandbox.autonomy(line).ended(5);
        assert!(refused.stderr.contains(name) && refused.stderr.contains(why), "{refused}");
    }
    sandbox.belongings().assert_same(&before, &[]);
}

#[test]
fn a_tag_that_was_moved_is_refused() {
    let sandbox = ground();
    let (start, later) = (tag(&sandbox, "start"), tag(&sandbox, "later"));
    let moved = sandbox.git(["rev-parse", &later]);
    sandbox.git(["update-ref", &format!("refs/tags/{start}"), &moved]);
    is_refused(&sandbox, &start, &format!("its tag says that it is `{later}`"));
    let found = sandbox.autonomy(["verify", "--json"]).ended(1).json();
    assert!(found["findings"].to_string().contains(&format!("refs/tags/{start}")), "{found}");

    let sandbox = ground();
    let start = tag(&sandbox, "start");
    sandbox.git(["tag", "-f", &start, "HEAD"]);
    is_refused(&sandbox, &start, "does not carry a checkpoint");
}

#[test]
fn a_checkpoint_that_was_made_up_is_refused() {
    let sandbox = ground();
    let (start, later) = (tag(&sandbox, "start"), tag(&sandbox, "later"));
    let message = sandbox.git(["tag", "--list", "--format=%(contents)", &start]);
    // The words of one checkpoint on the commit of another.
    sandbox.git(["tag", "-f", "-a", "-m", &message, &start, &format!("{later}^{{commit}}")]);
    is_refused(&sandbox, &start, "the log says that it is the commit");
    fs::remove_dir_all(sandbox.path(".git/autonomy")).expect("the clone's log");
    is_refused(&sandbox, &start, "its tag says something else");

    // A commit that says the same with another manifest.
    let sandbox = ground();
    let start = tag(&sandbox, "start");
    let message = sandbox.git(["tag", "--list", "--format=%(contents)", &start]);
    let parents = sandbox.git(["log", "-1", "--format=%P", &start]);
    let (head, carrier) = parents.split_once(' ').expect("two parents");
    let bare = sandbox.git(["commit-tree", "-m", "nothing", &format!("{carrier}^{{tree}}"), "-p", head]);
    let forged = sandbox.git(["commit-tree", "-m", &message, &format!("{start}^{{tree}}"), "-p", &bare]);
    sandbox.git(["tag", "-f", "-a", "-m", &message, &start, &forged]);
    fs::remove_dir_all(sandbox.path(".git/autonomy")).expect("the clone's log");
    is_refused(&sandbox, &start, "its parents are not");
}

#[test]
fn an_object_that_is_missing_or_damaged_is_named_before_anything_is_touched() {
    for (revision, why) in
        [(":file", "`file` cannot be read"), ("^{tree}", "cannot be read"), ("^2:manifest.yaml", ""), ("^2:index", "")]
    {
        for broken in [true, false] {
            let sandbox = ground();
            let start = tag(&sandbox, "start");
            unpacked(&sandbox);
            let path = object(&sandbox, &format!("{start}{revision}"));
            if broken {
                fs::write(&path, "rubbish").expect("it can be written");
            } else {
                fs::remove_file(&path).expect("it can be removed");
            }
            let why = if revision == "^{tree}" { "is damaged" } else { why };
            if revision == "^2:index" {
                // Nothing was staged, so this is the tree of HEAD as well, without which nothing can be compared.
                let before = sandbox.belongings();
                sandbox.autonomy(["rollback", &start, "--yes"]).ended(5);
                sandbox.belongings().assert_same(&before, &[]);
                continue;
            }
            is_refused(&sandbox, &start, why);
            let found = sandbox.autonomy(["verify", "--json"]).ended(1).json();
            assert!(found["findings"].to_string().contains(&format!("refs/tags/{start}")), "{revision}: {found}");
        }
    }
}

#[test]
fn a_rollback_that_goes_wrong_is_taken_back_as_a_whole() {
    let sandbox = ground();
    let before = sandbox.belongings();
    let mut command = sandbox.command(["rollback", "start", "--yes"]);
    let said = sandbox.run(command.env("AUTONOMY_FAILPOINT", "restore.content:1=torn")).ended(5);
    assert!(said.stderr.contains("did not come out as planned, so the rollback was taken back"), "{said}");
    sandbox.belongings().assert_same(&before, &[]);
    let log = sandbox.read(".git/autonomy/clone/log.yaml");
    assert!(log.contains("\"came\":\"conflict\""), "{log}");
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    assert_eq!((sandbox.read("file").as_str(), sandbox.status().as_str()), ("first\n", " M file\n?? other"));
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    sandbox.belongings().assert_same(&before, &[]);
}
