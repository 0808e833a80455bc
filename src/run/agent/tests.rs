//! The drivers, with small shell programs in place of agents.

#![expect(clippy::disallowed_methods, reason = "tests touch the machine")]

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::{
    host::environment::Environment,
    model::{
        process::Exit,
        refusal::Code,
        settings::{AgentProfile, PromptDelivery},
    },
    run::agent::{
        claude::{Claude, Given},
        command::Command,
    },
};

struct Trial {
    folder: tempfile::TempDir,
    variables: Variables,
    secrets: Secrets,
    stop: Stop,
    step: StepId,
    client: ClientId,
    task: TaskId,
}

impl Trial {
    fn new(name: &str) -> Self {
        let outer = [("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "outer"), ("ANTHROPIC_API_KEY", "key")];
        let path = std::env::var("PATH").expect("is set");
        let variables = Variables::inherited(&Environment::given(Path::new("/"), &outer)).with("PATH", path);
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            variables,
            secrets: Secrets::given([]),
            stop: Stop::default(),
            step: StepId::new(format!("{name}-{}", std::process::id())).expect("a plain name"),
            client: ClientId::new("11111111-2222-4333-8444-555555555555").expect("a plain name"),
            task: TaskId::new("20261120_180000-fix-it-k3x9").expect("a plain name"),
        }
    }

    fn attempt<'a>(&'a self, output: &'a Path) -> Attempt<'a> {
        Attempt {
            prompt: "make it \"green\"\nplease",
            directory: self.folder.path(),
            task: Some(&self.task),
            number: 2,
            step: &self.step,
            client: &self.client,
            resume: None,
            limit: Duration::from_secs(20),
            output,
            variables: &self.variables,
            secrets: &self.secrets,
            settings: &["user", "project"],
            stop: &self.stop,
            overhear: None,
        }
    }

    fn script(&self, text: &str) -> String {
        let path = self.folder.path().join("agent.sh");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("allows");
        path.to_string_lossy().into_owned()
    }

    fn run(&self, agent: &dyn Agent, change: impl FnOnce(&mut Attempt<'_>)) -> (Conclusion, Vec<Signal>) {
        let output = self.folder.path().join("output");
        let mut attempt = self.attempt(&output);
        change(&mut attempt);
        let mut signals = Vec::new();
        let conclusion = agent.attempt(&attempt, &mut |signal| {
            signals.push(signal);
            Ok(())
        });
        (conclusion.expect("it was watched"), signals)
    }

    fn command(&self, text: &str, prompt: PromptDelivery) -> Command {
        Command { profile: AgentProfile { program: self.script(text), prompt, ..AgentProfile::default() } }
    }

    fn claude(&self, text: &str) -> Claude {
        let profile = AgentProfile {
            program: self.script(text),
            model: Some("opus".into()),
            arguments: vec!["--max-turns".into(), "40".into()],
            allow: vec!["Bash(cargo test *)".into()],
            ..AgentProfile::default()
        };
        Claude { profile, verbs: vec!["task done".into()], own_program: "/opt/own/autonomy".into(), given: Given::default() }
    }
}

fn finished(summary: &str) -> Outcome {
    Outcome::Finished { summary: summary.into() }
}

#[test]
fn a_command_gets_the_prompt_by_stdin_argument_or_file() {
    let trial = Trial::new("prompt");
    for (script, delivery) in [
        ("cat >got; echo done", PromptDelivery::Stdin),
        ("printf '%s' \"$1\" >got; echo done", PromptDelivery::Argument),
        ("cat \"$1\" >got; echo done", PromptDelivery::File),
    ] {
        let (conclusion, signals) = trial.run(&trial.command(script, delivery), |_| {});
        assert_eq!(conclusion.outcome, finished("done"), "{delivery:?}");
        assert!(matches!(signals.as_slice(), [Signal::Started(_), Signal::Text(text)] if text == "done"), "{signals:?}");
        assert_eq!(fs::read_to_string(trial.folder.path().join("got")).expect("is there"), "make it \"green\"\nplease");
    }
    let mut command = trial.command("echo \"$2|$1\"", PromptDelivery::Argument);
    command.profile.arguments = vec!["--say={prompt}".into(), "last".into()];
    let (conclusion, _) = trial.run(&command, |attempt| attempt.prompt = "hi");
    assert_eq!(conclusion.outcome, finished("last|--say=hi"));
}

#[test]
fn a_command_knows_step_task_and_attempt_and_fails_by_its_exit_code() {
    let trial = Trial::new("marks");
    let script = "echo \"$AUTONOMY_STEP $AUTONOMY_TASK $AUTONOMY_ATTEMPT\" >&2; exit 9";
    let (conclusion, _) = trial.run(&trial.command(script, PromptDelivery::Stdin), |_| {});
    let why = format!("exit code 9: {} {} 2", trial.step, trial.task);
    assert_eq!(conclusion.outcome, Outcome::Failed { why });
    assert_eq!(fs::read_dir(trial.folder.path().join("output")).expect("kept").count(), 2, "agent.out and agent.err");
}

#[test]
fn a_missing_program_is_an_outcome_with_the_way_out() {
    let trial = Trial::new("gone");
    let profile = AgentProfile { program: "no-such-agent".into(), ..AgentProfile::default() };
    let (conclusion, signals) = trial.run(&Command { profile }, |_| {});
    let Outcome::Missing { refusal } = conclusion.outcome else { panic!("{conclusion:?}") };
    assert_eq!((refusal.code, refusal.hint.is_some(), signals.len()), (Code::Environment, true, 0));
    assert!(conclusion.finished.is_none());
}

#[test]
fn a_hanging_agent_is_ended_and_what_it_used_until_then_is_counted() {
    let trial = Trial::new("hangs");
    let line = r#"{"type":"assistant","session_id":"told","message":{"id":"m1","model":"opus","usage":{"input_tokens":7},"content":[]}}"#;
    let (conclusion, signals) = trial.run(&trial.claude(&format!("cat >/dev/null; echo '{line}'; sleep 60")), |attempt| {
        attempt.limit = Duration::from_millis(600);
    });
    assert_eq!((conclusion.outcome, conclusion.usage.total().input_tokens), (Outcome::TimedOut, 7));
    assert_eq!(conclusion.client.as_ref().map(ClientId::as_str), Some("told"));
    assert!(signals.contains(&Signal::Client(ClientId::new("told").expect("a plain name"))), "{signals:?}");
}

#[test]
fn claude_is_started_as_documented_and_without_an_outer_conversation() {
    let trial = Trial::new("starts");
    let script = r#"cat >got; for word; do echo "$word" >&2; done; env | grep -E '^(CLAUDE|ANTHROPIC|PATH|AUTONOMY|DISABLE|AI_)' | sed 's/^PATH=\([^:]*\):.*/PATH=\1:…/' | sort >env
echo '{"type":"result","is_error":false,"num_turns":3,"terminal_reason":"completed","result":"all done","modelUsage":{}}'"#;
    let (conclusion, _) = trial.run(&trial.claude(script), |_| {});
    assert_eq!(conclusion.outcome, finished("all done"));
    assert_eq!(fs::read_to_string(trial.folder.path().join("got")).expect("is there"), "make it \"green\"\nplease");
    let words = conclusion.finished.expect("ran").stderr.text().into_owned();
    insta::assert_snapshot!(words, @r#"
    --max-turns
    40
    -p
    --output-format
    stream-json
    --verbose
    --permission-mode
    dontAsk
    --settings
    {"permissions":{"allow":["Read","Edit","Write","Glob","Grep","Bash(autonomy task done *)","Bash(cargo test *)"]}}
    --setting-sources
    user,project
    --strict-mcp-config
    --session-id
    11111111-2222-4333-8444-555555555555
    --model
    opus
    "#);
    let env = fs::read_to_string(trial.folder.path().join("env")).expect("is there").replace(trial.step.as_str(), "STEP");
    insta::assert_snapshot!(env, @"
    ANTHROPIC_API_KEY=key
    AUTONOMY_ATTEMPT=2
    AUTONOMY_STEP=STEP
    AUTONOMY_TASK=20261120_180000-fix-it-k3x9
    CLAUDE_CODE_MAX_RETRIES=2
    DISABLE_AUTOUPDATER=1
    PATH=/opt/own:…
    ");
    let trusting = Claude {
        given: Given { servers: Some(r#"{"mcpServers":{}}"#.into()), plugin: Some("/opt/own/plugin".into()) },
        ..trial.claude(script)
    };
    let (conclusion, _) = trial.run(&trusting, |_| {});
    let words = conclusion.finished.expect("ran").stderr.text().into_owned();
    assert!(words.contains("--strict-mcp-config\n--plugin-dir\n/opt/own/plugin\n--mcp-config\n{\"mcpServers\":{}}\n"), "{words}");
    let (conclusion, _) =
        trial.run(&trial.claude(script), |attempt| attempt.resume = Some(const { &Usage(std::collections::BTreeMap::new()) }));
    let words = conclusion.finished.expect("ran").stderr.text().into_owned();
    assert!(words.contains("--resume\n11111111-2222-4333-8444-555555555555\n") && !words.contains("--session-id"), "{words}");
}

#[test]
fn a_client_that_floods_or_prints_garbage_is_still_understood() {
    let trial = Trial::new("floods");
    let script = r#"cat >/dev/null; head -c 300000 /dev/urandom; echo; yes '{"type":"noise"}' | head -n 20000; printf '{"type":"result","is_error":false,"num_turns":1,"result":"through"}'"#;
    let (conclusion, _) = trial.run(&trial.claude(script), |_| {});
    assert_eq!(conclusion.outcome, finished("through"));
}

#[test]
fn a_request_to_stop_ends_the_attempt() {
    let trial = Trial::new("stops");
    trial.stop.tell();
    let (conclusion, _) = trial.run(&trial.command("sleep 60", PromptDelivery::Stdin), |_| {});
    assert_eq!((conclusion.outcome, conclusion.finished.expect("ran").exit), (Outcome::Stopped, Exit::Stopped));
}
