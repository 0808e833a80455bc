//! The guard: rulings over tables of commands, over what agents do in a real repository, and over what they do every day.

mod machine;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use autonomy::{
    host::source::shell,
    model::guard::{
        Finding, Rule, Ruling, Verdict,
        command::{self, Sight},
        path::{Ground, Place, matches},
    },
};
use serde::Deserialize;

const HOME: &str = "/home/dev";
const ROOT: &str = "/home/dev/project";

/// `fixtures/guard/commands.yaml`.
#[derive(Deserialize)]
struct Table {
    files: BTreeSet<String>,
    links: BTreeMap<String, String>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    why: String,
    is: Verdict,
    rule: Option<Rule>,
    commands: Vec<String>,
}

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/guard").join(name)).unwrap()
}

impl Table {
    fn read() -> Self {
        serde_saphyr::from_str(&fixture("commands.yaml")).unwrap()
    }

    fn resolve(&self, path: &str) -> Place {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut real = String::new();
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => real.truncate(real.rfind('/').unwrap_or(0)),
                name => real = format!("{real}/{name}"),
            }
            let root_of_process = real.starts_with("/proc/") && real.ends_with("/root") && real.matches('/').count() == 3;
            if let Some(target) = self.links.get(&real).cloned().or_else(|| root_of_process.then(|| "/".to_owned())) {
                real.truncate(if target.starts_with('/') { 0 } else { real.rfind('/').unwrap_or(0) });
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        let real = if real.is_empty() { "/".to_owned() } else { real };
        let exists = self.files.iter().any(|file| file == &real || file.starts_with(&format!("{}/", real.trim_end_matches('/'))));
        Place { exists, real, also: Vec::new() }
    }

    fn judge(&self, text: &str) -> Ruling {
        let ground = Ground {
            root: ROOT.to_owned(),
            git: format!("{ROOT}/.git"),
            common: format!("{ROOT}/.git"),
            home: Some(HOME.to_owned()),
            open: vec!["/tmp".to_owned(), "/var/tmp".to_owned()],
            ..Ground::default()
        };
        let sight = Sight {
            read: &shell::read,
            variable: &|name| {
                [("HOME", HOME), ("CLAUDE_PROJECT_DIR", ROOT)].into_iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
            },
            resolve: &|path| self.resolve(path),
            expand: &|pattern| {
                let whole = self.resolve(pattern).real;
                self.files.iter().filter(|file| matches(&whole, file)).cloned().collect()
            },
            thrown: &|_, _| Some(Finding::deny(Rule::UnsavedWork, "work would go", "`autonomy checkpoint`")),
            secret: &|_| None,
        };
        command::judge(text, ROOT, &ground, &sight)
    }
}

#[test]
fn every_command_of_the_table_gets_its_ruling() {
    let table = Table::read();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for group in &table.groups {
        for text in &group.commands {
            count += 1;
            let ruling = table.judge(text);
            let rules: Vec<&str> = ruling.findings.iter().map(|finding| finding.rule.name()).collect();
            let named = group.rule.is_none_or(|rule| {
                ruling.findings.iter().any(|finding| finding.rule == rule && finding.verdict == ruling.verdict)
            });
            if ruling.verdict != group.is || !named {
                wrong.push(format!("{}: `{text}` is {:?} by {rules:?} {:?}", group.why, ruling.verdict, ruling.notes));
            }
            for finding in &ruling.findings {
                assert!(!finding.reason.is_empty() && !finding.next.is_empty(), "`{text}` says why and what next");
                assert!(!finding.reason.contains('\u{fffc}'), "{}", finding.reason);
            }
        }
    }
    assert!(count >= 300, "{count} commands");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_ordinary_command_is_held_up() {
    let table = Table::read();
    let text = fixture("ordinary.txt");
    let (single, several) = text.split_once("%%\n").unwrap();
    let commands: Vec<&str> = single.lines().chain(several.split("%%\n").filter(|text| !text.is_empty())).collect();
    assert!(commands.len() >= 1000, "{} commands", commands.len());
    let held: Vec<String> = commands
        .iter()
        .map(|text| (text, table.judge(text)))
        .filter(|(_, ruling)| ruling.verdict != Verdict::Allow || !ruling.notes.is_empty())
        .map(|(text, ruling)| format!("`{text}`: {} {:?}", ruling.words(), ruling.notes))
        .collect();
    assert!(held.is_empty(), "{} of {}:\n{}", held.len(), commands.len(), held.join("\n"));
}
