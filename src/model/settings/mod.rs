//! Settings: every key of `.claude/autonomy.toml` with its default and its meaning.
//!
//! The doc comments here are what `config explain` and the schema show. Reading files is `host::settings`; putting the
//! layers together is [`resolve`].

pub mod declare;
pub mod edit;
pub mod founding;
pub mod key;
pub mod layer;
pub mod resolve;
pub mod value;

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{AgentName, GateName},
    settings::value::{CommandLine, Dollars, Hours, Size},
    time::Lapse,
};

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// All settings, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Settings {
    /// The version of the file's format.
    pub version: u32,
    /// How much may go on without a person, and where this is.
    pub system: System,
    /// The bounds of `autonomy run`; there is no unbounded mode.
    pub run: Run,
    /// The commands that prove work; none runs before `autonomy trust`.
    pub gates: BTreeMap<GateName, Gate>,
    /// The agent programs that `run.agent` and `--agent` choose from.
    pub agents: BTreeMap<AgentName, AgentProfile>,
    /// Which branches take no commits of ours.
    pub branches: Branches,
    /// When snapshots and checkpoints are made without being asked for.
    pub checkpoints: Checkpoints,
    /// How far a run goes back by itself.
    pub rollback: Rollback,
    /// What holds for a session.
    pub session: Session,
    /// What a snapshot takes in.
    pub snapshot: Snapshot,
    /// What looks like a secret and is none.
    pub secrets: Secrets,
    /// How much goes on at the same time.
    pub performance: Performance,
    /// What agents may not touch or run, besides the rules that are built in. Every layer adds; none takes away.
    pub guard: Guard,
}

/// `[system]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct System {
    /// The preset of bounds: `supervised`, `professional` or `full`. A `[profile.<mode>]` table adds to it.
    pub mode: Mode,
    /// Where this is, in your own words; a `[profile.<environment>]` table, when there is one, applies.
    pub environment: String,
}

/// A preset of bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A person is near: one hour, ten steps, two tries.
    Supervised,
    /// The default bounds. `professional_autonomy` is read as the same.
    #[default]
    #[serde(alias = "professional_autonomy")]
    Professional,
    /// Days of work: 24 hours, 1000 steps.
    Full,
}

impl Mode {
    /// The word in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervised => "supervised",
            Self::Professional => "professional",
            Self::Full => "full",
        }
    }
}

/// `[run]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Run {
    /// A run ends after this long: a number of hours, or a span like `90m`.
    pub max_hours: Hours,
    /// A run ends after so many steps.
    pub max_steps: NonZeroU32,
    /// A task is parked after so many tries whose gates stay red.
    pub max_tries: NonZeroU32,
    /// A run ends after so many steps in a row that change nothing or do not come to their end.
    pub steps_without_progress: NonZeroU32,
    /// A run, and a session that goes on by itself, ends after so many tokens, those from caches not counted.
    pub max_tokens: NonZeroU64,
    /// A run, and a session that goes on by itself, ends after so many dollars, as far as the agent's client tells.
    pub max_cost: Dollars,
    /// The agent profile that works when none is named.
    pub agent: AgentName,
    /// An agent is stopped when one step takes longer.
    pub step_timeout: Lapse,
    /// Lets agents work without containment. Honoured from your own settings and `--uncontained` only.
    pub uncontained: bool,
}

/// `[gates.<name>]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Gate {
    /// What is run at the top of the work tree: a list of words, or one line for `sh -c`. Exit code 0 is green.
    pub command: CommandLine,
    /// The gate is red when it takes longer.
    pub timeout: Lapse,
    /// What a green gate proves: `compiles`, `tests`, `performance` or `other`.
    pub kind: GateKind,
    /// Whether work counts as done only when this gate is green.
    pub needed: bool,
    /// The words before a number that it prints: the gate is red when that is more than 20 % larger than at first in the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}

/// What a green gate proves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The code can be built.
    Compiles,
    /// The tests pass.
    Tests,
    /// It is still fast enough.
    Performance,
    /// Anything else.
    #[default]
    Other,
}

/// `[agents.<name>]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct AgentProfile {
    /// How the program is talked to: `claude`, `command` or `replay`.
    pub driver: Driver,
    /// The program to start: a name on PATH or a path; empty where the driver needs none.
    pub program: String,
    /// Arguments put before those of the driver.
    pub arguments: Vec<String>,
    /// The model to ask for; the program's own choice when absent.
    pub model: Option<String>,
    /// What the agent may do without being asked, in the words of its own permission rules.
    pub allow: Vec<String>,
    /// Takes the place of `run.step_timeout` for this agent.
    pub time_limit: Option<Lapse>,
    /// How the prompt reaches a program of the `command` driver: `stdin`, `argument` or `file`.
    pub prompt: PromptDelivery,
}

/// How an agent program is talked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// Claude Code without a terminal, one JSON event a line.
    Claude,
    /// Any program: a prompt goes in, it works, it exits.
    #[default]
    Command,
    /// A recording, carried out as if it were an agent; `arguments` names the file.
    Replay,
}

/// How a prompt reaches a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptDelivery {
    /// On standard input.
    #[default]
    Stdin,
    /// As the last argument, or in place of `{prompt}` among the arguments.
    Argument,
    /// In a file whose path is the last argument, or stands in place of `{prompt}`.
    File,
}

/// `[branches]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Branches {
    /// Names or patterns (`release/*`) of branches that take no commits of ours. Your own settings replace the default
    /// rule; a repository's settings can only add to it.
    pub protected: Option<Vec<String>>,
    /// What the repository's settings add; filled in when the layers are put together.
    #[serde(skip)]
    pub added: Vec<String>,
}

/// `[checkpoints]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Checkpoints {
    /// How often a light snapshot (a ref, no tag) is made while work goes on.
    pub interval: Lapse,
    /// How often a tagged checkpoint is made while work goes on.
    pub tag_interval: Lapse,
    /// Whether light snapshots get a tag as well.
    pub tags_for_automatic: bool,
    /// How long a snapshot from before a rollback is kept.
    pub keep_safety: Lapse,
    /// So many of the other automatic snapshots are kept, the newest, besides those that something still needs.
    pub keep_automatic: u32,
    /// What only automatic snapshots hold is at most so much, before it is compressed; the oldest go first.
    pub keep_bytes: Size,
}

/// `[rollback]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Rollback {
    /// How far a run goes back by itself: `step` is what a task whose tries are used up changed; `last_green` is, besides, what
    /// the session changed since all gates were green, when one of them is red between two tasks.
    pub automatic: Automatic,
}

/// How far a run goes back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// What the task changed that is given up for now.
    #[default]
    Step,
    /// Besides, what the session changed since the last checkpoint at which all gates were green.
    LastGreen,
}

/// `[session]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Session {
    /// A session in which nothing happened for this long is marked as timed out.
    pub timeout: Lapse,
    /// How many tokens an agent's context takes: when 80 % of it are used, everything that is known is sealed.
    pub context: NonZeroU32,
}

/// `[snapshot]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Snapshot {
    /// An untracked file that is larger is left out and named.
    pub max_file: Size,
    /// With more untracked files than this, they are left out and named.
    pub max_new_files: NonZeroU32,
    /// With more bytes than this in files that are untracked or changed, no snapshot is taken and no session begins.
    pub most_bytes: Size,
    /// With more untracked files and directories than this that no rule ignores, no snapshot is taken and no session begins.
    pub most_files: NonZeroU32,
}

/// `[secrets]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Secrets {
    /// Patterns of paths, as in an ignore file, and fingerprints of what looks like a secret and is none. An agent's commit is
    /// measured by the list that was committed before it.
    pub allow: Vec<String>,
}

/// `[performance]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Performance {
    /// How many runs may go on in one clone at the same time; one more waits.
    pub max_concurrent_workflows: NonZeroU32,
}

/// `[guard]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Guard {
    /// Files and directories that an agent changes only with a person's yes: from the top of the work tree, `*` for part of a
    /// name.
    pub protected: Vec<String>,
    /// Files and directories that an agent neither reads nor writes: from the top of the work tree, from `/` or from `~/`.
    pub blocked: Vec<String>,
    /// Beginnings of commands that an agent may not run, such as `terraform apply`.
    pub denied: Vec<String>,
    /// Directories outside the work trees where an agent may write. Honoured from your own settings only.
    pub open: Vec<String>,
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

fn claude() -> AgentName {
    AgentName::new("claude").expect("because it is a plain name")
}

impl Default for Settings {
    fn default() -> Self {
        let profile = AgentProfile { driver: Driver::Claude, program: "claude".to_owned(), ..AgentProfile::default() };
        Self {
            version: VERSION,
            system: System::default(),
            run: Run::default(),
            gates: BTreeMap::new(),
            agents: BTreeMap::from([(claude(), profile)]),
            branches: Branches::default(),
            checkpoints: Checkpoints::default(),
            rollback: Rollback::default(),
            session: Session::default(),
            snapshot: Snapshot::default(),
            secrets: Secrets::default(),
            performance: Performance::default(),
            guard: Guard::default(),
        }
    }
}

impl Default for System {
    fn default() -> Self {
        Self { mode: Mode::default(), environment: "development".to_owned() }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self {
            max_hours: Hours(Lapse::hours(8)),
            max_steps: count(100),
            max_tries: count(3),
            steps_without_progress: count(3),
            max_tokens: NonZeroU64::new(50_000_000).unwrap_or(NonZeroU64::MAX),
            max_cost: Dollars(100_000_000),
            agent: claude(),
            step_timeout: Lapse::hours(1),
            uncontained: false,
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            command: CommandLine::default(),
            timeout: Lapse::minutes(10),
            kind: GateKind::default(),
            needed: true,
            figure: None,
        }
    }
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            interval: Lapse::minutes(5),
            tag_interval: Lapse::minutes(30),
            tags_for_automatic: false,
            keep_safety: Lapse::hours(14 * 24),
            keep_automatic: 50,
            keep_bytes: Size(500_000_000),
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self { timeout: Lapse::hours(24), context: count(200_000) }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            max_file: Size(5_000_000),
            max_new_files: count(2_000),
            most_bytes: Size(10_000_000_000),
            most_files: count(100_000),
        }
    }
}

impl Default for Performance {
    fn default() -> Self {
        Self { max_concurrent_workflows: count(10) }
    }
}
