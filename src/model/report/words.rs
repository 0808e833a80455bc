//! A report's figures in words, for its template and for one screen.

use serde::Serialize;

use crate::model::{
    report::{Changed, GateReport, Report, Standing},
    settings::GateKind,
};

/// What a template needs besides the report's own values: figures in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    span: String,
    changed: String,
    tests: String,
    performance: String,
    coverage: String,
    gates: Vec<String>,
    cost: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
    completion: String,
}

impl Words {
    /// The figures of `report` in words.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let of_kind = |kind: GateKind| {
            let words: Vec<String> = report
                .gates
                .iter()
                .filter(|gate| gate.kind == kind)
                .map(|gate| format!("{} {}", gate.gate, gate.words()))
                .collect();
            if words.is_empty() { NOT_MEASURED.to_owned() } else { words.join("; ") }
        };
        let other = report.gates.iter().filter(|gate| matches!(gate.kind, GateKind::Compiles | GateKind::Other));
        let coverage = report.gates.iter().find(|gate| gate.gate.as_str().contains("coverage"));
        let until = match (&report.headway, report.completion) {
            (Some(headway), _) if headway.is_over() => "all tasks are done".to_owned(),
            (_, Some(completion)) => format!("{}Z at the pace of this session", completion.minute()),
            (Some(_), None) => "not known before the first finished task".to_owned(),
            (None, None) => "no tasks".to_owned(),
        };
        let worked = report.worked.map_or(String::new(), |worked| format!(", worked {}", worked.to_the_minute()));
        Self {
            span: format!(
                "{}Z to {}Z ({}{worked})",
                report.since.minute(),
                report.until.minute(),
                report.duration.to_the_minute()
            ),
            changed: report.changed.words(),
            tests: of_kind(GateKind::Tests),
            performance: of_kind(GateKind::Performance),
            coverage: coverage.map_or(NOT_MEASURED.to_owned(), GateReport::words),
            gates: other.map(|gate| format!("Gate {}: {}", gate.gate, gate.words())).collect(),
            cost: report.usage.dollars(),
            memory: report.memory.words(),
            completion: until,
        }
    }
}

const NOT_MEASURED: &str = "not measured";

impl Changed {
    /// The figures in one line.
    #[must_use]
    pub fn words(&self) -> String {
        let count = |number: usize, thing: &str| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
        let tests = match self.tests_added {
            0 => "as many tests as before".to_owned(),
            1 => "1 test added".to_owned(),
            more if more > 0 => format!("{more} tests added"),
            fewer => format!("{} tests fewer", fewer.unsigned_abs()),
        };
        let commits = self.commits.len() + self.commits_more;
        let state = if self.state_commits > 0 { format!(" (and {} of state)", self.state_commits) } else { String::new() };
        let uncommitted =
            if self.uncommitted > 0 { format!("; {} in no commit", count(self.uncommitted, "file")) } else { String::new() };
        format!(
            "{}, +{} -{} lines, {tests}, {}{state}{uncommitted}",
            count(self.files, "file"),
            self.insertions,
            self.deletions,
            count(commits, "commit")
        )
    }
}

impl GateReport {
    /// The answer in words.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.verdict, self.at, self.standing) {
            (Some(verdict), Some(at), Standing::Holds) => format!("{} at {}Z, holds", verdict.word(), at.minute()),
            (Some(verdict), Some(at), Standing::Stale | Standing::Never) => {
                format!("{} at {}Z, for an earlier tree", verdict.word(), at.minute())
            }
            (_, _, Standing::Holds | Standing::Stale | Standing::Never) => "not run".to_owned(),
        }
    }
}
