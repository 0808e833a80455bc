//! The agent client on this machine: where its program is, what version it says it has, and where its hooks go.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    host::{
        Result,
        process::{self, Invocation, Program, Stop, Variables},
        store::write,
        workspace::Workspace,
    },
    model::client_settings::{self, Dialect},
    ops::setup::{
        change::{self, Change},
        declared::CLIENT_SETTINGS,
    },
};

/// The program of the client.
pub const CLIENT: &str = "claude";

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whose settings get our hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Everybody's who works on the repository.
    Project,
    /// This work tree's alone.
    Local,
}

impl Layer {
    fn path(self) -> &'static str {
        match self {
            Self::Project => CLIENT_SETTINGS[0].1,
            Self::Local => CLIENT_SETTINGS[1].1,
        }
    }
}

/// Where a program would be found that a client starts.
#[must_use]
pub fn found(workspace: &Workspace, program: &str) -> Option<PathBuf> {
    Variables::inherited(workspace.environment()).find(OsStr::new(program), workspace.root())
}

/// What a program prints first when it is asked for its version; none when it does not say, or takes too long.
#[must_use]
pub fn version(workspace: &Workspace, program: &Path) -> Option<String> {
    let (variables, stop) = (Variables::inherited(workspace.environment()), Stop::default());
    let invocation = Invocation::words([program.as_os_str(), OsStr::new("--version")]);
    let mut asked = Program::new(invocation, workspace.root(), &variables, workspace.secrets(), &stop);
    asked.limit = PATIENCE;
    let finished = process::run(&asked, &mut |_| Ok(())).ok()?;
    let text = finished.stdout.text();
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// What the client of this machine understands of hooks.
#[must_use]
pub fn dialect(workspace: &Workspace) -> Dialect {
    let said = found(workspace, CLIENT).and_then(|program| version(workspace, &program));
    Dialect::of_version(said.as_deref())
}

/// The largest settings of a client that are read, in bytes.
pub const MAX_FILE: u64 = 4 << 20;

/// A file of settings: what the client calls it, as people know it, and where it is.
pub type File = (&'static str, String, PathBuf);

/// The files of settings that the client reads here.
#[must_use]
pub fn files(workspace: &Workspace) -> Vec<File> {
    let environment = workspace.environment();
    let own = CLIENT_SETTINGS.map(|(source, path)| (source, path.to_owned(), workspace.root().join(path)));
    let home = match environment.variable("CLAUDE_CONFIG_DIR") {
        Some(directory) => Some(("$CLAUDE_CONFIG_DIR/settings.json".to_owned(), PathBuf::from(directory).join("settings.json"))),
        None => environment.home().map(|home| ("~/.claude/settings.json".to_owned(), home.join(".claude/settings.json"))),
    };
    own.into_iter().chain(home.map(|(name, path)| ("user", name, path))).collect()
}

/// Whether one of these files calls a hook of ours at `event`. Settings that cannot be read call none.
#[must_use]
pub fn call(files: impl IntoIterator<Item = File>, event: &str) -> bool {
    files.into_iter().any(|(_, name, path)| {
        let text = write::read_capped(&path, MAX_FILE).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
        let entries = text.and_then(|text| client_settings::entries(&name, &text).ok()).unwrap_or_default();
        entries.iter().any(|entry| entry == event)
    })
}

/// The changes that put our hooks into one layer and into no other. Where the project has them, a work tree needs none of its
/// own.
///
/// # Errors
/// Refuses settings that are no JSON object, and links.
pub fn hooks(workspace: &Workspace, asked: Layer) -> Result<Vec<Change>> {
    let shared = change::read(workspace, Layer::Project.path())?;
    let in_project = match &shared {
        Some(text) => !client_settings::entries(Layer::Project.path(), text)?.is_empty(),
        None => false,
    };
    let home = if asked == Layer::Project || in_project { Layer::Project } else { Layer::Local };
    // Nobody knows which clients the others have.
    let dialect = if home == Layer::Project { Dialect::Common } else { dialect(workspace) };
    let mut changes = Vec::new();
    for layer in [Layer::Project, Layer::Local] {
        let path = layer.path();
        changes.push(Change::edited(workspace, path, |text| {
            Ok(match text {
                text if layer == home => Some(client_settings::with_entries(path, text, dialect)?),
                Some(text) => client_settings::without_entries(path, text)?,
                None => None,
            })
        })?);
    }
    Ok(changes)
}

/// The changes that take our hooks out of every layer.
///
/// # Errors
/// As [`hooks`].
pub fn no_hooks(workspace: &Workspace) -> Result<Vec<Change>> {
    let out = |layer: Layer| {
        let path = layer.path();
        Change::edited(workspace, path, |text| {
            text.map_or(Ok(None), |text| client_settings::without_entries(path, text).map_err(Into::into))
        })
    };
    [Layer::Project, Layer::Local].into_iter().map(out).collect()
}
