//! A checkpoint: a name, and the words in the message of its tag and its commit.
//!
//! What a restore needs is never only here: it is in the trees and in the manifest. Nothing here touches a repository.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{CheckpointName, DecisionId, GateName, Oid, SessionId, TaskId, slug},
    manifest::newer,
    refusal::Refusal,
    settings::Checkpoints,
    time::{Lapse, Timestamp},
};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// Why a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// Somebody asked for it.
    Manual,
    /// A task was finished.
    Task,
    /// A milestone was reached.
    Milestone,
    /// Work was about to begin that changes much at once.
    Migration,
    /// An agent's memory was about to be compacted.
    Compaction,
    /// Half an hour of work had passed.
    Tick,
    /// A session ended.
    End,
    /// Before or after an attempt; kept as a ref, not as a tag.
    Edge,
    /// Before a rollback; kept as a ref, not as a tag.
    Safety,
}

impl CheckpointKind {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Task => "task",
            Self::Milestone => "milestone",
            Self::Migration => "migration",
            Self::Compaction => "compaction",
            Self::Tick => "tick",
            Self::End => "end",
            Self::Edge => "edge",
            Self::Safety => "safety",
        }
    }
}

/// The snapshot that is due while work goes on that began at `begun`, given when the last tagged and the last light one were
/// taken; none when it is not time yet.
#[must_use]
pub fn due(now: Timestamp, begun: Timestamp, last: [Option<Timestamp>; 2], every: &Checkpoints) -> Option<CheckpointKind> {
    let [tagged, light] = last.map(|last| last.map_or(begun, |last| last.max(begun)));
    if now.since(tagged) >= every.tag_interval {
        Some(CheckpointKind::Tick)
    } else if now.since(light.max(tagged)) >= every.interval {
        Some(CheckpointKind::Edge)
    } else {
        None
    }
}

/// The first of these checkpoints, newest first, at which every gate that had run was green on the checkpoint's own tree, and
/// those that are red now were among them.
#[must_use]
pub fn last_green<'a, T>(red: &BTreeSet<GateName>, newest_first: impl IntoIterator<Item = (&'a Standing, Oid, T)>) -> Option<T> {
    newest_first.into_iter().find_map(|(standing, tree, found)| {
        let is_green = |mark: &GateMark| mark.state == GateState::Green && mark.tree.as_ref() == Some(&tree);
        let knows = |gate: &GateName| standing.gates.iter().any(|mark| mark.gate == *gate);
        (standing.gates.iter().all(is_green) && red.iter().all(knows)).then_some(found)
    })
}

/// How much a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Paths in the tree.
    pub paths: u64,
    /// Tracked paths that differ from the index.
    pub changed: u64,
    /// Untracked paths in the tree.
    pub untracked: u64,
    /// Lines under `left_out` in the manifest.
    pub left_out: u64,
    /// Lines under `ignored` in the manifest.
    pub ignored: u64,
    /// Lines under `secrets` in the manifest.
    #[serde(default, skip_serializing_if = "is_none")]
    pub secrets: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What a gate said last, when the checkpoint was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateMark {
    /// The gate.
    pub gate: GateName,
    /// What it said.
    pub state: GateState,
    /// The tree that it judged; none when it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Oid>,
}

/// What a gate said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// It passed.
    Green,
    /// It did not pass.
    Red,
    /// It did not run.
    NotRun,
}

impl GateState {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::NotRun => "not run",
        }
    }
}

/// How an agent's session stood when the checkpoint was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentMark {
    /// The session.
    pub session: SessionId,
    /// What it was at.
    pub state: AgentState,
    /// The task that was worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The agent profile of the attempt under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The number of that attempt at the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// What an agent's session was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// An attempt was under way.
    Working,
    /// A run was between two attempts.
    Between,
    /// A run waited for a usage limit to end.
    Limited,
    /// It was laid aside.
    Paused,
    /// No run was under way.
    Idle,
}

impl AgentMark {
    /// In words for people.
    #[must_use]
    pub fn words(&self) -> String {
        let state = match self.state {
            AgentState::Working => "working",
            AgentState::Between => "between two attempts",
            AgentState::Limited => "waiting for a usage limit",
            AgentState::Paused => "paused",
            AgentState::Idle => "idle",
        };
        let task = self.task.as_ref().map(|task| format!(", task {task}")).unwrap_or_default();
        let agent = self.agent.as_ref().map(|agent| format!(", {agent}")).unwrap_or_default();
        let attempt = self.attempt.map(|attempt| format!(", try {attempt}")).unwrap_or_default();
        format!("{} {state}{task}{agent}{attempt}", self.session)
    }
}

/// Where the work stood when the checkpoint was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The milestone that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
    /// How much of the work was done, in whole percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// How long the rest would take at the session's pace; none before its first finished task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Lapse>,
    /// Tasks that were done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<TaskId>,
    /// Tasks that were open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<TaskId>,
    /// What each gate had said last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateMark>,
    /// Decisions that were in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionId>,
    /// How the session stood and those that it had started; without a session, all live ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentMark>,
}

/// A checkpoint or an automatic snapshot, as its message says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// One line for people.
    pub summary: String,
    /// The version of this form.
    pub version: u32,
    /// The short name of the tag; none for an automatic snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<CheckpointName>,
    /// Why it was made.
    pub kind: CheckpointKind,
    /// When it was made.
    pub created: Timestamp,
    /// The work tree, when it is not the clone's own: the name git gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// The session that made it; none when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The task that was worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The commit that HEAD was at; none before the first commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Oid>,
    /// The branch that HEAD was on; none when it was on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The tree of the work tree.
    pub tree: Oid,
    /// How much it holds.
    pub counts: Counts,
    /// Where the work stood.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Checkpoint {
    /// The message of its tag and its commit.
    #[must_use]
    pub fn to_message(&self) -> String {
        serde_saphyr::to_string(self).expect("because every part of a checkpoint has a form in YAML")
    }

    /// Reads the message of a checkpoint's tag or commit; `name` is what it is called in an error.
    ///
    /// # Errors
    /// Refuses what is not a checkpoint's message, and one of a newer version.
    pub fn from_message(name: &str, text: &str) -> Result<Self, Refusal> {
        let checkpoint: Self = serde_saphyr::from_str(text)
            .map_err(|error| Refusal::usage(format!("`{name}` does not carry a checkpoint's message: {error}")))?;
        if checkpoint.version > VERSION {
            return Err(newer(&format!("the checkpoint `{name}`"), checkpoint.version, VERSION));
        }
        Ok(checkpoint)
    }
}

/// What the name of every checkpoint begins with.
pub const PREFIX: &str = "checkpoint-";

/// A name for a checkpoint made at `at` and called `title` (may be empty), other than those that are taken.
#[must_use]
pub fn name(at: Timestamp, title: &str, mut taken: impl FnMut(&CheckpointName) -> bool) -> CheckpointName {
    let slug = slug(title);
    let dash = if slug.is_empty() { "" } else { "-" };
    let first = format!("{PREFIX}{}{dash}{slug}", at.stamp());
    (1..=u64::MAX)
        .map(|count| if count == 1 { first.clone() } else { format!("{first}-{count}") })
        .map(|name| CheckpointName::new(name).expect("because a stamp, a slug and a number make a name"))
        .find(|name| !taken(name))
        .expect("because there is always a higher number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-20T18:00:00.123Z".parse().expect("a moment")
    }

    #[test]
    fn snapshots_are_due_by_the_settings_counted_from_the_last_of_their_kind() {
        let every = Checkpoints::default();
        let at = |minute: i64| Timestamp::from_millisecond(minute * 60_000).expect("in range");
        let due =
            |now, tagged: Option<i64>, light: Option<i64>| due(at(now), at(100), [tagged, light].map(|it| it.map(at)), &every);
        assert_eq!(due(104, None, None), None);
        assert_eq!(due(105, None, None), Some(CheckpointKind::Edge));
        assert_eq!(due(109, Some(1), Some(105)), None, "what was taken before the attempt does not count");
        assert_eq!(due(110, None, Some(105)), Some(CheckpointKind::Edge));
        assert_eq!(due(129, Some(125), Some(120)), None, "a tagged one is a light one too");
        assert_eq!(due(130, None, Some(129)), Some(CheckpointKind::Tick));
    }

    #[test]
    fn the_last_green_checkpoint_knew_what_is_red_now_and_had_nothing_red_or_stale() {
        let oid = |digit: &str| Oid::new(digit.repeat(40)).expect("forty digits");
        let gate = |name: &str| GateName::new(name).expect("a name");
        let standing = |marks: &[(&str, GateState, &str)]| Standing {
            gates: marks
                .iter()
                .map(|(name, state, tree)| GateMark { gate: gate(name), state: *state, tree: Some(oid(tree)) })
                .collect(),
            ..Standing::default()
        };
        let (green, red) = (GateState::Green, GateState::Red);
        let newest_first = [
            (standing(&[("tests", green, "1"), ("lints", red, "1")]), "1", "one was red"),
            (standing(&[("tests", green, "9"), ("lints", green, "2")]), "2", "one had seen another tree"),
            (standing(&[("lints", green, "3")]), "3", "it is not known what the tests said"),
            (standing(&[("tests", green, "4"), ("lints", green, "4")]), "4", "this"),
            (standing(&[("tests", green, "5"), ("lints", green, "5")]), "5", "an older one"),
        ];
        let of = |names: &[&str]| {
            let red: BTreeSet<GateName> = names.iter().map(|name| gate(name)).collect();
            last_green(&red, newest_first.iter().map(|(standing, tree, found)| (standing, oid(tree), *found)))
        };
        assert_eq!(
            (of(&["tests"]), of(&["lints"]), of(&["other"])),
            (Some("this"), Some("it is not known what the tests said"), None)
        );
    }

    #[test]
    fn names_are_distinct_within_a_second() {
        let mut taken = Vec::new();
        for expected in ["checkpoint-20261120_180000", "checkpoint-20261120_180000-2", "checkpoint-20261120_180000-3"] {
            let name = name(at(), "", |name| taken.contains(name));
            assert_eq!(name.as_str(), expected);
            taken.push(name);
        }
        assert_eq!(name(at(), "Before the Move!", |_| false).as_str(), "checkpoint-20261120_180000-before-the-move");
        let again = name(at(), "x", |name| !name.as_str().ends_with("-x-2"));
        assert_eq!(again.as_str(), "checkpoint-20261120_180000-x-2");
    }

    #[test]
    fn a_message_says_what_there_is_and_nothing_else() {
        let oid = |digit: &str| Oid::new(digit.repeat(40)).expect("forty digits");
        let mut checkpoint = Checkpoint {
            summary: "before the move: all green".into(),
            version: VERSION,
            name: Some(name(at(), "before", |_| false)),
            kind: CheckpointKind::Manual,
            created: at(),
            worktree: None,
            session: None,
            task: None,
            head: None,
            branch: Some("main".into()),
            tree: oid("1"),
            counts: Counts { paths: 3, ..Counts::default() },
            standing: Standing::default(),
        };
        let message = checkpoint.to_message();
        assert_eq!(Checkpoint::from_message("x", &message), Ok(checkpoint.clone()));
        insta::assert_snapshot!(message, @r#"
        summary: "before the move: all green"
        version: 1
        name: checkpoint-20261120_180000-before
        kind: manual
        created: "2026-11-20T18:00:00.123Z"
        branch: main
        tree: "1111111111111111111111111111111111111111"
        counts:
          paths: 3
          changed: 0
          untracked: 0
          left_out: 0
          ignored: 0
        "#);
        checkpoint.standing = Standing {
            milestone: Some("parser".into()),
            percent: Some(40),
            done: vec![TaskId::new("a").expect("a name")],
            gates: vec![GateMark {
                gate: GateName::new("tests").expect("a name"),
                state: GateState::Green,
                tree: Some(oid("2")),
            }],
            ..Standing::default()
        };
        checkpoint.summary = "two\nlines".into();
        let message = checkpoint.to_message();
        assert_eq!(Checkpoint::from_message("x", &message), Ok(checkpoint), "{message}");
        let newer = message.replacen("version: 1", "version: 9", 1);
        assert!(Checkpoint::from_message("x", &newer).expect_err("newer").message.contains("version 9"));
        assert!(Checkpoint::from_message("x", "release 1.0").is_err());
    }
}
