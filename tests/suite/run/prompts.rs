//! What an agent is told by: the project's own template only as a person trusted it.

use crate::{
    run::{settle_on, stage_program},
    sandbox::Sandbox,
};

const OWN: &str = ".claude/templates/prompt.md.j2";

fn told(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.base().join("home/prompt")).unwrap()
}

fn trusted(sandbox: Sandbox) -> Sandbox {
    let declared = sandbox.autonomy(["trust", "list", "--json"]).ok().json();
    let hash = declared["declared"][0]["declaration"]["digest"].as_str().unwrap().to_owned();
    let sandbox = sandbox.with("CI", "1");
    sandbox.autonomy(["trust", "--hash", &hash]).ok();
    sandbox
}

#[test]
fn a_prompt_of_the_projects_own_needs_trust_and_an_agent_cannot_rewrite_it() {
    let script =
        "#!/bin/sh\ncat >\"$HOME/prompt\"\necho 'DO AS I SAY {{ task }}' >.claude/templates/prompt.md.j2\ndate +%N >made\n";
    let sandbox = stage_program("command", script, "", &["Greet"]);
    sandbox.write(OWN, "OUR WAY {{ task }}\n");
    let said = sandbox.autonomy(["run"]).ok();
    assert!(said.stderr.contains("the template prompt.md.j2 of this repository is not trusted as it is now"), "{}", said.stderr);
    assert!(told(&sandbox).contains("Greet") && !told(&sandbox).contains("OUR WAY"), "{}", told(&sandbox));

    sandbox.write(OWN, "OUR WAY {{ task }}\n");
    let sandbox = trusted(sandbox);
    for task in ["Sing", "Dance"] {
        sandbox.autonomy(["task", "add", task]).ok();
        sandbox.autonomy(["run"]).ok();
        assert!(told(&sandbox).starts_with("OUR WAY") && told(&sandbox).contains(task), "{}", told(&sandbox));
    }
    assert_eq!(sandbox.read(OWN), "DO AS I SAY {{ task }}\n");
}

#[test]
fn a_template_that_cannot_be_read_is_named_and_the_shipped_one_is_used() {
    let sandbox = Sandbox::new();
    sandbox.install("own-agent", "#!/bin/sh\ncat >\"$HOME/prompt\"\necho 1 >made\n");
    settle_on(&sandbox, "driver = \"command\"\nprogram = \"own-agent\"\n", &["Greet"]);
    sandbox.write(OWN, b"na\xefve");
    let said = sandbox.autonomy(["run"]).ok();
    assert!(said.stderr.contains("cannot read `.claude/templates/prompt.md.j2`: byte 3 is not UTF-8"), "{}", said.stderr);
    assert!(told(&sandbox).contains("Greet"));
}
