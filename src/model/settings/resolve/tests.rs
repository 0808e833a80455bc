//! What people who write settings would notice.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn none(_: &str) -> Option<String> {
    None
}

fn toml(layer: Layer, text: &str) -> Document {
    let file = match layer {
        Layer::User => "~/.config/autonomy/config.toml",
        _ => ".claude/autonomy.toml",
    };
    Document::of_toml(layer, file, text).expect("it is TOML")
}

fn text(layer: Layer, name: &str, key: &str, value: &str) -> Document {
    Document::of_texts(layer, [(name.to_owned(), key.parse().expect("a key"), value.to_owned())])
}

fn repository(text: &str) -> Result<Resolved, Refusal> {
    resolve(vec![toml(Layer::Repository, text)], None, &none)
}

fn refused(text: &str) -> String {
    let refusal = repository(text).expect_err("it is wrong");
    match refusal.hint {
        Some(hint) => format!("{}\nhint: {hint}", refusal.message),
        None => refusal.message,
    }
}

fn from(resolved: &Resolved, key: &str) -> String {
    resolved.written(&key.parse().expect("a key")).first().map_or_else(String::new, |written| written.origin.from.clone())
}

#[test]
fn nothing_written_gives_the_defaults() {
    let resolved = resolve(Vec::new(), None, &none).expect("the defaults hold");
    assert_eq!(resolved.settings, Settings::default());
    assert_eq!(resolved.settings.run.max_hours.0.to_string(), "8h");
    assert_eq!(from(&resolved, "run.max_hours"), "built in");
}

#[test]
fn each_layer_is_stronger_than_the_one_before() {
    let all = || {
        vec![
            text(Layer::Flag, "--max-steps", "run.max_steps", "16"),
            text(Layer::Environment, "AUTONOMY_RUN__MAX_STEPS", "run.max_steps", "15"),
            text(Layer::Session, "session 20261120_180000", "run.max_steps", "14"),
            toml(Layer::Repository, "[run]\nmax_steps = 13"),
            Document::of_value(Layer::Founding, ".claude/orchestrator/config.yaml", &json!({"run": {"max_steps": 12}})),
            toml(Layer::User, "system.mode = \"full\"\n[run]\nmax_steps = 11"),
        ]
    };
    let steps = |documents: Vec<Document>| {
        let resolved = resolve(documents, None, &none).expect("all layers are good");
        (resolved.settings.run.max_steps.get(), from(&resolved, "run.max_steps"))
    };
    let expected = [
        (16, "--max-steps"),
        (15, "AUTONOMY_RUN__MAX_STEPS"),
        (14, "session 20261120_180000"),
        (13, ".claude/autonomy.toml:2:1"),
        (12, ".claude/orchestrator/config.yaml"),
        (11, "~/.config/autonomy/config.toml:3:1"),
    ];
    for (index, (value, whence)) in expected.into_iter().enumerate() {
        assert_eq!(steps(all().split_off(index)), (value, whence.to_owned()));
    }
    assert_eq!(steps(vec![toml(Layer::User, "system.mode = \"full\"")]), (1000, "preset `full`".to_owned()));
    assert_eq!(resolve(all(), None, &none).expect("good").written(&"run.max_steps".parse().expect("a key")).len(), 8);
}

#[test]
fn a_mistake_is_refused_where_it_stands() {
    insta::assert_snapshot!(refused("version = 1\n[run]\nmax_hour = 8\n"), @r"
    cannot read `.claude/autonomy.toml`: line 3, column 1: there is no setting `run.max_hour`
    3 | max_hour = 8
      | ^^^^^^^^
    hint: nearest: `run.max_hours`, `run.max_cost`, `run.max_tries`
    ");
    insta::assert_snapshot!(refused("[run]\n  max_steps = \"many\"\n"), @r#"
    cannot read `.claude/autonomy.toml`: line 2, column 15: `run.max_steps`: invalid type: string "many", expected a whole number from 1 up
    2 |   max_steps = "many"
      |               ^^^^^^
    "#);
    insta::assert_snapshot!(refused("run = 3\n"), @r"
    cannot read `.claude/autonomy.toml`: line 1, column 7: `run`: invalid type: integer `3`, expected a table
    1 | run = 3
      |       ^
    ");
    insta::assert_snapshot!(refused("[run]\nmax_steps = 0\n"), @r"
    cannot read `.claude/autonomy.toml`: line 2, column 13: `run.max_steps`: invalid value: integer `0`, expected a whole number from 1 up
    2 | max_steps = 0
      |             ^
    ");
    insta::assert_snapshot!(refused("[session]\ntimeout = 24\n"), @r"
    cannot read `.claude/autonomy.toml`: line 2, column 11: `session.timeout`: invalid type: integer `24`, expected a string
    2 | timeout = 24
      |           ^^
    ");
    insta::assert_snapshot!(refused("[gates.\"a b\"]\ncommand = \"x\"\n"), @r#"
    cannot read `.claude/autonomy.toml`: line 2, column 11: `gates."a b".command`: the gate `a b` may hold letters, digits, `.`, `_` and `-` only
    2 | command = "x"
      |           ^^^
    "#);
    insta::assert_snapshot!(refused("[gates.tests]\nkind = \"test\"\n"), @r#"
    cannot read `.claude/autonomy.toml`: line 2, column 8: `gates.tests.kind`: unknown variant `test`, expected one of `compiles`, `tests`, `performance`, `other`
    2 | kind = "test"
      |        ^^^^^^
    "#);
    insta::assert_snapshot!(refused("[gates.tests]\ntimeout = \"1m\"\n"), @".claude/autonomy.toml:2:1: the gate `tests` has no `command`");
    insta::assert_snapshot!(refused("[gates.tests]\n"), @".claude/autonomy.toml:1:8: the gate `tests` has no `command`");
    insta::assert_snapshot!(refused("[agents.mine]\ndriver = \"command\"\n"), @".claude/autonomy.toml:2:1: the agent `mine` has no `program`");
    insta::assert_snapshot!(refused("[run]\nagent = \"claud\"\n"), @r"
    .claude/autonomy.toml:2:1: there is no agent `claud`
    hint: nearest: `claude`
    ");
    insta::assert_snapshot!(refused("version = 2\n"), @r"
    cannot read `.claude/autonomy.toml`: line 1, column 11: this file has version 2; this program reads up to version 1
    1 | version = 2
      |           ^
    hint: a newer `autonomy` reads it
    ");
    insta::assert_snapshot!(refused("[profile.night]\nsystem.mode = \"full\"\n"), @r#"
    cannot read `.claude/autonomy.toml`: line 2, column 8: a profile cannot set this: profiles are chosen by it
    2 | system.mode = "full"
      |        ^^^^
    "#);
    insta::assert_snapshot!(refused("[profile.night.run]\nmax_stepz = 2\n"), @r"
    cannot read `.claude/autonomy.toml`: line 2, column 1: there is no setting `run.max_stepz`
    2 | max_stepz = 2
      | ^^^^^^^^^
    hint: nearest: `run.max_steps`, `run.max_cost`, `run.max_tries`
    ");
    insta::assert_snapshot!(refused("[run]\nagent = \"${AGENT}\"\n"), @r#"
    cannot read `.claude/autonomy.toml`: line 2, column 9: the variable `AGENT` is not set
    2 | agent = "${AGENT}"
      |         ^^^^^^^^^^
    "#);
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let refusal = |key: &str, value: &str| {
        resolve(vec![text(Layer::Environment, "AUTONOMY_X", key, value)], None, &none).expect_err("it is wrong").message
    };
    insta::assert_snapshot!(refusal("run.max_hour", "8"), @"AUTONOMY_X: there is no setting `run.max_hour`");
    insta::assert_snapshot!(refusal("run.max_steps", "lots"), @r#"AUTONOMY_X: `run.max_steps`: invalid type: string "lots", expected a whole number from 1 up"#);
}

#[test]
fn bare_text_takes_the_type_of_its_key() {
    let set =
        |key: &str, value: &str| resolve(vec![text(Layer::Environment, "X", key, value)], None, &none).expect("it fits").settings;
    assert_eq!(set("system.environment", "8").system.environment, "8");
    assert_eq!(set("run.max_hours", "2").run.max_hours.0, crate::model::time::Lapse::hours(2));
    assert_eq!(set("run.max_hours", "90m").run.max_hours.0.as_minutes(), 90);
    assert_eq!(set("agents.claude.allow", "[\"Read\"]").agents[&AgentName::new("claude").expect("a name")].allow, ["Read"]);
}

#[test]
fn a_profile_is_stronger_than_the_plain_keys_of_its_layer_only() {
    let user = "[profile.night.run]\nmax_steps = 50\nmax_tries = 9";
    let own = "[run]\nmax_steps = 20\n[profile.production.run]\nmax_hours = 1\n[profile.full.run]\nmax_hours = 3\n";
    let both = |profile| resolve(vec![toml(Layer::User, user), toml(Layer::Repository, own)], profile, &none);
    let night = both(Some("night")).expect("it is declared");
    assert_eq!((night.settings.run.max_steps.get(), night.settings.run.max_tries.get()), (20, 9));
    assert_eq!(night.profiles, ["night"]);
    // A mode is a preset and, when there is one, the profile of that name.
    let full = both(Some("full")).expect("a mode");
    assert_eq!((full.settings.run.max_hours.0.to_string().as_str(), full.settings.run.steps_without_progress.get()), ("3h", 5));
    // The environment chooses the profile of its name.
    let own = format!("system.environment = \"production\"\n{own}");
    let production = repository(&own).expect("good");
    assert_eq!(
        (production.settings.run.max_hours.0.to_string(), production.profiles),
        ("1h".to_owned(), vec!["production".to_owned()])
    );
    let unknown = both(Some("nigth")).expect_err("it is not declared");
    assert_eq!((unknown.message.as_str(), unknown.hint.as_deref()), ("there is no profile `nigth`", Some("nearest: `night`")));
}

#[test]
fn each_mode_has_its_bounds() {
    let bounds = |mode: &str| {
        let run = repository(&format!("system.mode = \"{mode}\"")).expect("a mode").settings.run;
        (run.max_hours.0.to_string(), run.max_steps.get(), run.max_tries.get(), run.steps_without_progress.get())
    };
    assert_eq!(bounds("supervised"), ("1h".to_owned(), 10, 2, 1));
    assert_eq!(bounds("professional"), ("8h".to_owned(), 100, 3, 3));
    assert_eq!(bounds("professional_autonomy"), bounds("professional"));
    assert_eq!(bounds("full"), ("24h".to_owned(), 1000, 3, 5));
}

#[test]
fn a_repository_never_lowers_what_protects_the_person() {
    let lowering = "[run]\nuncontained = true\n[branches]\nprotected = [\"release/*\"]\n";
    let resolved = repository(lowering).expect("it is only not honoured");
    assert!(!resolved.settings.run.uncontained);
    assert_eq!(
        resolved.settings.branches,
        crate::model::settings::Branches { protected: None, added: vec!["release/*".to_owned()] }
    );
    insta::assert_snapshot!(resolved.warnings.join("\n"), @".claude/autonomy.toml:2:1: `run.uncontained` is not honoured from here; only your own settings and `--uncontained` may lower containment");
    let environment = text(Layer::Environment, "AUTONOMY_RUN__UNCONTAINED", "run.uncontained", "true");
    assert!(!resolve(vec![environment], None, &none).expect("not honoured").settings.run.uncontained);
    let user = resolve(vec![toml(Layer::User, lowering)], None, &none).expect("the person's own word");
    assert!(user.settings.run.uncontained);
    assert_eq!(user.settings.branches.protected, Some(vec!["release/*".to_owned()]));
    // Being stricter than the person is always allowed.
    let stricter = resolve(vec![toml(Layer::User, lowering), toml(Layer::Repository, "run.uncontained = false")], None, &none);
    assert!(!stricter.expect("good").settings.run.uncontained);
}

#[test]
fn founding_keys_are_understood_or_named() {
    let founding = json!({
        "system": {"version": "2.0.0", "mode": "professional_autonomy", "environment": "production"},
        "performance": {"max_concurrent_workflows": 4, "max_parallel_skills": 2, "cache_size_mb": 512, "state_checkpoint_interval": 300, "connection_pool_size": 10},
    });
    let document = Document::of_value(Layer::Founding, ".claude/orchestrator/config.yaml", &founding);
    let resolved = resolve(vec![document], None, &none).expect("it is understood");
    assert_eq!(resolved.settings.performance.max_concurrent_workflows.get(), 4);
    assert_eq!(resolved.settings.checkpoints.interval, crate::model::time::Lapse::seconds(300));
    assert_eq!(resolved.settings.system.environment, "production");
    insta::assert_snapshot!(resolved.warnings.join("\n"), @r"
    .claude/orchestrator/config.yaml: `performance.cache_size_mb` has no effect: there is no cache to size: state is folded from files and derived data is rebuilt at any doubt
    .claude/orchestrator/config.yaml: `performance.connection_pool_size` has no effect: there is no database to connect to: state lies in files and git
    .claude/orchestrator/config.yaml: `performance.max_parallel_skills` has no effect: a run works on one step at a time and starts no skills beside it
    .claude/orchestrator/config.yaml: `system.version` has no effect: the format's version is the key `version`; the program's is `autonomy --version`
    ");
    let variable = text(
        Layer::Environment,
        "ORCHESTRATOR_PERFORMANCE__STATE_CHECKPOINT_INTERVAL",
        "performance.state_checkpoint_interval",
        "60",
    );
    let resolved = resolve(vec![variable], None, &none).expect("it is understood");
    assert_eq!(resolved.settings.checkpoints.interval, crate::model::time::Lapse::minutes(1));
}

#[test]
fn variables_are_replaced_but_never_shown() {
    let variable = |name: &str| (name == "MODEL").then(|| "s3cret-model".to_owned());
    let written = "[agents.claude]\nmodel = \"${MODEL}-$${x}\"\n[gates.t]\ncommand = \"echo ${HOME}\"\n";
    let resolved = resolve(vec![toml(Layer::Repository, written)], None, &variable).expect("the variable is set");
    let claude = &resolved.settings.agents[&AgentName::new("claude").expect("a name")];
    assert_eq!(claude.model.as_deref(), Some("s3cret-model-${x}"));
    assert_eq!(claude.program, "claude", "a part of a table leaves the rest as it is by default");
    assert_eq!(resolved.settings.gates.values().next().map(|gate| gate.command.to_string()).as_deref(), Some("echo ${HOME}"));
    let shown = resolved.tree(&"agents.claude.model".parse().expect("a key"));
    assert_eq!(shown, Some(json!("${MODEL}-$${x}")));
    let wrong = resolve(vec![toml(Layer::Repository, "[run]\nstep_timeout = \"${MODEL}\"")], None, &variable)
        .expect_err("no span of time");
    assert!(!wrong.message.contains("s3cret"), "{}", wrong.message);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_any_kind_makes_it_panic(text in "[a-z.=\\[\\]\"{}$\n0-9# ]{0,60}") {
        if let Ok(document) = Document::of_toml(Layer::Repository, "f", &text) {
            let _outcome = resolve(vec![document], None, &none);
        }
    }

    #[test]
    fn text_without_variables_is_left_alone(text in "[^$]{0,40}") {
        prop_assert_eq!(interpolate_text(&text, &none), Ok(text));
    }
}
