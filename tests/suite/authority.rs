//! Who may take which decision: rules that a person trusts, proposals that wait for one, and what an agent cannot do about it.

use crate::sandbox::{Output, Sandbox};

/// A repository with a session, seen by a person at a terminal.
fn begun() -> Sandbox {
    let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
    sandbox.autonomy(["session", "start"]).ok();
    sandbox
}

fn as_agent(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.run(sandbox.command(arguments).env("CLAUDECODE", "1"))
}

fn decides(sandbox: &Sandbox, title: &str, more: &[&str]) -> Output {
    let usual = ["decide", title, "--option", "a", "--option", "b", "--choose", "a", "--because", "it is simpler"];
    as_agent(sandbox, &[&usual[..], more].concat())
}

fn record(sandbox: &Sandbox, decision: &str) -> String {
    sandbox.autonomy(["commit"]).ok();
    sandbox.read(format!(".claude/decisions/{}.md", decision.trim()))
}

#[test]
fn what_an_agent_may_decide_is_decided_and_names_the_rule() {
    let sandbox = begun();
    let decided = decides(&sandbox, "Split the parser", &["--kind", "refactoring"]).ok();
    let record = record(&sandbox, &decided.stdout);
    assert!(record.contains("status: accepted") && record.contains("ruling: act"), "{record}");
    assert!(record.contains("Whoever worked on it may decide: refactoring at low risk (`authority/supervised.yaml:"), "{record}");
    assert!(sandbox.autonomy(["report"]).ok().stdout.contains("refactoring at low risk at `authority/supervised.yaml:"));
    sandbox.autonomy(["inbox", "--check"]).ok();
}

#[test]
fn what_needs_a_person_is_a_proposal_until_one_approves_it() {
    let sandbox = begun();
    let proposed = decides(&sandbox, "Offer a second API", &["--kind", "api_design"]).ended(3);
    assert!(proposed.stderr.contains("It needs a person: api_design at low risk (`authority/supervised.yaml:"), "{proposed}");
    assert!(record(&sandbox, &proposed.stdout).contains("status: proposed"));
    let again = decides(&sandbox, "Offer a second API", &["--kind", "api_design"]).ended(3);
    assert_eq!(again.stdout, proposed.stdout, "asked once");
    let inbox = sandbox.autonomy(["inbox"]).ok().stdout;
    assert!(inbox.contains("Approve: Offer a second API") && inbox.lines().count() == 1, "{inbox}");
    assert!(as_agent(&sandbox, &["answer", "second-api", "approve"]).ended(3).stderr.contains("is an agent"));
    assert!(sandbox.autonomy(["answer", "second-api", "maybe"]).ended(2).stderr.contains("none of `approve`, `reject`"));
    sandbox.autonomy(["answer", "second-api", "approve"]).ok();
    let settled = record(&sandbox, &proposed.stdout);
    assert!(settled.contains("status: accepted") && settled.contains("settled_by:"), "{settled}");
    assert!(sandbox.autonomy(["report"]).ok().stdout.contains("approved by Test Person"));
    sandbox.autonomy(["verify"]).ok();
}

#[test]
fn what_a_person_rejects_does_not_hold() {
    let sandbox = begun();
    let proposed = decides(&sandbox, "Drop the login", &["--type", "security"]).ended(3);
    sandbox.autonomy(["answer", "drop-the-login", "reject", "--because", "we need it"]).ok();
    assert!(record(&sandbox, &proposed.stdout).contains("status: rejected"));
    let anew = decides(&sandbox, "Drop the login", &["--type", "security"]).ended(3);
    assert_ne!(anew.stdout, proposed.stdout, "a person who said no is asked again only by a proposal of its own");
}

#[test]
fn facts_raise_the_risk_that_an_agent_declares_and_never_lower_it() {
    let sandbox = begun();
    let proposed = decides(&sandbox, "Clear the archive", &["--fact", "deleted_records=5000"]).ended(3);
    assert!(proposed.stderr.contains("rule `deletion of more than 1000 records`"), "{proposed}");
    assert!(record(&sandbox, &proposed.stdout).contains("risk: high"));
    let low = decides(&sandbox, "Say that it is safe", &["--kind", "production_deployment", "--risk", "low"]).ended(3);
    assert!(record(&sandbox, &low.stdout).contains("risk: high"));
    let unknown = decides(&sandbox, "X", &["--fact", "deleted_record=1"]).ended(2).stderr;
    assert!(unknown.contains("no fact `deleted_record`") && unknown.contains("`deleted_records`"), "{unknown}");
    assert!(decides(&sandbox, "X", &["--fact", "cost=much"]).ended(2).stderr.contains("cannot read the facts"));
    // A person's own decisions are not ruled on.
    let own = ["decide", "Deploy", "--kind", "production_deployment", "--option", "a", "--choose", "a", "--because", "ready"];
    assert!(!record(&sandbox, &sandbox.autonomy(own).ok().stdout).contains("ruled:"));
}

#[test]
fn rules_are_in_force_as_a_person_trusted_them_last() {
    let sandbox = begun();
    let check = || sandbox.autonomy(["authority", "check", "--kind", "api_design"]);
    assert_eq!(check().ended(3).stdout, "person\n");
    sandbox.write(".claude/authority.yaml", "version: 1\npreset: autonomous\n");
    assert_eq!(check().ended(3).stdout, "person\n", "nobody trusted it");
    assert!(sandbox.autonomy(["authority", "show"]).ok().stderr.contains("waits: `autonomy trust`"));
    assert!(as_agent(&sandbox, &["trust", "--yes"]).ended(3).stderr.contains("is an agent"));
    sandbox.autonomy(["trust", "--yes"]).ok();
    assert_eq!(check().ok().stdout, "act_and_tell\n");
    let free = "version: 1\npreset: autonomous\nmatrix:\n  - { kind: production_deployment, low: act, medium: act, high: act, critical: act }\nwithout: [production deployment]\n";
    sandbox.write(".claude/authority.yaml", free);
    let deploy = || sandbox.autonomy(["authority", "check", "--kind", "production_deployment"]);
    assert_eq!(deploy().ended(3).stdout, "person\n", "what an agent writes into it waits");
    std::fs::remove_file(sandbox.path(".claude/authority.yaml")).expect("there");
    assert_eq!(check().ok().stdout, "act_and_tell\n", "taking it away is no way around it");
    sandbox.write(".claude/authority.yaml", free);
    sandbox.autonomy(["trust", "--yes"]).ok();
    assert_eq!(deploy().ok().stdout, "act\n");
}

#[test]
fn what_the_rules_deny_is_refused_and_not_recorded() {
    let sandbox = begun();
    sandbox.write(".claude/authority.yaml", "version: 1\nrules:\n  - name: no money\n    if: cost > 0\n    demand: deny\n");
    sandbox.autonomy(["trust", "--yes"]).ok();
    let denied = decides(&sandbox, "Buy it", &["--fact", "cost=1"]).ended(1).stderr;
    assert!(denied.contains("`Buy it` is denied by rule `no money` (`.claude/authority.yaml:3`)"), "{denied}");
    assert!(!sandbox.exists(".claude/decisions"));
}

#[test]
fn a_way_is_explained_step_by_step() {
    let sandbox = begun();
    let asked = ["authority", "explain", "--type", "architecture", "--fact", "system_wide=true", "--fact", "cost=150"];
    insta::assert_snapshot!(sandbox.autonomy(asked).ended(3).stdout, @r#"
    rule `cost above 100`: risk medium, person  authority/supervised.yaml:32
    rule `system-wide architecture`: risk high, person  authority/supervised.yaml:36
    everything else at high risk: person  authority/supervised.yaml:4
    person: an agent needs a person, at high risk
    "#);
    sandbox.autonomy(["init"]).ok();
    let asked = |agent| sandbox.autonomy(["authority", "explain", "--kind", "tests", "--agent", agent, "--risk", "medium"]);
    insta::assert_snapshot!(asked("api-explorer").ended(3).stdout, @r#"
    agent api-explorer: it may decide nothing of medium risk: architect  .claude/agents.yaml
    tests at medium risk: act_and_tell  authority/supervised.yaml:7
    architect: an agent needs the architect, at medium risk
    "#);
    assert!(asked("api-explorr").ended(2).stderr.contains("nearest: `api-explorer`"));
}

#[test]
fn rules_are_tested_with_cases_before_they_are_trusted() {
    let sandbox = begun();
    assert!(sandbox.autonomy(["authority", "test"]).ended(1).stderr.contains("there is no `.claude/authority.tests.yaml`"));
    sandbox.write(".claude/authority.yaml", "version: 1\npreset: autonomous\n");
    let cases = "version: 1\ncases:\n  - name: a minor version\n    case: { kind: dependency_minor }\n    ruling: act\n  - name: what breaks others\n    case: { kind: api_design, breaking: true }\n    ruling: architect\n";
    sandbox.write(".claude/authority.tests.yaml", cases);
    let tested = sandbox.autonomy(["authority", "test"]).ended(1);
    insta::assert_snapshot!(tested.stdout, @".claude/authority.tests.yaml:6: what breaks others: person, not architect: rule `breaking change` (`authority/autonomous.yaml:41`)");
    assert_eq!(tested.stderr, "1 passed, 1 failed\n");
    sandbox.write(".claude/authority.tests.yaml", cases.replace("architect", "person"));
    sandbox.autonomy(["authority", "test"]).ok();
    sandbox.write(".claude/authority.tests.yaml", cases.replace("kind: api_design", "knd: api_design"));
    let refused = sandbox.autonomy(["authority", "test"]).ended(2).stderr;
    assert!(refused.contains("authority.tests.yaml`: line 7"), "{refused}");
    sandbox.write(".claude/authority.tests.yaml", cases.replace("version: 1", "version: 9"));
    assert!(sandbox.autonomy(["authority", "test"]).ended(5).stderr.contains("is of version 9"));
    sandbox.write(".claude/authority.tests.yaml", cases);
    sandbox.write(".claude/authority.yaml", "version: 1\nrules:\n  - name: a\n    if: cots > 1\n    demand: person\n");
    let refused = sandbox.autonomy(["authority", "test"]).ended(2).stderr;
    assert!(refused.contains("authority.yaml`: line 3: the rule `a`") && refused.contains("nearest: `cost`"), "{refused}");
}

#[test]
fn a_change_is_ruled_on_by_what_is_read_from_it() {
    let sandbox = Sandbox::new();
    let committed = |message: &str| {
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-q", "-m", message]);
    };
    let check = |more: &[&str]| as_agent(&sandbox, &[&["authority", "check"], more].concat());
    sandbox.write("src/lib.rs", "pub fn one() {}\npub fn two() {}\n");
    sandbox.write(".claude/authority.yaml", "version: 1\npreset: autonomous\n");
    committed("first");
    sandbox.write("src/lib.rs", "pub fn one() {}\npub fn two() {}\nfn own() {}\n");
    sandbox.write("notes.md", "new\n");
    assert_eq!(check(&["--worktree"]).ok().stdout, "act\n");
    assert!(
        check(&["--worktree", "--risk", "high"]).ended(3).stderr.contains("everything else at high risk"),
        "it can be raised"
    );
    sandbox.write("src/lib.rs", "pub fn one() {}\n");
    sandbox.git(["add", "-A"]);
    let staged = check(&["--staged", "--kind", "code_style", "--risk", "low"]).ended(3);
    insta::assert_snapshot!(staged, @r"
    exit 3
    --- stdout
    person
    --- stderr
    api_design at medium risk (`authority/supervised.yaml:13`)
    2 files: medium risk, score 0.61
      medium   what others can use is gone: `two` (`src/lib.rs`)
      low      lines are gone (`src/lib.rs`)
    ");
    committed("a little less");
    let explained = as_agent(&sandbox, &["authority", "explain", "--diff", "HEAD~..HEAD"]).ended(3).stdout;
    insta::assert_snapshot!(explained, @r"
    2 files: medium risk, score 0.61
      medium   what others can use is gone: `two` (`src/lib.rs`)
      low      lines are gone (`src/lib.rs`)
    everything else at medium risk: act_and_tell  authority/autonomous.yaml:5
    act_and_tell: an agent may decide, and a person reads of it, at medium risk
    api_design at medium risk: architect  authority/autonomous.yaml:14
    architect: an agent needs the architect, at medium risk
    ");
    // What rules on a range is what its first commit holds.
    sandbox.write(".claude/authority.yaml", "version: 1\nmatrix:\n  - { low: act, medium: act, high: act, critical: act }\n");
    committed("our own rules");
    let told = check(&["--diff", "HEAD~..HEAD", "--json"]).ended(3).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!((told["ruling"].as_str(), told["risk"].as_str()), (Some("person"), Some("critical")), "{told}");
    assert_eq!(told["reasons"][0]["signal"], "rules");
    assert_eq!(told["reasons"][0]["paths"][0], ".claude/authority.yaml");
    assert!(check(&["--diff", "HEAD"]).ended(2).stderr.contains("is no range of commits"));
    assert!(check(&["--diff", "HEAD~..HEAD", "--agent", "nobody"]).ended(2).stderr.contains("there is no agent `nobody`"));
}

#[test]
fn past_commits_are_ruled_on_by_what_they_change_and_not_by_their_words() {
    let sandbox = Sandbox::new();
    let door = |door: u8| format!("pub fn open_{door}() {{}}\n");
    let library = |doors: std::ops::Range<u8>| doors.map(door).collect::<Vec<_>>().concat();
    let write = |doors, message: &str| {
        sandbox.write("src/lib.rs", library(doors));
        sandbox.commit_all(message);
    };
    write(0..1, "feat!: one door");
    sandbox.git(["switch", "--quiet", "--create", "side"]);
    write(0..9, "feat: nine doors");
    sandbox.git(["switch", "--quiet", "-"]);
    sandbox.git(["merge", "--quiet", "--no-ff", "--message", "feat!: merge", "side"]);
    write(0..1, "docs: a word");
    let replayed = sandbox.autonomy(["authority", "replay", "--commits", "HEAD", "--json"]).ok().stdout;
    let rows: Vec<serde_json::Value> = replayed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |subject: &str| rows.iter().find(|row| row["subject"] == subject).expect("it is there");
    assert_eq!(of("docs: a word")["ruling"], "person", "{replayed}");
    assert!(of("docs: a word")["reasons"][0].as_str().unwrap().starts_with("what others can use is gone"), "{replayed}");
    assert_eq!(of("feat!: merge")["reasons"], of("feat: nine doors")["reasons"], "against the first parent");
    assert_eq!((&of("feat!: one door")["ruling"], &of("feat!: merge")["ruling"]), (&"act".into(), &"act".into()), "{replayed}");
    let table = sandbox.autonomy(["authority", "replay", "--commits", "HEAD~1..HEAD", "--preset", "autonomous"]).ok();
    assert!(table.stdout.starts_with("person") && table.stderr.contains("1  100.0 %"), "{table}");
    assert!(sandbox.autonomy(["authority", "replay", "--commits", "HEAD..HEAD"]).ended(1).stderr.contains("has no commits"));
    decides(&sandbox, "Offer a second API", &["--kind", "api_design"]).ended(3);
    let again = sandbox.autonomy(["authority", "replay", "--decisions", "--preset", "autonomous"]).ok();
    assert!(again.stdout.starts_with("act_and_tell  low") && again.stdout.contains("(was person, api_design at low"), "{again}");
    sandbox.git(["clone", "--quiet", "--depth", "2", &format!("file://{}", sandbox.work().display()), "../shallow"]);
    let shallow = sandbox.at("../shallow").autonomy(["authority", "replay", "--commits", "HEAD"]).ended(1).stderr;
    assert!(shallow.contains("this clone is shallow and lacks its parent") && shallow.contains("--unshallow"), "{shallow}");
}
