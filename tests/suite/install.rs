//! What `init` writes for an agent client and `uninstall` takes out: hooks in its settings, agents, a skill, a plugin, scripts.

use std::{io::Write as _, os::unix::fs::symlink, process::Stdio};

use autonomy::{
    host::{clock::Clock, environment::Environment, workspace::Workspace},
    model::time::Timestamp,
    ops::setup::in_force,
};
use serde_json::{Value, json};

use crate::sandbox::{Output, Sandbox};

pub(crate) const LOCAL: &str = ".claude/settings.local.json";
pub(crate) const SHARED: &str = ".claude/settings.json";

/// A repository on a machine with a client of this version, and with the built program on its PATH.
pub(crate) fn with_client(version: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install("claude", &client(version));
    symlink(env!("CARGO_BIN_EXE_autonomy"), sandbox.base().join("bin/autonomy")).expect("writable");
    sandbox
}

/// A client that says its version and, where settings name our hooks, calls the one at which a conversation begins.
fn client(version: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$*\" in\n*--init-only*)\n  for file in .claude/settings.json .claude/settings.local.json; do\n    \
         if grep -qs '\"hook\"\\|autonomy hook' $file; then\n      \
         echo '{{\"hook_event_name\":\"SessionStart\"}}' | autonomy hook session-start\n    fi\n  done ;;\n\
         *) echo '{version} (Claude Code)' ;;\nesac\n"
    )
}

fn json_of(sandbox: &Sandbox, path: &str) -> Value {
    serde_json::from_str(&sandbox.read(path)).expect("JSON")
}

#[test]
fn init_gives_the_client_our_hooks_and_uninstall_takes_them_out_to_the_byte() {
    let sandbox = with_client("2.1.329");
    let mine = "{\n\t\"zeta\": 1.0,\n\t\"hooks\": {\n\t\t\"Stop\": [\n\t\t\t{\"hooks\": [{\"type\": \"command\", \"command\": \"say done\"}]}\n\t\t]\n\t}\n}";
    sandbox.write(LOCAL, mine);
    let dry = sandbox.autonomy(["init", "--dry-run"]).ok().stdout;
    assert!(dry.contains("+++ b/.claude/settings.local.json") && dry.contains("+\t\t\t\t\t\t\t\"stop\""), "{dry}");
    assert_eq!(sandbox.read(LOCAL), mine);
    sandbox.autonomy(["init"]).ok();
    let settings = json_of(&sandbox, LOCAL);
    let own = json!({ "hooks": [{ "type": "command", "command": "autonomy", "args": ["hook", "stop"], "timeout": 60 }] });
    assert_eq!(settings["hooks"]["Stop"][1], own);
    assert_eq!(settings["hooks"]["Stop"][0]["hooks"][0]["command"], "say done");
    assert!(settings["hooks"]["StopFailure"].is_array());
    assert_eq!(
        settings["hooks"]["PreToolUse"][0]["hooks"][0]["onFailure"], "block",
        "a guard that is silent lets nothing through"
    );
    let written = sandbox.read(LOCAL);
    assert!(sandbox.autonomy(["init"]).ok().stderr.contains("Everything is in place already"));
    assert_eq!(sandbox.read(LOCAL), written);
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert_eq!(sandbox.read(LOCAL), mine);
}

#[test]
fn a_client_of_long_ago_gets_what_it_knows_and_a_later_one_has_it_replaced() {
    let sandbox = with_client("2.0.77");
    sandbox.autonomy(["init"]).ok();
    let hooks = json_of(&sandbox, LOCAL)["hooks"].clone();
    let names: Vec<&String> = hooks.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        [
            "Notification",
            "PostToolUse",
            "PreCompact",
            "PreToolUse",
            "SessionEnd",
            "SessionStart",
            "Stop",
            "SubagentStop",
            "UserPromptSubmit"
        ]
    );
    assert_eq!(hooks["Stop"][0]["hooks"][0]["command"], "autonomy hook stop");
    sandbox.install("claude", &client("2.2.0"));
    sandbox.autonomy(["init"]).ok();
    let hooks = json_of(&sandbox, LOCAL)["hooks"].clone();
    assert_eq!(
        (hooks["Stop"].as_array().map(Vec::len), hooks["Stop"][0]["hooks"][0]["args"][1].as_str()),
        (Some(1), Some("stop"))
    );
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert!(!sandbox.exists(LOCAL), "the file was made for them");
}

#[test]
fn shared_hooks_are_for_every_client_and_stand_in_one_place() {
    let sandbox = with_client("2.1.329");
    sandbox.write(SHARED, "{\"model\": \"opus\"}\n");
    sandbox.autonomy(["init"]).ok();
    assert!(sandbox.exists(LOCAL));
    sandbox.autonomy(["init", "--shared"]).ok();
    assert!(!sandbox.exists(LOCAL), "the client would call each twice");
    let shared = json_of(&sandbox, SHARED);
    assert_eq!(shared["hooks"]["Stop"][0]["hooks"][0]["command"], "autonomy hook stop", "{shared}");
    assert!(shared["hooks"]["StopFailure"].is_null() && !sandbox.read(SHARED).contains("onFailure"));
    let written = sandbox.read(SHARED);
    sandbox.autonomy(["init"]).ok();
    assert_eq!((sandbox.read(SHARED), sandbox.exists(LOCAL)), (written, false));
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert_eq!(sandbox.read(SHARED), "{\"model\": \"opus\"}\n");
}

#[test]
fn settings_that_cannot_be_read_stop_init_before_it_writes() {
    let sandbox = with_client("2.1.329");
    sandbox.write(LOCAL, "{\n  // mine\n}\n");
    let refused = sandbox.autonomy(["init"]).ended(2);
    assert!(refused.stderr.contains("cannot read `.claude/settings.local.json`: line 2, column 3"), "{refused:?}");
    assert!(!sandbox.exists(".claude/.gitignore"));
}

#[test]
fn what_init_made_is_trusted_and_what_lay_there_before_still_waits() {
    let loaded = |sandbox: &Sandbox| {
        let state = sandbox.base().join("home/.local/state");
        let environment = Environment::given(sandbox.work(), &[("XDG_STATE_HOME", state.to_str().expect("a plain path"))]);
        let clock = Clock::fixed(Timestamp::from_millisecond(0).expect("in range"), 1);
        let workspace = Workspace::find(environment, clock).expect("a repository");
        in_force::client_settings(&workspace).expect("readable").contains(&"local")
    };
    let sandbox = with_client("2.1.329");
    let said = sandbox.autonomy(["init"]).ok().stderr;
    assert!(said.contains("Trusted client .claude/settings.local.json") && loaded(&sandbox), "{said}");
    let other = with_client("2.1.329");
    other.write(LOCAL, "{\"env\": {\"PATH\": \"/evil\"}}");
    let said = other.autonomy(["init"]).ok().stderr;
    assert!(said.contains("Waiting for `autonomy trust`: client .claude/settings.local.json") && !loaded(&other), "{said}");
}

#[test]
fn every_hook_that_init_writes_answers_as_the_client_calls_it() {
    for version in ["2.1.329", "1.0.128"] {
        let sandbox = with_client(version);
        sandbox.autonomy(["init"]).ok();
        sandbox.autonomy(["session", "start", "--force"]).ok();
        let settings = json_of(&sandbox, LOCAL);
        for (event, groups) in settings["hooks"].as_object().expect("an object") {
            let handler = &groups[0]["hooks"][0];
            let command = handler["command"].as_str().expect("text");
            let mut started = if let Some(words) = handler["args"].as_array() {
                let mut started = sandbox.program(sandbox.base().join("bin").join(command));
                started.args(words.iter().filter_map(Value::as_str));
                started
            } else {
                let mut started = sandbox.program("sh");
                started.args(["-c", command]);
                started
            };
            let mut child =
                started.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
            let payload = json!({ "session_id": "5e-1", "hook_event_name": event, "cwd": sandbox.work() });
            write!(child.stdin.take().expect("piped"), "{payload}").expect("it reads");
            let said = Output::from(&child.wait_with_output().expect("it ends"), &sandbox.base()).ok();
            assert_eq!(said.stderr, "", "{version} {event}");
            assert_eq!(!said.stdout.is_empty(), matches!(event.as_str(), "SessionStart" | "PreCompact"), "{version} {event}");
        }
    }
}

#[test]
fn init_writes_agents_and_a_skill_and_leaves_those_that_people_made() {
    let sandbox = with_client("2.1.329");
    let own = "---\nname: qa-engineer\ndescription: mine\n---\nMine alone.\n";
    sandbox.write(".claude/agents/qa-engineer.md", own);
    let said = sandbox.autonomy(["init"]).ok().stderr;
    assert!(said.contains("Wrote .claude/agents.yaml") && said.contains("files in .claude/agents/"), "{said}");
    let agents = std::fs::read_dir(sandbox.path(".claude/agents")).expect("there").count();
    assert_eq!(agents, 14);
    assert_eq!(sandbox.read(".claude/agents/qa-engineer.md"), own);
    let skill = sandbox.read(".claude/skills/autonomy/SKILL.md");
    assert!(skill.contains("name: autonomy\n") && skill.contains("Bash(autonomy task done *)"), "{skill}");
    for line in skill.lines().filter_map(|line| line.strip_prefix("- `")) {
        let words = line.split('`').next().expect("a command").split(' ').skip(1).chain(["--help"]);
        sandbox.autonomy(words.collect::<Vec<_>>()).ok();
    }
    let roster = sandbox.read(".claude/agents.yaml");
    sandbox.write(".claude/agents.yaml", roster.replace("title: Go Architect", "title: Gopher"));
    let page = sandbox.read(".claude/agents/go-architect.md");
    sandbox.write(".claude/agents/go-architect.md", format!("{page}\nMine as well.\n"));
    sandbox.autonomy(["init"]).ok();
    let page = sandbox.read(".claude/agents/go-architect.md");
    assert!(page.contains("You are the Gopher") && page.ends_with("\nMine as well.\n"), "{page}");
    assert!(sandbox.autonomy(["init"]).ok().stderr.contains("Everything is in place already"));
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert_eq!(sandbox.read(".claude/agents/qa-engineer.md"), own);
    assert!(sandbox.read(".claude/agents/go-architect.md").contains("Mine as well."));
    assert!(!sandbox.exists(".claude/agents/rust-architect.md") && !sandbox.exists(".claude/skills/autonomy/SKILL.md"));
    assert!(sandbox.exists(".claude/agents.yaml"), "a roster that somebody changed is theirs");
    sandbox.write(".claude/agents.yaml", "version: 1\nagents:\n  x: 3\n");
    let refused = sandbox.autonomy(["init"]).ended(2);
    assert!(refused.stderr.contains(".claude/agents.yaml"), "{refused:?}");
}

#[test]
fn claude_md_gets_a_part_on_request_and_loses_it_again() {
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["init"]).ok();
    assert!(!sandbox.exists("CLAUDE.md"));
    sandbox.write("CLAUDE.md", "# Mine\r\n\r\nNo tabs.\r\n");
    sandbox.autonomy(["init", "--claude-md"]).ok();
    let text = sandbox.read("CLAUDE.md");
    assert!(text.starts_with("# Mine\r\n\r\nNo tabs.\r\n") && text.contains("`autonomy context brief` says"), "{text}");
    assert!(sandbox.autonomy(["init"]).ok().stderr.contains("Everything is in place already"), "a part that is there is kept up");
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert_eq!(sandbox.read("CLAUDE.md"), "# Mine\r\n\r\nNo tabs.\r\n");
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["init", "--claude-md"]).ok();
    let text = sandbox.read("CLAUDE.md");
    for heading in
        ["## Overview", "## Agents", "## Stack", "## Rules", "## Commands", "## Known issues", "## Working with autonomy"]
    {
        assert!(text.contains(heading), "{heading} in {text}");
    }
}

#[test]
fn scripts_are_called_from_any_shell_with_and_without_a_payload() {
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["session", "start", "night shift", "--goal", "The parser takes every input"]).ok();
    sandbox.write("tools/other.sh", "mine");
    sandbox.autonomy(["init", "--scripts", "tools"]).ok();
    assert!(sandbox.autonomy(["init", "--scripts", "tools"]).ok().stderr.contains("Everything is in place already"));
    let shell = |script: &str| sandbox.run(sandbox.program("sh").args(["-c", script])).ok().stdout;
    // What a client hands over makes the words those for its agent; without it they are for whoever called.
    let payload = "<<E\n{\"hook_event_name\":\"PreCompact\",\"session_id\":\"5e55104a-1\",\"trigger\":\"auto\"}\nE";
    assert!(shell(&format!("tools/pre-compaction.sh {payload}")).starts_with("Everything that"));
    let told = shell(&format!("tools/post-compaction.sh {payload}"));
    assert!(told.starts_with("# Briefing") && told.contains("The parser takes every input"), "{told}");
    assert!(sandbox.autonomy(["compact", "show"]).ok().stdout.contains("(auto)"));
    let sealed = shell("tools/pre-compaction.sh </dev/null");
    assert!(sealed.starts_with("Sealed compaction 2 of session ") && sealed.contains("Everything that"), "{sealed}");
    let listed = shell("tools/post-compaction.sh </dev/null");
    assert!(listed.starts_with("Compaction 2 of session ") && listed.contains("present"), "{listed}");
    // A terminal is never waited for.
    let at_terminal = |name: &str| shell(&format!("script -qec tools/{name}-compaction.sh /dev/null </dev/null"));
    let typed = at_terminal("pre") + &at_terminal("post");
    assert!(typed.contains("Sealed compaction 3") && typed.contains("present"), "{typed}");
    // A client takes 2 for a veto.
    let unknown = shell(&format!("AUTONOMY_SESSION=nowhere tools/pre-compaction.sh {payload}\necho ended $?"));
    assert!(unknown.ends_with("ended 1\n"), "{unknown}");
    sandbox.write("tools/pre-compaction.sh", "#!/bin/sh\nmine\n");
    let refused = sandbox.autonomy(["init", "--scripts", "tools"]).ended(4);
    assert!(refused.stderr.contains("it is not ours"), "{refused:?}");
}

#[test]
fn a_plugin_has_the_same_hooks_which_stay_silent_where_settings_answer() {
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["init", "--plugin", "../plugin"]).ok();
    assert!(!sandbox.exists(".claude"), "the repository is left alone");
    let read = |path: &str| std::fs::read_to_string(sandbox.base().join("plugin").join(path)).expect("there");
    let hooks: Value = serde_json::from_str(&read("hooks/hooks.json")).expect("JSON");
    assert_eq!(hooks["hooks"]["Stop"][0]["hooks"][0]["args"], json!(["hook", "stop", "--plugin"]));
    assert!(!hooks.to_string().contains("onFailure"), "who has no `autonomy` is not stopped");
    assert!(read("skills/autonomy/SKILL.md").starts_with("---\nname: autonomy\n"));
    assert!(read("agents/rust-architect.md").contains("You are the Rust Architect"));
    let asks = |more: &str| {
        let payload =
            json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": { "command": "git push --force" } });
        let script = format!("echo '{payload}' | autonomy hook pre-tool-use {more}");
        sandbox.run(sandbox.program("sh").args(["-c", &script]))
    };
    assert!(asks("--plugin").ended(2).stderr.contains("force-push"));
    sandbox.autonomy(["init"]).ok();
    assert_eq!(asks("--plugin").ok().stderr, "", "the hook of the settings says it");
    assert!(asks("").ended(2).stderr.contains("force-push"));
}
