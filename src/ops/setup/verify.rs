//! `verify`: does everything that a promise rests on still hold; with `repair`, mend what can be mended.
//!
//! Never deletes anything of the user's and never a lock whose holder may live.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            check, genuine,
            ledger::Target,
            mend,
            overview::Overview,
            record::{self, Stored},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        decision::Decision,
        document::{Document, RECORD_VERSION},
        finding::{Finding, Severity, conflict_markers},
        id::{DecisionId, NoteId, QuestionId, SessionId, TaskId},
        memory::Note,
        question::Question,
        record::RecordKind,
        refusal::Refusal,
        task::lint,
    },
};

/// What to do about what is found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Mend what can be mended.
    pub repair: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What was mended.
    pub mended: Vec<String>,
    /// How many live logs were read.
    pub logs: usize,
    /// How many records were read.
    pub records: usize,
}

impl Outcome {
    /// Whether a promise is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Looks at everything.
///
/// # Errors
/// Fails when git or a directory cannot be read; what is damaged is a finding, not a failure.
pub fn verify(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    if request.repair {
        repair(workspace, &mut outcome)?;
    }
    let overview = Overview::read(workspace)?;
    outcome.logs = overview.logs.len();
    outcome.findings.extend(check::logs(workspace, &overview)?);
    outcome.findings.extend(check::journals(workspace, &overview)?);
    outcome.findings.extend(check::git_locks(workspace)?);
    outcome.findings.extend(genuine::findings(workspace, &overview)?);
    for path in check::leftovers(workspace)? {
        let finding = Finding::new(Severity::Note, path.display().to_string(), "a command that died left it behind");
        outcome.findings.push(finding.mend("`autonomy verify --repair`"));
    }
    records(workspace, &overview, &mut outcome)?;
    outcome.findings.sort_by(|left, right| (left.severity, &left.place).cmp(&(right.severity, &right.place)));
    Ok(outcome)
}

fn repair(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    for path in check::leftovers(workspace)? {
        check::remove_leftover(&path)?;
        outcome.mended.push(format!("removed `{}`", path.display()));
    }
    let overview = Overview::read(workspace)?;
    let damaged = overview.damaged.iter().filter_map(|(name, _)| SessionId::new(name).ok());
    let live: BTreeSet<SessionId> = overview.sessions().filter_map(|known| known.session.clone()).chain(damaged).collect();
    for target in std::iter::once(Target::Clone).chain(live.into_iter().map(Target::Session)) {
        outcome.mended.extend(mend::log(workspace, target)?);
    }
    // Opening a transaction finishes what was intended and puts back what is gone.
    match Transaction::open(workspace) {
        Ok(transaction) => {
            restore_damaged(&transaction, outcome)?;
            outcome.mended.extend(workspace.take_notices());
        }
        Err(error) => outcome.findings.push(Finding::new(Severity::Error, "the store", error.refusal().message)),
    }
    Ok(())
}

/// A record that cannot be read any more goes back to the last version that could; what was there is kept beside the log.
fn restore_damaged(transaction: &Transaction<'_>, outcome: &mut Outcome) -> Result<()> {
    let workspace = transaction.workspace();
    for kind in [RecordKind::Task, RecordKind::Decision, RecordKind::Question, RecordKind::Note] {
        let overview = Overview::read(workspace)?;
        for stored in record::list(workspace, &overview, kind.folder().unwrap_or_default())? {
            if read(kind, &stored).is_ok() {
                continue;
            }
            let mut earlier = Vec::new();
            if let Some(known) = transaction.state().records.get(&stored.path) {
                for digest in known.earlier.iter().rev() {
                    earlier.extend(transaction.kept(digest)?);
                }
            }
            earlier.extend(workspace.git()?.file_at_head(&stored.path)?);
            let good = earlier.into_iter().find(|bytes| read(kind, &Stored { bytes: bytes.clone(), ..stored.clone() }).is_ok());
            if let Some(good) = good {
                let kept = transaction.keep_exact(&stored.bytes)?;
                record::put_back(transaction, &stored.path, &good)?;
                outcome.mended.push(format!(
                    "`{}` is as it last could be read; the damaged bytes are kept as {}",
                    stored.path,
                    kept.head(12)
                ));
            }
        }
    }
    Ok(())
}

/// Reads a record as what it is.
fn read(kind: RecordKind, stored: &Stored) -> Result<Document, Refusal> {
    let document = Document::parse(stored.path.clone(), stored.bytes.clone())?;
    let name = stored.name();
    match kind {
        RecordKind::Task => crate::model::task::Task::read(TaskId::new(name)?, &document).map(drop)?,
        RecordKind::Decision => Decision::read(DecisionId::new(name)?, &document).map(drop)?,
        RecordKind::Question => Question::read(QuestionId::new(name)?, &document).map(drop)?,
        RecordKind::Note => Note::read(NoteId::new(name)?, &document).map(drop)?,
        RecordKind::Workflow
        | RecordKind::Skill
        | RecordKind::Settings
        | RecordKind::Authority
        | RecordKind::Agents
        | RecordKind::Recovery => {}
    }
    Ok(document)
}

fn records(workspace: &Workspace, overview: &Overview, outcome: &mut Outcome) -> Result<()> {
    let mut tasks: Vec<(TaskId, Result<Document, Refusal>)> = Vec::new();
    let mut questions = BTreeMap::new();
    for kind in [RecordKind::Task, RecordKind::Decision, RecordKind::Question, RecordKind::Note] {
        for stored in record::list(workspace, overview, kind.folder().unwrap_or_default())? {
            outcome.records += 1;
            for line in conflict_markers(&String::from_utf8_lossy(&stored.bytes)) {
                let message = format!("line {line} is a conflict marker of git");
                outcome
                    .findings
                    .push(Finding::new(Severity::Error, &stored.path, message).mend(format!("edit `{}`", stored.path)));
            }
            let document = read(kind, &stored);
            match (&document, kind) {
                (Err(refusal), _) => {
                    let mend = "mend it by hand, or `autonomy verify --repair` for the last version that could be read";
                    outcome.findings.push(Finding::new(Severity::Error, &stored.path, refusal.message.clone()).mend(mend));
                }
                (Ok(document), _) if document.version().is_some_and(|version| version > RECORD_VERSION) => {
                    let message = format!(
                        "it is of version {}, and this program writes {RECORD_VERSION}: it is read only",
                        document.version().unwrap_or_default()
                    );
                    let finding = Finding::new(Severity::Warning, &stored.path, message);
                    outcome.findings.push(finding.mend("install the later version of autonomy"));
                }
                (Ok(document), RecordKind::Question) => {
                    let question = Question::read(QuestionId::new(stored.name())?, document)?;
                    questions.insert(stored.path.clone(), question.blocks);
                }
                (Ok(_), _) => {}
            }
            if kind == RecordKind::Task
                && let Ok(id) = TaskId::new(stored.name())
            {
                tasks.push((id, document));
            }
        }
    }
    tasks.retain(|(_, document)| document.is_ok());
    for problem in lint::lint(&tasks, |id| RecordKind::Task.path(id.as_str())) {
        let place = problem.line.map_or(problem.path.clone(), |line| format!("{}:{line}", problem.path));
        outcome.findings.push(Finding::new(Severity::Warning, place, problem.message));
    }
    for (path, blocks) in questions {
        for task in blocks.iter().filter(|task| !tasks.iter().any(|(id, _)| id == *task)) {
            outcome.findings.push(Finding::new(Severity::Warning, &path, format!("it holds up `{task}`, which does not exist")));
        }
    }
    Ok(())
}
