//! `demo`: the main job on a small crate, from a recording, with everything real but the agent.
//!
//! A home of its own, an identity of its own and a trust store of its own, all in one directory that stays; nothing of the
//! person who runs it is read or written. What is shown are the commands that a person would type.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Error, Result,
        clock::Clock,
        environment::Environment,
        process::{self, Finished, Heard, Invocation, Program, Stop, Stream, Variables},
        secret::Secrets,
        store::write::{self, Durability},
        trust::TrustStore,
        workspace::Workspace,
    },
    model::{refusal::Refusal, settings::declare, time::Lapse},
    ops::table,
};

/// The crate, by path.
const CRATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../fixtures/demo/crate/Cargo.toml")),
    ("Cargo.lock", include_str!("../../fixtures/demo/crate/Cargo.lock")),
    (".gitignore", include_str!("../../fixtures/demo/crate/gitignore")),
    ("src/lib.rs", include_str!("../../fixtures/demo/crate/src/lib.rs")),
    ("docs/TODO.md", include_str!("../../fixtures/demo/crate/docs/TODO.md")),
];

/// What the agent does.
const RECORDING: &str = include_str!("../../fixtures/demo/recording.yaml");

const IDENTITY: &str = "[user]\n\tname = Demo\n\temail = demo@example.org\n[init]\n\tdefaultBranch = main\n";

const SETTINGS: &str =
    "version = 1\n\n[run]\nagent = \"recorded\"\n\n[agents.recorded]\ndriver = \"replay\"\narguments = [\"RECORDING\"]\n";

const GATES: &str = "version = 1\n\n[gates.compiles]\ncommand = [\"cargo\", \"check\", \"--offline\", \"--quiet\", \"--all-targets\"]\n\
    kind = \"compiles\"\ntimeout = \"2m\"\n\n[gates.tests]\ncommand = [\"cargo\", \"test\", \"--offline\", \"--quiet\"]\n\
    kind = \"tests\"\ntimeout = \"2m\"\n";

/// What the run says when the agent is half way through its first task.
const HALF_WAY: &str = "Write src/median.rs";

/// How long one command of the demo may take.
const LIMIT: Lapse = Lapse::minutes(5);

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Where everything lies.
    pub directory: PathBuf,
    /// How long it took.
    pub took: Lapse,
}

/// Which lines of a command are shown.
#[derive(Clone, Copy)]
enum Shown {
    /// All but an agent's own words and green gates.
    Steps,
    /// All.
    All,
    /// The last ones.
    Last(usize),
    /// None.
    Nothing,
}

struct Show<'a> {
    top: PathBuf,
    work: PathBuf,
    variables: Variables,
    own_program: PathBuf,
    secrets: Secrets,
    stop: &'a Stop,
    tell: &'a mut dyn FnMut(&str),
}

/// Shows it. `tell` gets the lines.
///
/// # Errors
/// Refuses where git or cargo is missing; fails when a command does not do what it is known to do.
pub fn demo(environment: &Environment, clock: &Clock, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let begun = Clock::instant();
    let base = environment.variable("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let top = base.join(format!("autonomy-demo-{}-{}", clock.now().stamp(), clock.suffix(4)?));
    let work = top.join("figures");
    let variables = variables(environment, &top);
    for program in ["git", "cargo"] {
        if variables.find(program.as_ref(), environment.directory()).is_none() {
            return Err(Refusal::environment(format!("the demo needs `{program}`, which is not on PATH")).into());
        }
    }
    let own_program = process::own_program()?;
    let secrets = Secrets::of(environment);
    let mut show = Show { top: top.clone(), work, variables, own_program, secrets, stop, tell };
    show.prepare(clock)?;
    show.work_through()?;
    show.go_back()?;
    show.sum_up()?;
    Ok(Outcome { directory: top, took: Lapse(begun.elapsed()) })
}

/// What the programs of the demo know: where tools are, and nothing of the person.
fn variables(environment: &Environment, top: &Path) -> Variables {
    let foreign = ["AUTONOMY_", "CLAUDE", "GIT_", "XDG_", "CARGO_", "RUSTFLAGS", "RUSTDOCFLAGS", "AI_AGENT", "CI"];
    let home = environment.home().unwrap_or(Path::new("/")).to_owned();
    let place = |name: &str, usual: &str| environment.variable(name).map_or_else(|| home.join(usual), PathBuf::from);
    Variables::inherited(environment)
        .without(|name| foreign.iter().any(|start| name.starts_with(start)))
        .with("CARGO_HOME", place("CARGO_HOME", ".cargo"))
        .with("RUSTUP_HOME", place("RUSTUP_HOME", ".rustup"))
        .with("CARGO_TERM_COLOR", "never")
        .with("GIT_CONFIG_NOSYSTEM", "1")
        .with("HOME", top.join("home"))
}

impl Show<'_> {
    fn say(&mut self, line: &str) {
        (self.tell)(line);
    }

    /// A repository with failing tests and a list of things to do.
    fn prepare(&mut self, clock: &Clock) -> Result<()> {
        let home = self.top.join("home");
        let recording = self.top.join("recording.yaml");
        put(&home.join(".gitconfig"), IDENTITY)?;
        put(&recording, RECORDING)?;
        let settings = SETTINGS.replace("RECORDING", &recording.to_string_lossy());
        put(&home.join(".config/autonomy/config.toml"), &settings)?;
        for (path, text) in CRATE {
            put(&self.work.join(path), text)?;
        }
        put(&self.work.join(".claude/autonomy.toml"), GATES)?;
        self.say(&format!("A small crate with a failing test and four things to do, in {}", self.work.display()));
        self.git(&["init", "--quiet"])?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", "Figures"])?;
        self.trust(clock)?;
        self.say("The gates of `.claude/autonomy.toml` run only because they are trusted; here the demo trusted them for you.");
        self.own(&["task", "import"], Shown::Last(1)).map(drop)
    }

    fn trust(&self, clock: &Clock) -> Result<()> {
        let home = self.top.join("home");
        let environment = Environment::given(&self.work, &[("HOME", &home.to_string_lossy())]);
        let workspace = Workspace::find(environment, Clock::of(&Environment::given(&self.work, &[])))?;
        let declarations = declare::declarations(workspace.resolved()?);
        TrustStore::open(&workspace)?.trust(&declarations, "the demo", clock)
    }

    /// The tasks, with a power cut in the middle.
    fn work_through(&mut self) -> Result<()> {
        self.say("The agent is a recording, everything else is real. Half way through the first task: `kill -9`.");
        let ran = self.own_until(&["run"], Shown::Steps, Some(HALF_WAY))?;
        if ran.is_some() {
            return Err(Refusal::no("the demo's run ended before it was killed").into());
        }
        self.say("Killed. The next `run` ends what the dead one left, keeps its work and goes on. Watch the spread:");
        self.say("its first try is wrong, the gate says so, the failing output goes back to the agent, the retry passes.");
        let ran = self.own_until(&["run"], Shown::Steps, None)?;
        if ran.is_some_and(|finished| finished.exit != crate::model::process::Exit::Code(3)) {
            return Err(Refusal::no("the demo's run was to end with a question to a person").into());
        }
        self.say("It ended with exit code 3: everything that needs nobody is done, one question waits for a person.");
        self.say("Each finished task is one commit of exactly what was changed for it, with its state and its check-mark:");
        self.git(&["log", "--oneline", "--reverse"])?;
        self.own(&["inbox"], Shown::All).map(drop)
    }

    /// A bad step, taken back, and the taking back taken back.
    fn go_back(&mut self) -> Result<()> {
        if table::verb("rollback").is_none() {
            return Ok(());
        }
        self.say("A bad step: somebody empties `src/lib.rs`. The gate sees it, a rollback takes it back, and can be undone.");
        put(&self.work.join("src/lib.rs"), "//! Nothing.\n\nmod gone;\n")?;
        self.own(&["gate", "run", "compiles"], Shown::Nothing)?;
        self.own(&["rollback", "--last", "--yes"], Shown::Last(2))?;
        self.own(&["gate", "run", "compiles"], Shown::Last(2))?;
        self.own(&["rollback", "--undo", "--yes"], Shown::Last(2))?;
        self.own(&["rollback", "--last", "--yes"], Shown::Nothing).map(drop)
    }

    fn sum_up(&mut self) -> Result<()> {
        self.say("What a person reads in the morning:");
        let told: &[&str] = if table::verb("report").is_some() { &["report"] } else { &["session", "status"] };
        self.own(told, Shown::Last(4))?;
        self.say(&format!(
            "Look around: `cd {}`; `HOME={}` is the demo's person.",
            self.work.display(),
            self.top.join("home").display()
        ));
        Ok(())
    }

    fn own(&mut self, arguments: &[&str], shown: Shown) -> Result<Option<Finished>> {
        self.own_until(arguments, shown, None)
    }

    /// Runs this program; when it says `cut`, it is killed, and nothing comes back.
    fn own_until(&mut self, arguments: &[&str], shown: Shown, cut: Option<&str>) -> Result<Option<Finished>> {
        if !matches!(shown, Shown::Nothing) {
            self.say(&format!("$ autonomy {}", arguments.join(" ")));
        }
        let words = std::iter::once(self.own_program.as_os_str()).chain(arguments.iter().map(AsRef::as_ref));
        self.start(Invocation::words(words), shown, cut)
    }

    fn git(&mut self, arguments: &[&str]) -> Result<()> {
        let shown = if arguments.first() == Some(&"log") { Shown::All } else { Shown::Nothing };
        if matches!(shown, Shown::All) {
            self.say(&format!("$ git {}", arguments.join(" ")));
        }
        let words = std::iter::once(&"git").chain(arguments);
        match self.start(Invocation::words(words), shown, None)? {
            Some(finished) if finished.exit.is_success() => Ok(()),
            Some(_) | None => Err(Refusal::environment(format!("`git {}` failed", arguments.join(" "))).into()),
        }
    }

    fn start(&mut self, invocation: Invocation, shown: Shown, cut: Option<&str>) -> Result<Option<Finished>> {
        let program =
            Program { limit: LIMIT.0, ..Program::new(invocation, &self.work, &self.variables, &self.secrets, self.stop) };
        let (mut lines, mut killed) = (Vec::new(), false);
        let tell = &mut self.tell;
        let ran = process::run(&program, &mut |heard| {
            let Heard::Line(stream, line) = heard else { return Ok(()) };
            // What to type next is said by the demo itself.
            if line.starts_with("Next: ") {
                return Ok(());
            }
            let is_step = stream == Stream::Out || !(line.starts_with("  ") || line.ends_with(')') && line.contains(": green"));
            match shown {
                Shown::All => tell(&format!("  {line}")),
                Shown::Steps if is_step => tell(&format!("  {line}")),
                Shown::Steps | Shown::Nothing => {}
                Shown::Last(_) => lines.push(line.to_owned()),
            }
            if cut.is_some_and(|cut| line.contains(cut)) {
                killed = true;
                // To fail here is what ends the program at once.
                return Err(Refusal::no("killed half way").into());
            }
            Ok(())
        });
        if let Shown::Last(count) = shown {
            lines.iter().skip(lines.len().saturating_sub(count)).for_each(|line| tell(&format!("  {line}")));
        }
        match ran {
            Err(Error::Refused(_)) if killed => Ok(None),
            other => other.map(Some),
        }
    }
}

fn put(place: &Path, text: &str) -> Result<()> {
    if let Some(parent) = place.parent() {
        write::make_directory(parent)?;
    }
    write::replace(place, text.as_bytes(), Durability::Derived)
}
