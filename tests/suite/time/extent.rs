//! A directory that was not meant to be a repository is refused before anything is written.

use crate::sandbox::Sandbox;

#[test]
fn neither_a_snapshot_nor_a_session_begins_in_a_tree_that_is_too_large() {
    let sandbox = Sandbox::new().with("AUTONOMY_SNAPSHOT__MOST_FILES", "20");
    for number in 0..30 {
        sandbox.write(format!("downloads/{number}"), "x");
    }
    let (before, objects) = (sandbox.belongings(), sandbox.git(["count-objects", "-v"]));
    for arguments in [&["checkpoint"][..], &["session", "start"]] {
        let said = sandbox.autonomy(arguments).ended(5);
        assert!(
            said.stderr
                .contains("more than 20 files and directories here are neither tracked nor ignored (`downloads/` at least "),
            "{said}"
        );
        assert!(said.stderr.contains("autonomy config set --user snapshot.most_files 40"), "{said}");
    }
    sandbox.belongings().assert_same(&before, &[]);
    let mut typed = sandbox.command(["checkpoint"]);
    typed.env("AUTONOMY_SNAPSHOT__MOST_FILES", "40").env("AUTONOMY_SNAPSHOT__MOST_BYTES", "20B");
    let said = sandbox.run(&mut typed).ended(5);
    assert!(said.stderr.contains("more than the 20B of `snapshot.most_bytes`"), "{said}");
    assert_eq!(sandbox.git(["count-objects", "-v"]), objects);
    sandbox.write(".gitignore", "/downloads/\n");
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.autonomy(["checkpoint"]).ok();
}
