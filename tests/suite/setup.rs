//! Making a repository ready and taking it back, settings and trust, as a user sees them.

use autonomy::{
    host::{clock::Clock, environment::Environment, workspace::Workspace},
    model::{id::AgentName, time::Timestamp},
    ops::setup::in_force,
};

use crate::sandbox::{Sandbox, fingerprint};

fn crate_of_one() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.toml", "[package]\nname = \"x\"\n");
    sandbox.commit_all("a crate");
    sandbox
}

/// The library's view of the sandbox.
fn workspace(sandbox: &Sandbox) -> Workspace {
    let state = sandbox.base().join("home/.local/state");
    let environment = Environment::given(sandbox.work(), &[("XDG_STATE_HOME", state.to_str().expect("a plain path"))]);
    Workspace::find(environment, Clock::fixed(Timestamp::from_millisecond(0).expect("in range"), 1)).expect("a repository")
}

fn gates(sandbox: &Sandbox) -> Vec<String> {
    let all = in_force::gates(&workspace(sandbox)).expect("the settings are good");
    let shown = |gate: in_force::GateInForce| {
        let runs = gate.gate.map_or_else(|| "nothing".to_owned(), |gate| gate.command.to_string());
        format!("{}: {runs}{}", gate.name, if gate.waiting { " (waiting)" } else { "" })
    };
    all.into_iter().map(shown).collect()
}

#[test]
fn init_says_when_it_finds_nothing_that_proves_work() {
    let said = Sandbox::new().autonomy(["init"]).ok().stderr;
    assert!(said.contains("No gate was found: what proves work here goes into .claude/autonomy.toml"), "{said}");
    assert!(!crate_of_one().autonomy(["init"]).ok().stderr.contains("No gate was found"));
}

#[test]
fn init_says_what_it_writes_and_does_nothing_twice() {
    let sandbox = crate_of_one();
    let before = sandbox.belongings();
    let dry = sandbox.autonomy(["init", "--dry-run"]).ok();
    assert!(dry.stdout.contains("+command = [\"cargo\", \"test\"]"), "{dry}");
    assert!(!sandbox.exists(".claude"), "a dry run writes nothing");
    let first = sandbox.autonomy(["init"]).ok();
    insta::assert_snapshot!(first.stderr, @r#"
    Wrote .claude/autonomy.toml
    Wrote .claude/.gitignore
    Wrote .claude/.gitattributes
    Wrote .claude/settings.local.json
    Wrote .claude/agents.yaml
    Wrote 14 files in .claude/agents/
    Wrote .claude/skills/autonomy/SKILL.md
    Wrote 4 files in .claude/project_context/
    Wrote info/exclude
    Gate compiles: cargo check --all-targets
    Gate tests: cargo test
    Trusted gate compiles
    Trusted gate tests
    Trusted client .claude/settings.local.json
    Next: `autonomy session start "<name>"`, or `autonomy run "<goal>"`
    "#);
    let written = fingerprint(&sandbox.path(".claude"));
    let second = sandbox.autonomy(["init"]).ok();
    insta::assert_snapshot!(second.stderr, @r#"
    Everything is in place already
    Next: `autonomy session start "<name>"`, or `autonomy run "<goal>"`
    "#);
    assert_eq!(fingerprint(&sandbox.path(".claude")), written);
    sandbox.belongings().assert_same(&before, &[]);
    assert_eq!(sandbox.autonomy(["init", "--dry-run"]).ok().stdout, "");
}

#[test]
fn uninstall_takes_out_to_the_byte_and_names_what_it_keeps() {
    let sandbox = crate_of_one();
    sandbox.write(".claude/.gitignore", "mine\nno end of line");
    sandbox.write(".git/info/exclude", "*.log");
    let before = fingerprint(&sandbox.path(".claude"));
    sandbox.autonomy(["init"]).ok();
    assert!(sandbox.read(".claude/.gitignore").contains("/sessions/*/*"));
    let dry = sandbox.autonomy(["uninstall", "--dry-run"]).ok();
    assert!(dry.stdout.contains("-/sessions/*/*") && sandbox.exists(".claude/.gitattributes"), "{dry}");
    let out = sandbox.autonomy(["uninstall", "--yes"]).ok();
    insta::assert_snapshot!(out.stderr, @r"
    Changed .claude/.gitignore
    Removed .claude/.gitattributes
    Removed .claude/settings.local.json
    Removed 14 files in .claude/agents/
    Removed .claude/skills/autonomy/SKILL.md
    Removed .claude/agents.yaml
    Removed 4 files in .claude/project_context/
    Changed info/exclude
    Kept 2 files in `.claude/` (.gitignore, autonomy.toml); `git rm -r --cached .claude; rm -r .claude` takes them away
    ");
    assert_eq!(sandbox.read(".git/info/exclude"), "*.log");
    std::fs::remove_file(sandbox.path(".claude/autonomy.toml")).expect("it was kept");
    assert_eq!(fingerprint(&sandbox.path(".claude")), before);
    assert!(sandbox.autonomy(["uninstall"]).ok().stderr.starts_with("Nothing of ours is in the way"));
}

#[test]
fn uninstall_waits_for_a_live_session() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start", "one"]).ok();
    let refused = sandbox.autonomy(["uninstall"]).ended(4);
    assert!(refused.stderr.contains("is live in this clone"), "{refused}");
}

#[test]
fn settings_that_are_wrong_stop_init_before_it_writes() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/autonomy.toml", "[run]\nmax_hour = 8\n");
    let refused = sandbox.autonomy(["init"]).ended(2);
    insta::assert_snapshot!(refused.stderr, @r"
    error: cannot read `.claude/autonomy.toml`: line 2, column 1: there is no setting `run.max_hour`
    2 | max_hour = 8
      | ^^^^^^^^
    hint: nearest: `run.max_hours`, `run.max_cost`, `run.max_tries`
    ");
    assert!(!sandbox.exists(".claude/.gitignore"));
    assert_eq!(sandbox.autonomy(["config", "validate"]).ended(2).stderr, refused.stderr);
}

#[test]
fn config_shows_explains_and_sets_without_touching_the_rest() {
    let sandbox = Sandbox::new().with("AUTONOMY_RUN__MAX_TRIES", "5");
    sandbox.write(".claude/autonomy.toml", "# mine\nversion = 1\n\n[run] # bounds\nmax_steps = 5 # few\n");
    let set = sandbox.autonomy(["config", "set", "run.max_steps", "7"]).ok();
    insta::assert_snapshot!(set.stderr, @"Set run.max_steps = 7 in .claude/autonomy.toml");
    assert_eq!(sandbox.read(".claude/autonomy.toml"), "# mine\nversion = 1\n\n[run] # bounds\nmax_steps = 7 # few\n");
    assert_eq!(sandbox.autonomy(["config", "get", "run.max_steps"]).ok().stdout, "7\n");
    let hidden = sandbox.autonomy(["config", "set", "--user", "run.max_tries", "2"]).ok();
    insta::assert_snapshot!(hidden.stderr, @r"
    Set run.max_tries = 2 in $SANDBOX/home/.config/autonomy/config.toml
    But 5 holds, from AUTONOMY_RUN__MAX_TRIES
    ");
    let explained = sandbox.autonomy(["config", "explain", "run.max_tries"]).ok();
    insta::assert_snapshot!(explained.stdout, @r"
    run.max_tries: A task is parked after so many tries whose gates stay red.
    Default: 3
    Holds:   5  from AUTONOMY_RUN__MAX_TRIES
    Hidden:  2  from ~/.config/autonomy/config.toml:4:1
    Hidden:  3  from built in
    ");
    let shown = sandbox.autonomy(["config", "show", "--json"]).ok().json();
    let steps = shown["settings"].as_array().expect("a list").iter().find(|one| one["key"] == "run.max_steps");
    assert_eq!(steps.expect("it is set")["origin"]["place"]["line"], 5);
    let moot = sandbox.autonomy(["config", "explain", "performance.cache_size_mb"]).ok();
    assert!(moot.stdout.contains("No effect: there is no cache to size"), "{moot}");
}

#[test]
fn a_bad_value_or_key_leaves_the_file_as_it_was() {
    let sandbox = Sandbox::new();
    let text = "[run]\nmax_steps = 5\n";
    sandbox.write(".claude/autonomy.toml", text);
    for (key, value, words) in [
        ("run.max_step", "7", "there is no setting `run.max_step`"),
        ("run.max_steps", "many", "expected a whole number"),
        ("run.agent", "nobody", "there is no agent `nobody`"),
        ("performance.connection_pool_size", "7", "has no effect"),
        ("run", "7", "expected a table"),
    ] {
        let refused = sandbox.autonomy(["config", "set", key, value]).ended(2);
        assert!(refused.stderr.contains(words), "{key}: {refused}");
        assert_eq!(sandbox.read(".claude/autonomy.toml"), text);
    }
    let agent = sandbox.with("CLAUDECODE", "1");
    assert!(agent.autonomy(["config", "set", "run.max_steps", "7"]).ended(3).stderr.contains("reserved for a person"));
}

#[test]
fn profiles_are_chosen_by_flag_and_variable() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/autonomy.toml", "[profile.night.run]\nmax_hours = 12\n");
    let hours = |sandbox: &Sandbox, more: &[&str]| sandbox.autonomy([&["config", "get", "run.max_hours"], more].concat());
    assert_eq!(hours(&sandbox, &[]).ok().stdout, "8h\n");
    assert_eq!(hours(&sandbox, &["--profile", "night"]).ok().stdout, "12\n");
    assert_eq!(hours(&sandbox, &["--profile", "supervised"]).ok().stdout, "1\n");
    assert!(hours(&sandbox, &["--profile", "nihgt"]).ended(2).stderr.contains("nearest: `night`"));
    assert_eq!(hours(&sandbox.with("AUTONOMY_PROFILE", "night"), &[]).ok().stdout, "12\n");
}

#[test]
fn what_init_wrote_is_trusted_and_a_change_waits_with_the_old_one_in_force() {
    let sandbox = crate_of_one();
    sandbox.autonomy(["init"]).ok();
    assert_eq!(gates(&sandbox), ["compiles: cargo check --all-targets", "tests: cargo test"]);
    sandbox.autonomy(["config", "set", "gates.tests.command", "true"]).ok();
    assert_eq!(gates(&sandbox), ["compiles: cargo check --all-targets", "tests: cargo test (waiting)"]);
    // Taking a gate out of the file is no way around it.
    sandbox.write(".claude/autonomy.toml", "[gates.tests]\ncommand = \"true\"\n");
    assert_eq!(gates(&sandbox), ["compiles: cargo check --all-targets (waiting)", "tests: cargo test (waiting)"]);
    let refused = sandbox.autonomy(["trust"]).ended(3);
    insta::assert_snapshot!(refused.stderr, @r#"
    gate tests would run:
        {"command":"true"}
      until then this is in force:
        {"command":["cargo","test"],"kind":"tests","timeout":"30m"}
    error: nothing was trusted
    hint: `autonomy trust --yes` trusts what was shown
    "#);
    let sandbox = sandbox.with("AUTONOMY_TERMINAL", "yes");
    assert!(sandbox.autonomy(["trust", "--yes"]).ok().stderr.ends_with("Trusted gate tests\n"));
    assert!(sandbox.autonomy(["trust", "revoke", "compiles"]).ok().stderr.contains("Took trust from gate compiles"));
    assert_eq!(gates(&sandbox), ["tests: true"]);
    assert!(sandbox.autonomy(["trust"]).ok().stderr.contains("Nothing waits for trust"));
    let listed = sandbox.autonomy(["trust", "list"]).ok();
    assert!(listed.stdout.contains("gate tests           trusted by a person"), "{listed}");
}

#[test]
fn settings_that_came_with_the_clone_run_nothing_until_a_person_trusts_them() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/autonomy.toml", "[gates.evil]\ncommand = \"touch evil\"\n[agents.claude]\nallow = [\"Bash\"]\n");
    sandbox.autonomy(["init"]).ok();
    assert_eq!(gates(&sandbox), ["evil: nothing (waiting)"]);
    let claude = AgentName::new("claude").expect("a plain name");
    let refused = in_force::agent(&workspace(&sandbox), &claude).expect_err("nobody trusted it");
    assert_eq!(refused.refusal().code.exit(), 3);
    for (name, value) in [("CLAUDECODE", "1"), ("AI_AGENT", "some_agent")] {
        let agent = Sandbox::new().with(name, value).with("AUTONOMY_TERMINAL", "yes");
        agent.write(".claude/autonomy.toml", "[gates.evil]\ncommand = \"touch evil\"\n");
        agent.autonomy(["init"]).ok();
        assert!(agent.autonomy(["trust", "--yes"]).ended(3).stderr.contains("is an agent"));
        assert!(agent.autonomy(["trust", "--token"]).ended(3).stderr.contains("is an agent"));
        assert_eq!(gates(&agent), ["evil: nothing (waiting)"]);
    }
    // Your own settings need no trust.
    let own = Sandbox::new();
    own.write("../home/.config/autonomy/config.toml", "[gates.mine]\ncommand = \"true\"\n");
    assert_eq!(own.autonomy(["trust", "list", "--json"]).ok().json()["declared"], serde_json::json!([]));
}

#[test]
fn an_agents_init_trusts_nothing() {
    let sandbox = crate_of_one().with("CLAUDECODE", "1");
    assert!(sandbox.autonomy(["init"]).ok().stderr.contains("Waiting for `autonomy trust`: gate compiles, gate tests"));
    assert_eq!(gates(&sandbox), ["compiles: nothing (waiting)", "tests: nothing (waiting)"]);
}

#[test]
fn a_token_stands_for_the_terminal_and_a_hash_does_in_a_build_service() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/autonomy.toml", "[gates.one]\ncommand = \"true\"\n");
    let typed = sandbox.with("AUTONOMY_TERMINAL", "yes");
    let token = typed.autonomy(["trust", "--token"]).ok().stdout.trim().to_owned();
    let sandbox = typed.with("AUTONOMY_TERMINAL", "no");
    assert!(sandbox.autonomy(["trust", "--token"]).ended(3).stderr.contains("at a terminal only"));
    assert!(sandbox.autonomy(["trust", "--yes"]).ended(3).stderr.contains("there is no terminal"));
    assert!(sandbox.autonomy(["trust", "--yes", "--as-person", "wrong"]).ended(3).stderr.contains("not the one"));
    sandbox.autonomy(["trust", "--yes", "--as-person", &token]).ok();
    assert_eq!(gates(&sandbox), ["one: true"]);
    sandbox.write(".claude/autonomy.toml", "[gates.one]\ncommand = \"false\"\n");
    let listed = sandbox.autonomy(["trust", "list", "--json"]).ok().json();
    let hash = listed["declared"][0]["declaration"]["digest"].as_str().expect("a hash").to_owned();
    assert!(sandbox.autonomy(["trust", "--hash", &hash]).ended(3).stderr.contains("there is no terminal"));
    let service = sandbox.with("CI", "true");
    service.autonomy(["trust", "--hash", &hash]).ok();
    assert_eq!(gates(&service), ["one: false"]);
    let other = "0".repeat(64);
    assert!(service.autonomy(["trust", "--hash", &other]).ended(4).stderr.contains("nothing that is declared now has the hash"));
}

#[test]
fn hooks_and_filters_from_the_work_tree_wait_for_trust() {
    let sandbox = Sandbox::new();
    sandbox.write(".hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    sandbox.git(["config", "core.hooksPath", ".hooks"]);
    sandbox.git(["config", "filter.big.clean", "big-clean %f"]);
    let listed = sandbox.autonomy(["trust", "list"]).ok();
    insta::assert_snapshot!(listed.stdout, @r"
    hook pre-commit      not trusted
      sha256 306c6ca7407560340797866e077e053627ad409277d1b9da58106fce4cf717cb
        #!/bin/sh
        exit 0
    filter big           not trusted
      sha256 fe0c40c186a710f50a51363c9a6d4cd165ad8398c5d4678bb87af2e1056a23da
        clean = big-clean %f
    ");
    let labels = |sandbox: &Sandbox| {
        let waiting = in_force::waiting_hooks(&workspace(sandbox)).expect("readable");
        waiting.iter().map(autonomy::model::trust::Declaration::label).collect::<Vec<_>>()
    };
    assert_eq!(labels(&sandbox), ["hook pre-commit", "filter big"]);
    let sandbox = sandbox.with("AUTONOMY_TERMINAL", "yes");
    sandbox.autonomy(["trust", "--yes", "pre-commit"]).ok();
    assert_eq!(labels(&sandbox), ["filter big"]);
    sandbox.write(".hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    assert_eq!(labels(&sandbox), ["hook pre-commit", "filter big"]);
    // Hooks in the git directory are the person's own.
    sandbox.git(["config", "--unset", "core.hooksPath"]);
    sandbox.write(".git/hooks/pre-commit", "#!/bin/sh\n");
    assert_eq!(labels(&sandbox), ["filter big"]);
}

#[test]
fn the_rules_of_who_decides_and_mcp_servers_wait_for_trust() {
    let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
    sandbox.write(".claude/authority.yaml", "version: 1\n");
    sandbox.write(".mcp.json", "{\"mcpServers\":{\"evil\":{\"command\":\"touch\",\"args\":[\"evil\"]}}}\n");
    let servers = |sandbox: &Sandbox| in_force::servers(&workspace(sandbox)).expect("readable");
    assert!(sandbox.autonomy(["init"]).ok().stderr.contains("authority .claude/authority.yaml, mcp .mcp.json"));
    let listed = sandbox.autonomy(["trust", "list"]).ok();
    let not_ours = listed.stdout.split("client ").next().expect("some");
    insta::assert_snapshot!(not_ours, @r#"
    authority .claude/authority.yaml not trusted
      sha256 09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847
        version: 1
    mcp .mcp.json        not trusted
      sha256 88a43b4f0c813ac8481185e398b0ac5584396d6827a9c4819a5152cefd534a29
        {"mcpServers":{"evil":{"command":"touch","args":["evil"]}}}
    "#);
    assert_eq!(servers(&sandbox), None, "agents start none");
    sandbox.autonomy(["trust", "--yes", ".mcp.json"]).ok();
    let trusted = sandbox.read(".mcp.json");
    assert_eq!(servers(&sandbox).as_ref(), Some(&trusted));
    sandbox.write(".mcp.json", "{}");
    assert_eq!(servers(&sandbox).as_ref(), Some(&trusted), "what was trusted last stays in force");
    sandbox.autonomy(["trust", "revoke", ".mcp.json"]).ok();
    assert_eq!(servers(&sandbox), None);
}

#[test]
fn hooks_of_an_agent_client_that_a_repository_brings_wait_for_trust() {
    let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
    let loaded = |sandbox: &Sandbox| in_force::client_settings(&workspace(sandbox)).expect("readable");
    assert_eq!(loaded(&sandbox), ["user", "project", "local"], "there is nothing to keep away");
    sandbox.write(".claude/settings.json", r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"touch evil"}]}]}}"#);
    assert_eq!(loaded(&sandbox), ["user", "local"]);
    assert!(sandbox.autonomy(["trust", "list"]).ok().stdout.starts_with("client .claude/settings.json not trusted"));
    sandbox.autonomy(["trust", "--yes", ".claude/settings.json"]).ok();
    assert_eq!(loaded(&sandbox), ["user", "project", "local"]);
    sandbox.write(".claude/settings.json", "{}");
    assert_eq!(loaded(&sandbox), ["user", "local"], "it is not the one that was trusted");
}
