//! Workflows at the command line: what is there, what is wrong, and what could run when.

use crate::sandbox::Sandbox;

#[test]
fn workflows_are_listed_checked_planned_and_drawn() {
    let sandbox = Sandbox::new();
    assert!(sandbox.autonomy(["workflow", "plan", "build"]).ended(2).stderr.contains("there is none at all"));
    let build = "parameters: [{name: jobs, type: integer, required: true}]\nsteps:\n  - {id: make, run: [make]}\n  - {id: prove, workflow: prove}\n";
    sandbox.write(".claude/workflows/build.yaml", build);
    sandbox.write(".claude/workflows/prove.yaml", "steps:\n  - {id: all, run: [x], needs: [al]}\n");
    let wrong = sandbox.autonomy(["workflow", "validate"]).ended(1).stdout;
    assert!(wrong.contains("`.claude/workflows/prove.yaml`: line 2, column 33: there is no step `al`"), "{wrong}");
    assert!(wrong.contains("nearest: `all`"), "{wrong}");
    let list = sandbox.autonomy(["workflow", "list"]).ok().stdout;
    assert!(list.contains("build") && list.contains("2 steps") && list.contains("(jobs)"), "{list}");
    sandbox.write(".claude/workflows/prove.yaml", "steps:\n  - {id: all, run: [x]}\n");
    sandbox.autonomy(["workflow", "validate"]).ok();
    assert!(sandbox.autonomy(["workflow", "plan", "build"]).ended(2).stderr.contains("--set jobs=VALUE"));
    let plan = sandbox.autonomy(["workflow", "plan", "build", "--set", "jobs=2"]).ok();
    assert!(plan.stdout.contains("Level 2\n  prove  workflow prove; after make; at most 1h from 1h\n"), "{plan}");
    assert!(plan.stderr.contains("2h: make → prove"), "{plan}");
    assert_eq!(sandbox.autonomy(["workflow", "graph", "build"]).ok().stdout, "make → prove\nprove\n");
    let shown = sandbox.autonomy(["workflow", "show", "build", "--json"]).ok().stdout;
    assert!(shown.contains("\"kind\": \"workflow\""), "{shown}");
}
