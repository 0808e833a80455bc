//! The twelve kinds of change, each there and back through the program.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use crate::sandbox::{Belongings, Sandbox};

fn ground() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["a/x", "a/y", "b/c/z"] {
        sandbox.write(name, "1\n");
    }
    sandbox.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(sandbox.path("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a/x", sandbox.path("link")).unwrap();
    sandbox.write(".gitignore", "*.o\n");
    sandbox.commit_all("ground");
    sandbox.write("ignored.o", "1\n");
    sandbox.write("mine", "untracked before\n");
    sandbox
}

fn there_and_back(change: impl FnOnce(&Sandbox)) {
    let sandbox = ground();
    let before = sandbox.belongings();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    change(&sandbox);
    let after = sandbox.belongings();
    assert_ne!(before, after, "nothing was changed");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    same(&sandbox, &before);
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    same(&sandbox, &after);
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}

#[track_caller]
fn same(sandbox: &Sandbox, wanted: &Belongings) {
    sandbox.belongings().assert_same(wanted, &[]);
}

fn remove(sandbox: &Sandbox, name: &str) {
    let path = sandbox.path(name);
    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

#[test]
fn modify() {
    there_and_back(|sandbox| sandbox.write("a/x", "2\n"));
}

#[test]
fn delete() {
    there_and_back(|sandbox| {
        remove(sandbox, "b");
        remove(sandbox, "mine");
    });
}

#[test]
fn create() {
    there_and_back(|sandbox| sandbox.write("a/new", "1\n"));
}

#[test]
fn rename() {
    there_and_back(|sandbox| fs::rename(sandbox.path("a/x"), sandbox.path("b/x")).unwrap());
}

#[test]
fn mode() {
    there_and_back(|sandbox| {
        for (name, bits) in [("a/x", 0o755), ("run.sh", 0o644), ("a/y", 0o600), ("b", 0o700)] {
            fs::set_permissions(sandbox.path(name), fs::Permissions::from_mode(bits)).unwrap();
        }
    });
}

#[test]
fn link() {
    there_and_back(|sandbox| {
        remove(sandbox, "link");
        symlink("a/y", sandbox.path("link")).unwrap();
        symlink("nowhere", sandbox.path("dangling")).unwrap();
    });
}

#[test]
fn link_to_file() {
    there_and_back(|sandbox| {
        remove(sandbox, "link");
        sandbox.write("link", "a file\n");
    });
}

#[test]
fn file_to_directory() {
    there_and_back(|sandbox| {
        remove(sandbox, "a/x");
        sandbox.write("a/x/deep/y", "1\n");
        remove(sandbox, "b");
        sandbox.write("b", "a file\n");
    });
}

#[test]
fn staged_only() {
    there_and_back(|sandbox| {
        sandbox.write("a/x", "2\n");
        sandbox.write("new", "1\n");
        sandbox.git(["add", "a/x", "new"]);
        sandbox.git(["rm", "--quiet", "--cached", "a/y"]);
    });
}

#[test]
fn staged_and_changed_again() {
    there_and_back(|sandbox| {
        sandbox.write("a/x", "2\n");
        sandbox.git(["add", "a/x"]);
        sandbox.write("a/x", "3\n");
    });
}

#[test]
fn untracked() {
    there_and_back(|sandbox| {
        sandbox.write("new", "1\n");
        sandbox.write("mine", "changed\n");
    });
}

#[test]
fn untracked_in_a_new_directory() {
    there_and_back(|sandbox| {
        sandbox.write("new/deep/x", "1\n");
        fs::create_dir_all(sandbox.path("new/hollow")).unwrap();
    });
}
