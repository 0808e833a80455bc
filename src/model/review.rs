//! What a reviewer of a range of commits is told of its decisions, and what is wrong with them.
//!
//! The records of the range say it all: no log is needed, so that it works in any clone.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    decision::{Decision, Risk, Status},
    document::Document,
    markdown, quote,
    risk::{Change, Reason},
};

/// The most lines of decisions in a digest; what is over is counted.
const MAX_LINES: usize = 30;

/// The most characters of a line of a digest.
const MAX_LINE: usize = 300;

/// A decision of a range, with its file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says.
    pub decision: Decision,
    /// Its file.
    pub document: Document,
}

/// What keeps a range from being merged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The file.
    pub path: String,
    /// The line, from 1; none where it is about the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub words: String,
}

/// The part of a pull request's text that tells of decisions: those that wait for a person first, then those that a person was to
/// approve or that can go wrong badly, then the rest, one line each.
#[must_use]
pub fn digest(decisions: &[Decision]) -> String {
    let mut text = "## Decisions\n".to_owned();
    let mut parts: BTreeMap<Part, Vec<&Decision>> = BTreeMap::new();
    for decision in decisions {
        parts.entry(Part::of(decision)).or_default().push(decision);
    }
    if decisions.is_empty() {
        text.push_str("\nNone was taken or changed.\n");
    }
    let mut left = MAX_LINES;
    for (kind, mut part) in parts {
        part.sort_by_key(|decision| (Reverse(decision.risk), &decision.id));
        text.push_str(&format!("\n### {} ({})\n\n", kind.heading(), part.len()));
        let shown = part.len().min(left);
        left -= shown;
        for decision in &part[..shown] {
            text.push_str(&line(decision));
        }
        if part.len() > shown {
            text.push_str(&format!("- {} more below `.claude/decisions/`\n", part.len() - shown));
        }
    }
    text
}

/// A part of a digest, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Waits,
    Gone,
    Weighty,
    Taken,
}

impl Part {
    fn of(decision: &Decision) -> Self {
        match decision.status {
            Status::Proposed => Self::Waits,
            Status::Rejected | Status::Superseded => Self::Gone,
            Status::Accepted if decision.risk >= Risk::High || asks_somebody(decision) => Self::Weighty,
            Status::Accepted => Self::Taken,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Waits => "Wait for a person",
            Self::Gone => "Rejected or replaced",
            Self::Weighty => "To look at",
            Self::Taken => "Taken",
        }
    }
}

fn asks_somebody(decision: &Decision) -> bool {
    decision.ruled.as_ref().is_some_and(|ruled| !ruled.ruling.is_free())
}

fn line(decision: &Decision) -> String {
    let choice = decision.choice.as_ref().map_or(String::new(), |choice| format!(": {}", markdown::one_line(choice)));
    let reason = decision.reason.as_ref().map_or(String::new(), |reason| format!(" — {}", markdown::one_line(reason)));
    let by = decision.by.as_ref().map_or(String::new(), |by| format!(", {by}"));
    let words = quote::line(&format!("{choice}{reason}"), MAX_LINE);
    format!("- **{}**{words} ({} risk{by}; `{}`)\n", quote::line(&decision.title, MAX_LINE), decision.risk, decision.id)
}

/// What is wrong with the decisions of a range, and what of its change no decision covers: what `reasons` say is of medium risk or
/// more needs one that holds, is about one of the paths, and does not make less of it. What is of such a risk only as a `whole` needs
/// any that holds.
#[must_use]
pub fn faults(entries: &[Entry], reasons: &[Reason], whole: Risk) -> Vec<Fault> {
    let mut faults: Vec<Fault> = entries.iter().flat_map(wrong).collect();
    faults
        .extend(reasons.iter().filter(|reason| reason.at_least >= Risk::Medium).filter_map(|reason| uncovered(entries, reason)));
    if faults.is_empty() && whole >= Risk::Medium && !entries.iter().any(holds) {
        let words = format!("the change as a whole is of {whole} risk, and no decision says why: `autonomy decide \"<title>\"`");
        faults.push(Fault { path: ".".to_owned(), line: None, words });
    }
    faults.sort();
    faults.dedup();
    faults
}

/// How many digits of a blob's id stand for its content: so many that nobody finds another content with the same ones.
const BLOB: usize = 24;

/// Something in a change of a task that needs a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What was found, how much of it, where, and what stands there now: as a decision says that was asked for it.
    pub words: String,
    /// Its paths.
    pub paths: Vec<String>,
}

/// What of a change no decision covers that holds: what is of medium risk or more, or the change as a whole where nothing in it is by
/// itself. A decision covers what lies on its paths when it says at least the risk of the `whole`; one that was asked for what was
/// found covers exactly that content, so that what was changed after a person looked at it is asked about again.
#[must_use]
pub fn undeclared(decisions: &[&Decision], change: &Change, reasons: &[Reason], whole: Risk) -> Vec<Piece> {
    if whole < Risk::Medium {
        return Vec::new();
    }
    let size = |path: &String| {
        let Some(file) = change.files.iter().find(|file| file.path == *path) else { return format!("`{path}`") };
        let blob = file.blob.as_ref().map_or_else(String::new, |blob| format!(", {}", &blob.as_str()[..BLOB]));
        format!("`{path}` (+{} -{}{blob})", file.added, file.removed)
    };
    let piece = |words: &str, paths: Vec<String>| {
        let places: Vec<String> = paths.iter().map(size).collect();
        Piece { words: format!("{words}: {}", places.join(", ")), paths }
    };
    let weighty = reasons.iter().filter(|reason| reason.at_least >= Risk::Medium);
    let mut pieces: Vec<Piece> = weighty.map(|reason| piece(&reason.words, reason.paths.clone())).collect();
    if pieces.is_empty() {
        let files = change.files.iter().map(|file| file.path.clone()).take(MAX_LINES).collect();
        pieces.push(piece(&format!("the change as a whole is of {whole} risk"), files));
    }
    pieces.retain(|piece| !decisions.iter().any(|decision| piece.is_asked_by(decision)));
    let declared = || decisions.iter().filter(|decision| decision.by != Some(Actor::Autonomy) && decision.risk >= whole);
    pieces.retain(|piece| !piece.paths.iter().all(|path| declared().any(|decision| decision.concerns(path))));
    pieces
}

impl Piece {
    /// Whether the decision was asked for exactly this.
    #[must_use]
    pub fn is_asked_by(&self, decision: &Decision) -> bool {
        decision.by == Some(Actor::Autonomy) && decision.consequences.contains(&self.words)
    }
}

/// What is wrong with one decision.
fn wrong(entry: &Entry) -> Vec<Fault> {
    let Entry { decision, document } = entry;
    let fault = |key: &str, words: String| Fault { path: document.path().to_owned(), line: document.line_of(key), words };
    let mut faults: Vec<Fault> = decision.faults().into_iter().map(|(key, words)| fault(key, words)).collect();
    let approved = decision.settled_by.as_ref().is_some_and(Actor::is_person);
    match decision.status {
        Status::Proposed => faults.push(fault("status", "it waits for a person: `autonomy inbox` has the question".to_owned())),
        Status::Rejected => {
            faults.push(fault(
                "status",
                "it was rejected: what was built on it has to go, or a new decision says why not".to_owned(),
            ));
        }
        Status::Accepted if asks_somebody(decision) && !approved => {
            faults.push(fault("status", "it was to be approved by a person, and none is named in `settled_by`".to_owned()));
        }
        Status::Accepted | Status::Superseded => {}
    }
    faults
}

fn holds(entry: &Entry) -> bool {
    matches!(entry.decision.status, Status::Accepted | Status::Proposed)
}

fn uncovered(entries: &[Entry], reason: &Reason) -> Option<Fault> {
    let about = |entry: &&Entry| {
        holds(entry) && (reason.paths.is_empty() || reason.paths.iter().any(|path| entry.decision.concerns(path)))
    };
    let most = entries.iter().filter(about).max_by_key(|entry| entry.decision.risk);
    let path = reason.paths.first().cloned().unwrap_or_else(|| ".".to_owned());
    let fault = |words: String| Some(Fault { path, line: None, words });
    match most {
        Some(entry) if entry.decision.risk >= reason.at_least => None,
        Some(entry) => fault(format!(
            "{} ({} risk), and the decision `{}` says {} risk",
            reason.words, reason.at_least, entry.decision.id, entry.decision.risk
        )),
        None => fault(format!(
            "{} ({} risk), and no decision is about it: `autonomy decide \"<title>\" --path <path> --risk {}`",
            reason.words, reason.at_least, reason.at_least
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        decision::{DecisionOption, Ruled, Ruling},
        id::{DecisionId, Oid},
        risk::{Signal, file::FileChange},
        time::Timestamp,
    };

    fn decision(name: &str, risk: Risk, status: Status) -> Decision {
        let at = Timestamp::from_millisecond(1_795_197_600_123).expect("in range");
        let id = DecisionId::new(format!("20261120_180000-{name}")).expect("plain");
        Decision {
            status,
            risk,
            options: vec![DecisionOption { name: "one".into(), ..DecisionOption::default() }],
            choice: Some("one".into()),
            reason: Some("It is\nsmaller.".into()),
            paths: vec!["src/api".into()],
            ..Decision::new(id, name, at)
        }
    }

    fn entry(decision: Decision) -> Entry {
        let path = format!(".claude/decisions/{}.md", decision.id);
        Entry { document: decision.document(&path).expect("plain"), decision }
    }

    fn reason(at_least: Risk, path: &str) -> Reason {
        let paths = vec![path.to_owned()];
        Reason { signal: Signal::ApiRemoved, amount: 1, weight: 1.0, at_least, words: "`open` is gone".into(), paths }
    }

    #[test]
    fn a_digest_names_first_what_a_person_has_to_do() {
        let asked = Ruled { ruling: Ruling::Person, by: "a rule".into(), at: "a:1".into() };
        let decisions = [
            decision("small", Risk::Low, Status::Accepted),
            decision("open", Risk::Medium, Status::Proposed),
            Decision { ruled: Some(asked), ..decision("looked-at", Risk::Low, Status::Accepted) },
            decision("large", Risk::Critical, Status::Accepted),
            decision("gone", Risk::Low, Status::Superseded),
        ];
        insta::assert_snapshot!(digest(&decisions), @r"
        ## Decisions

        ### Wait for a person (1)

        - **open**: one — It is smaller. (medium risk; `20261120_180000-open`)

        ### Rejected or replaced (1)

        - **gone**: one — It is smaller. (low risk; `20261120_180000-gone`)

        ### To look at (2)

        - **large**: one — It is smaller. (critical risk; `20261120_180000-large`)
        - **looked-at**: one — It is smaller. (low risk; `20261120_180000-looked-at`)

        ### Taken (1)

        - **small**: one — It is smaller. (low risk; `20261120_180000-small`)
        ");
        let many: Vec<Decision> =
            (0..100).map(|number| decision(&format!("d{number:03}"), Risk::Low, Status::Accepted)).collect();
        let text = digest(&many);
        assert!(text.lines().count() <= MAX_LINES + 6 && text.ends_with("- 70 more below `.claude/decisions/`\n"), "{text}");
        assert!(digest(&[]).contains("None was taken"));
    }

    #[test]
    fn what_keeps_a_range_from_being_merged_is_named_with_its_line() {
        let asked = Some(Ruled { ruling: Ruling::Person, by: "a rule".into(), at: "a:1".into() });
        let person = Some(Actor::Person { name: None });
        let cases = [
            (decision("fine", Risk::High, Status::Accepted), None),
            (decision("open", Risk::Low, Status::Proposed), Some("waits for a person")),
            (decision("no", Risk::Low, Status::Rejected), Some("was rejected")),
            (Decision { ruled: asked.clone(), ..decision("forged", Risk::Low, Status::Accepted) }, Some("settled_by")),
            (Decision { ruled: asked, settled_by: person, ..decision("said", Risk::Low, Status::Accepted) }, None),
            (Decision { reason: None, ..decision("why", Risk::Medium, Status::Accepted) }, Some("says why")),
        ];
        for (decision, expected) in cases {
            let found = faults(&[entry(decision)], &[], Risk::Low);
            match expected {
                None => assert_eq!(found, []),
                Some(words) => {
                    assert!(found.len() == 1 && found[0].words.contains(words) && found[0].line.is_some(), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn a_task_declares_what_it_changes_or_is_asked_once_for_exactly_that() {
        let file = |digit: &str| {
            let blob = Oid::new(digit.repeat(40)).ok();
            FileChange { added: 1, blob, ..FileChange::moved("src/api/open.rs") }
        };
        let change = |digit: &str| Change { files: vec![file(digit)], messages: Vec::new() };
        let gone = [reason(Risk::Medium, "src/api/open.rs")];
        let left = |decisions: &[Decision], digit, whole| {
            let decisions: Vec<&Decision> = decisions.iter().collect();
            undeclared(&decisions, &change(digit), &gone, whole).into_iter().map(|piece| piece.words).collect::<Vec<_>>()
        };
        let words = "`open` is gone: `src/api/open.rs` (+1 -0, aaaaaaaaaaaaaaaaaaaaaaaa)";
        assert_eq!(left(&[], "a", Risk::High), [words]);
        assert!(left(&[], "a", Risk::Low).is_empty());
        assert!(left(&[decision("d", Risk::High, Status::Accepted)], "a", Risk::High).is_empty());
        assert_eq!(left(&[decision("d", Risk::Medium, Status::Accepted)], "a", Risk::High), [words], "it makes less of it");
        let elsewhere = Decision { paths: vec!["docs".into()], ..decision("d", Risk::High, Status::Accepted) };
        assert_eq!(left(&[elsewhere], "a", Risk::High), [words]);
        let asked = Decision {
            by: Some(Actor::Autonomy),
            consequences: vec![words.to_owned()],
            ..decision("d", Risk::Critical, Status::Accepted)
        };
        assert!(left(std::slice::from_ref(&asked), "a", Risk::High).is_empty());
        assert_eq!(
            left(&[asked], "b", Risk::High),
            ["`open` is gone: `src/api/open.rs` (+1 -0, bbbbbbbbbbbbbbbbbbbbbbbb)"],
            "it is another content"
        );
        let whole = undeclared(&[], &change("a"), &[reason(Risk::Low, "a")], Risk::High);
        assert_eq!(whole[0].words, "the change as a whole is of high risk: `src/api/open.rs` (+1 -0, aaaaaaaaaaaaaaaaaaaaaaaa)");
    }

    #[test]
    fn what_can_go_wrong_needs_a_decision_that_does_not_make_less_of_it() {
        let high = [reason(Risk::High, "src/api/open.rs")];
        let words = |entries: &[Entry]| {
            faults(entries, &high, Risk::High).into_iter().map(|fault| fault.words).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(words(&[entry(decision("d", Risk::High, Status::Accepted))]), "");
        assert!(words(&[]).contains("no decision is about it"));
        assert!(words(&[entry(decision("d", Risk::Medium, Status::Accepted))]).contains("says medium risk"));
        let elsewhere = Decision { paths: vec!["docs".into()], ..decision("d", Risk::High, Status::Accepted) };
        assert!(words(&[entry(elsewhere)]).contains("no decision is about it"));
        assert!(words(&[entry(decision("d", Risk::High, Status::Superseded))]).contains("no decision is about it"));
        let low = [reason(Risk::Low, "a")];
        assert_eq!(faults(&[], &low, Risk::Low), []);
        assert!(faults(&[], &low, Risk::Medium)[0].words.contains("as a whole is of medium risk"));
        assert_eq!(faults(&[entry(decision("d", Risk::Low, Status::Accepted))], &low, Risk::Critical), []);
    }
}
