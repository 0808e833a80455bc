//! The pages of a live session: which there are, and which facts change each.
//!
//! How a block stands in a file is `model::page`, what a page says is `values`; rendering and writing are `host`'s.

pub mod values;

use crate::model::{event::Fact, record::RecordKind};

/// A page of a live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionPage {
    /// What the session is for.
    Readme,
    /// What is being worked on.
    Focus,
    /// What was achieved, with dates.
    Progress,
    /// What comes next.
    Next,
    /// What was decided.
    Decisions,
    /// What a person is needed for.
    Blockers,
    /// How far things are.
    Summary,
    /// Which session is current: a pointer for programs.
    Current,
}

impl SessionPage {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Readme, Self::Focus, Self::Progress, Self::Next, Self::Decisions, Self::Blockers, Self::Summary, Self::Current];

    /// Its file's name. All but [`Self::Current`] lie in the session's folder.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Readme => "README.md",
            Self::Focus => "CURRENT_FOCUS.md",
            Self::Progress => "PROGRESS_LOG.md",
            Self::Next => "NEXT_ACTIONS.md",
            Self::Decisions => "DECISION_LOG.md",
            Self::Blockers => "BLOCKERS.md",
            Self::Summary => "PROGRESS_SUMMARY.md",
            Self::Current => "current_session",
        }
    }

    /// The name of its block; none when it is rendered whole.
    #[must_use]
    pub fn block(self) -> Option<&'static str> {
        match self {
            Self::Readme => Some("session"),
            Self::Focus => Some("focus"),
            Self::Progress => Some("progress"),
            Self::Next => Some("next"),
            Self::Decisions => Some("decisions"),
            Self::Blockers => Some("blockers"),
            Self::Summary => Some("summary"),
            Self::Current => None,
        }
    }

    /// The name of its template.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::Readme => "pages/README.md.j2",
            Self::Focus => "pages/CURRENT_FOCUS.md.j2",
            Self::Progress => "pages/PROGRESS_LOG.md.j2",
            Self::Next => "pages/NEXT_ACTIONS.md.j2",
            Self::Decisions => "pages/DECISION_LOG.md.j2",
            Self::Blockers => "pages/BLOCKERS.md.j2",
            Self::Summary => "pages/PROGRESS_SUMMARY.md.j2",
            Self::Current => "pages/current_session.j2",
        }
    }

    /// The records that it shows.
    #[must_use]
    pub fn needs(self) -> &'static [RecordKind] {
        match self {
            Self::Readme | Self::Progress | Self::Current => &[],
            Self::Decisions => &[RecordKind::Decision],
            Self::Focus | Self::Next | Self::Blockers | Self::Summary => &[RecordKind::Task, RecordKind::Question],
        }
    }

    /// Whether `fact` changes what it shows.
    #[must_use]
    pub fn changed_by(self, fact: &Fact) -> bool {
        if !fact.is_shown() {
            return false;
        }
        match fact {
            // What people wrote into a page is kept whenever the page is rendered, and a compaction loses none of it.
            Fact::SessionStarted { .. } | Fact::CompactionSealed { .. } => true,
            Fact::SessionPaused { .. } | Fact::SessionResumed {} | Fact::SessionEnded { .. } => {
                matches!(self, Self::Readme | Self::Summary | Self::Current)
            }
            Fact::FocusSet { .. } | Fact::StepStarted { .. } | Fact::StepEnded { .. } => self == Self::Focus,
            Fact::ProgressAdded { .. } => self == Self::Progress,
            Fact::RecordWritten { record, .. }
            | Fact::RecordQueued { record, .. }
            | Fact::RecordEdited { record, .. }
            | Fact::RecordDropped { record } => self.shows(record),
            Fact::TaskAdded { .. } => matches!(self, Self::Next | Self::Summary),
            Fact::TaskStarted { .. }
            | Fact::TaskFailed { .. }
            | Fact::TaskWaiting { .. }
            | Fact::TaskParked { .. }
            | Fact::TaskResumed { .. }
            | Fact::TaskDone { .. }
            | Fact::TaskReopened { .. }
            | Fact::TaskCancelled { .. } => matches!(self, Self::Focus | Self::Next | Self::Blockers | Self::Summary),
            Fact::DecisionRecorded { .. } | Fact::DecisionOutcome { .. } => matches!(self, Self::Decisions | Self::Summary),
            Fact::QuestionAsked { .. } | Fact::QuestionAnswered { .. } => matches!(self, Self::Blockers | Self::Summary),
            Fact::CheckpointMade { name, .. } => self == Self::Summary && name.is_some(),
            Fact::IntentSettled { .. } | Fact::GateRan { .. } | Fact::RunStarted { .. } | Fact::RunEnded { .. } => {
                self == Self::Summary
            }
            unshown => {
                debug_assert!(!unshown.is_shown(), "no page was found for {unshown:?}");
                false
            }
        }
    }

    fn shows(self, record: &str) -> bool {
        self.needs().iter().filter_map(|kind| kind.folder()).any(|folder| record.starts_with(folder))
    }
}

/// `rendered` with every line that would be read as a marker of a page's block made harmless.
#[must_use]
pub fn without_markers(rendered: &str) -> String {
    let is_marker = |line: &str| line.trim().strip_prefix("<!--").is_some_and(|rest| rest.trim_start().starts_with("autonomy:"));
    rendered
        .split_inclusive('\n')
        .map(|line| if is_marker(line) { line.replacen("<!--", "&lt;!--", 1) } else { line.to_owned() })
        .collect()
}
