//! The figures of the requirements, and what holds for every ruling.

use proptest::prelude::*;
use serde::Deserialize;

use super::{
    case::Case,
    policy::{Policy, Preset},
};
use crate::model::{
    decision::{ChangeKind, Reversibility, Risk, Ruling, Topic},
    id::AgentName,
    roster::Roster,
    yaml,
};

const AUTONOMOUS: &str = "version: 1\npreset: autonomous\n";

fn shipped(preset: Preset) -> &'static str {
    match preset {
        Preset::Supervised => include_str!("../../../templates/authority/supervised.yaml"),
        Preset::Autonomous => include_str!("../../../templates/authority/autonomous.yaml"),
    }
}

fn policy(own: &str) -> Policy {
    Policy::read(Some(own), shipped).expect("it is well-formed")
}

fn refused(own: &str) -> String {
    let refusal = Policy::read(Some(own), shipped).expect_err("it is wrong");
    format!("{refusal}\nhint: {}", refusal.hint.as_deref().unwrap_or_default())
}

fn of_kind(kind: ChangeKind, risk: Risk) -> Case {
    Case { kind: Some(kind), risk, ..Case::default() }
}

fn roster() -> Roster {
    Roster::read(include_str!("../../../templates/agents.yaml")).expect("shipped")
}

#[test]
fn the_thirteen_rows_say_who_decides() {
    let table = |own: &str| {
        let policy = policy(own);
        let row = |kind: ChangeKind| {
            let at = |risk| policy.judge(&of_kind(kind, risk), None).ruling.word();
            format!("{:<22} {:<13} {:<13} {}", kind.word(), at(Risk::Low), at(Risk::Medium), at(Risk::High))
        };
        ChangeKind::ALL.map(row).join("\n")
    };
    insta::assert_snapshot!(table("version: 1\n"), @r#"
    code_style             act           act           person
    file_organisation      act           act_and_tell  person
    tests                  act           act_and_tell  person
    refactoring            act           act_and_tell  person
    performance            act           act_and_tell  person
    dependency_minor       act           act_and_tell  person
    dependency_major       architect     architect     person
    technology             architect     architect     person
    api_design             person        person        person
    database_schema        architect     person        person
    security_approach      person        person        person
    major_architecture     person        person        person
    production_deployment  person        person        person
    "#);
    insta::assert_snapshot!(table(AUTONOMOUS), @r#"
    code_style             act           act           act_and_tell
    file_organisation      act           act           act_and_tell
    tests                  act           act           act_and_tell
    refactoring            act           act           architect
    performance            act           act           architect
    dependency_minor       act           act           architect
    dependency_major       architect     architect     person
    technology             act_and_tell  architect     person
    api_design             act_and_tell  architect     person
    database_schema        architect     architect     person
    security_approach      architect     architect     person
    major_architecture     architect     person        person
    production_deployment  person        person        person
    "#);
}

#[test]
fn the_nine_rules_demand_a_person_and_say_how_much_can_go_wrong() {
    let policy = policy(AUTONOMOUS);
    let low = Case::default;
    let cases = [
        ("production deployment", Risk::High, Case { topic: Some(Topic::Deployment), production: true, ..low() }),
        ("security change above medium", Risk::Critical, Case { topic: Some(Topic::Security), risk: Risk::High, ..low() }),
        ("deletion of more than 1000 records", Risk::High, Case { deleted_records: 1_001, ..low() }),
        ("cost above 100", Risk::Medium, Case { cost: 100.01, ..low() }),
        ("system-wide architecture", Risk::High, Case { topic: Some(Topic::Architecture), system_wide: true, ..low() }),
        ("breaking change", Risk::High, Case { breaking: true, ..low() }),
        ("compliance", Risk::Critical, Case { compliance: true, ..low() }),
        ("performance loss above 20 percent", Risk::Medium, Case { performance_loss: 20.1, ..low() }),
        ("unusual and not sure", Risk::Low, Case { unusual: true, confidence: Some(0.69), ..low() }),
    ];
    for (name, risk, case) in cases {
        let judged = policy.judge(&case, None);
        assert_eq!((judged.ruling, judged.risk), (Ruling::Person, risk), "{name}");
        assert!(judged.steps.iter().any(|step| step.what == format!("rule `{name}`")), "{:?}", judged.steps);
    }
    let just_under = [
        Case { deleted_records: 1_000, ..low() },
        Case { cost: 100.0, ..low() },
        Case { performance_loss: 20.0, ..low() },
        Case { unusual: true, confidence: Some(0.7), ..low() },
        Case { topic: Some(Topic::Deployment), ..low() },
    ];
    for case in just_under {
        assert_eq!(policy.judge(&case, None).ruling, Ruling::Act, "{case:?}");
    }
}

#[test]
fn the_table_of_permissions_for_structure_speed_and_small_dependencies_leaves_them_to_agents() {
    let policy = policy("version: 1\n");
    let small = Case { dependency_size: 9.9, ..of_kind(ChangeKind::DependencyMinor, Risk::Low) };
    assert_eq!(policy.judge(&small, None).ruling, Ruling::Act);
    let large = Case { dependency_size: 10.0, ..small };
    assert_eq!(policy.judge(&large, None).ruling, Ruling::Architect);
    assert_eq!(policy.judge(&of_kind(ChangeKind::SecurityApproach, Risk::Low), None).ruling, Ruling::Person);
}

#[test]
fn a_ruling_names_its_rule_its_file_and_its_line() {
    let own = "version: 1\npreset: autonomous\nmatrix:\n  - { kind: tests, agent: junior, low: architect, medium: person, high: person, critical: deny }\nrules:\n  - name: money\n    if: cost > 5\n    demand: deny\n";
    let policy = policy(own);
    let junior = Case { agent: Some(AgentName::new("junior").expect("plain")), ..of_kind(ChangeKind::Tests, Risk::Low) };
    let judged = policy.judge(&junior, None);
    assert_eq!(judged.ruling, Ruling::Architect);
    let step = judged.decisive().expect("one");
    assert_eq!((step.what.as_str(), step.place().as_str()), ("tests, agent junior at low risk", ".claude/authority.yaml:4"));
    let judged = policy.judge(&Case { cost: 6.0, ..Case::default() }, None);
    assert_eq!(judged.ruling, Ruling::Deny);
    assert_eq!(judged.decisive().expect("one").place(), ".claude/authority.yaml:6");
}

#[test]
fn an_agent_decides_no_more_than_the_roster_says() {
    let (policy, roster) = (policy(AUTONOMOUS), roster());
    let as_agent = |name: &str, case: Case| {
        let agent = Some(AgentName::new(name).expect("plain"));
        policy.judge(&Case { agent, ..case }, Some(&roster)).ruling
    };
    let documentation = roster.agents.iter().find(|(_, agent)| !agent.authority.says(crate::model::roster::Term::MediumRisk));
    let (limited, _) = documentation.expect("one of the fourteen decides only what is of low risk");
    assert_eq!(as_agent(limited.as_str(), of_kind(ChangeKind::Tests, Risk::Low)), Ruling::Act);
    assert_eq!(as_agent(limited.as_str(), of_kind(ChangeKind::Tests, Risk::Medium)), Ruling::Architect);
    assert_eq!(as_agent(limited.as_str(), of_kind(ChangeKind::Tests, Risk::High)), Ruling::Person);
}

#[test]
fn a_preset_s_rule_is_left_out_only_by_its_name() {
    let without = policy("version: 1\npreset: autonomous\nwithout: [cost above 100]\n");
    assert_eq!(without.judge(&Case { cost: 500.0, ..Case::default() }, None).ruling, Ruling::Act);
    insta::assert_snapshot!(refused("version: 1\nwithout:\n  - cost above 10\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3: the preset has no rule `cost above 10`
    hint: nearest: `cost above 100`
    "#);
}

#[test]
fn rules_that_are_wrong_are_refused_with_their_line() {
    insta::assert_snapshot!(refused("version: 1\nrules:\n  - name: a\n    if: cots > 1\n    demand: person\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3: the rule `a`: the expression `cots > 1` names `cots`, which is not known
    hint: nearest: `cost`
    "#);
    let uncomputed = refused("version: 1\nrules:\n  - name: a\n    if: kind|upper == \"A\"\n    demand: person\n");
    assert!(uncomputed.contains("line 3: the rule `a`: the expression") && uncomputed.contains("filter upper is unknown"));
    insta::assert_snapshot!(refused("version: 1\nrules:\n  - name: a\n    if: cost > 1\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3: the rule `a` says neither `risk:` nor `demand:`
    hint:
    "#);
    insta::assert_snapshot!(refused("version: 1\nrules:\n  - name: compliance\n    if: cost > 1\n    demand: person\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3: there is another rule `compliance`
    hint: `without:` leaves a rule of the preset out; then yours takes its place
    "#);
    insta::assert_snapshot!(refused("version: 1\nmatrix:\n  - { low: person, medium: act, high: person, critical: person }\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3: more risk demands less
    hint:
    "#);
    insta::assert_snapshot!(refused("version: 1\nmatrix:\n  - { kind: test, low: act, medium: act, high: act, critical: act }\n"), @r#"
    cannot read `.claude/authority.yaml`: line 3, column 13: unknown variant `test`, expected one of code_style, file_organisation, tests, refactoring, performance, dependency_minor, dependency_major, technology, api_design, database_schema, security_approach, major_architecture, production_deployment
      |
    1 | version: 1
    2 | matrix:
    3 |   - { kind: test, low: act, medium: act, high: act, critical: act }
      |             ^ unknown variant `test`, expected one of code_style, file_organisation, tests, refactoring, performance, dependency_minor, dependency_major, technology, api_design, database_schema, security_approach, major_architecture, production_deployment
    hint: nearest: `tests`
    "#);
    insta::assert_snapshot!(refused("version: 9\n"), @r#"
    `.claude/authority.yaml` is of version 9, and this program knows 1
    hint: install the later version of autonomy; nothing was changed
    "#);
}

#[test]
fn a_rule_that_cannot_be_computed_demands_a_person() {
    let policy =
        policy("version: 1\npreset: autonomous\nrules:\n  - name: odd\n    if: kind != \"\" and kind + 1 > 2\n    risk: low\n");
    assert_eq!(policy.judge(&Case::default(), None).ruling, Ruling::Act);
    let judged = policy.judge(&of_kind(ChangeKind::Tests, Risk::Low), None);
    assert_eq!(judged.ruling, Ruling::Person);
    assert!(judged.decisive().expect("one").what.starts_with("rule `odd`, which cannot be computed: "), "{judged:?}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenarios {
    #[serde(rename = "version")]
    _version: u64,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    from: Option<String>,
    name: String,
    case: Case,
    person: bool,
    #[serde(rename = "why")]
    _why: String,
}

/// Of the scenarios: how many wait for a person, of those how many have to, how many for an architect, and what a person had
/// to see and does not.
fn measured(own: &str, scenarios: &[Scenario]) -> (usize, usize, usize, Vec<String>) {
    let policy = policy(own);
    let rulings: Vec<(Ruling, &Scenario)> = scenarios.iter().map(|it| (policy.judge(&it.case, None).ruling, it)).collect();
    let asked = rulings.iter().filter(|(ruling, _)| *ruling >= Ruling::Person).count();
    let rightly = rulings.iter().filter(|(ruling, it)| *ruling >= Ruling::Person && it.person).count();
    let architect = rulings.iter().filter(|(ruling, _)| *ruling == Ruling::Architect).count();
    let through = rulings.iter().filter(|(ruling, it)| ruling.is_free() && it.person).map(|(_, it)| it.name.clone()).collect();
    (asked, rightly, architect, through)
}

#[test]
fn of_a_hundred_decisions_five_reach_a_person_and_those_that_have_to() {
    let text = include_str!("../../../fixtures/authority/scenarios.yaml");
    let scenarios = yaml::read::<Scenarios>("scenarios.yaml", text).expect("well-formed").scenarios;
    let real = scenarios.iter().filter(|it| it.from.is_some()).count();
    assert!(scenarios.len() >= 100 && real * 2 >= scenarios.len());
    let shares =
        [AUTONOMOUS, "version: 1\npreset: autonomous\nconfidence: strict\n", "version: 1\n", "version: 1\nconfidence: strict\n"];
    let shares = shares.map(|own| measured(own, &scenarios));
    let (asked, rightly, _, through) = &shares[0];
    assert!(*asked <= 5 && rightly * 10 >= asked * 9 && through.is_empty(), "{shares:?}");
    let words = shares.map(|(asked, rightly, architect, through)| {
        format!("person {asked}, rightly {rightly}, architect {architect}, missed {}", through.len())
    });
    insta::assert_snapshot!(words.join("\n"), @r"
    person 5, rightly 5, architect 0, missed 0
    person 17, rightly 5, architect 0, missed 0
    person 8, rightly 5, architect 9, missed 0
    person 16, rightly 5, architect 9, missed 0
    ");
}

#[test]
fn caution_demands_a_person_of_whom_the_rules_let_act_and_never_less() {
    let strict = policy("version: 1\npreset: autonomous\nconfidence: strict\n");
    let unsure = Case { confidence: Some(0.9499), ..Case::default() };
    let judged = strict.judge(&unsure, None);
    assert_eq!(
        (judged.ruling, judged.decisive().expect("one").what.as_str()),
        (Ruling::Person, "confidence: less than 95 % sure")
    );
    assert_eq!(strict.judge(&Case { confidence: Some(0.95), ..Case::default() }, None).ruling, Ruling::Act);
    let high = Case { confidence: Some(0.79), ..of_kind(ChangeKind::Tests, Risk::High) };
    assert_eq!(policy(AUTONOMOUS).judge(&high, None).ruling, Ruling::Person);
    assert_eq!(policy(AUTONOMOUS).judge(&Case { confidence: Some(0.8), ..high }, None).ruling, Ruling::ActAndTell);
}

fn case() -> impl Strategy<Value = Case> {
    let risk = prop::sample::select(vec![Risk::Low, Risk::Medium, Risk::High, Risk::Critical]);
    let kind = prop::option::of(prop::sample::select(ChangeKind::ALL.to_vec()));
    let topic =
        prop::option::of(prop::sample::select(vec![Topic::Security, Topic::Deployment, Topic::Data, Topic::Architecture]));
    let back = prop::sample::select(vec![Reversibility::Reversible, Reversibility::Costly, Reversibility::Irreversible]);
    let flags = any::<[bool; 6]>();
    let figures = (0.0..200.0, 0..2_000_u64, 0.0..20.0, 0.0..40.0, prop::option::of(0.0..1.0));
    (risk, kind, topic, back, flags, figures).prop_map(|(risk, kind, topic, reversibility, flags, figures)| Case {
        kind,
        topic,
        risk,
        reversibility,
        breaking: flags[0],
        compliance: flags[1],
        production: flags[2],
        protected_branch: flags[3],
        system_wide: flags[4],
        unusual: flags[5],
        cost: figures.0,
        deleted_records: figures.1,
        dependency_size: figures.2,
        performance_loss: figures.3,
        confidence: figures.4,
        ..Case::default()
    })
}

/// The same case with one thing worse.
fn worse(case: &Case, which: usize) -> Case {
    let mut worse = case.clone();
    match which {
        0 => {
            worse.risk = match case.risk {
                Risk::Low => Risk::Medium,
                Risk::Medium => Risk::High,
                Risk::High | Risk::Critical => Risk::Critical,
            }
        }
        1 => worse.breaking = true,
        2 => worse.compliance = true,
        3 => worse.production = true,
        4 => worse.protected_branch = true,
        5 => worse.system_wide = true,
        6 => worse.unusual = true,
        7 => worse.cost *= 2.0,
        8 => worse.deleted_records *= 2,
        9 => worse.dependency_size *= 2.0,
        10 => worse.performance_loss *= 2.0,
        11 => worse.reversibility = Reversibility::Irreversible,
        _ => worse.confidence = Some(case.confidence.unwrap_or(0.5) / 2.0),
    }
    worse
}

proptest! {
    #[test]
    fn what_is_worse_never_demands_less(case in case(), which in 0..13_usize, autonomous in any::<bool>()) {
        let policy = policy(if autonomous { AUTONOMOUS } else { "version: 1\n" });
        let (before, after) = (policy.judge(&case, None), policy.judge(&worse(&case, which), None));
        prop_assert!(before.ruling <= after.ruling && before.risk <= after.risk, "{:?} {:?}", before, after);
    }

    #[test]
    fn a_rule_more_never_lowers_a_ruling(case in case(), demand in prop::sample::select(vec!["act", "architect", "person", "deny"])) {
        let more = policy(&format!("{AUTONOMOUS}rules:\n  - name: more\n    if: cost > 50 or breaking\n    demand: {demand}\n"));
        let (before, after) = (policy(AUTONOMOUS).judge(&case, None), more.judge(&case, None));
        prop_assert!(before.ruling <= after.ruling, "{:?} {:?}", before, after);
    }

    #[test]
    fn an_agent_of_the_roster_never_decides_more_than_one_without_a_role(case in case(), which in 0..14_usize) {
        let (policy, roster) = (policy(AUTONOMOUS), roster());
        let name = roster.agents.keys().nth(which).expect("fourteen").clone();
        let limited = policy.judge(&Case { agent: Some(name), ..case.clone() }, Some(&roster));
        prop_assert!(policy.judge(&case, None).ruling <= limited.ruling);
    }
}
