//! Waiting for something to do: tasks that are added, answered or resumed, lines of a check-list, settings, trust.
//!
//! Whether what changed matters is found out by looking again; nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::{
        Error, Result,
        store::write,
        watch::{Noticed, Watch},
        workspace::Workspace,
    },
    model::{document::MAX_MARKDOWN, id::Digest, plan::ending::Ending},
    ops::{
        setup::in_force,
        work::{board::Board, task::import},
    },
    run::{
        edge::Pace,
        step::{NAP, Stage},
    },
};

/// What a run that waits for tasks keeps an eye on.
pub(in crate::run) struct Watching {
    watch: Watch,
    /// The check-lists that tasks came from, as they were read last.
    lists: BTreeMap<String, Option<Digest>>,
    /// The last event that was looked at.
    seq: u64,
    is_said: bool,
}

impl Watching {
    fn over(workspace: &Workspace) -> Self {
        let mut directories: Vec<_> =
            [".claude", ".claude/tasks", ".claude/questions", "docs"].map(|below| workspace.root().join(below)).into();
        let environment = workspace.environment();
        directories.extend(environment.config_directory());
        directories.extend(environment.state_directory().map(|state| state.join("trust")));
        Self { watch: Watch::over(directories), lists: BTreeMap::new(), seq: 0, is_said: false }
    }
}

impl Stage<'_, '_> {
    /// Waits until something may have changed; an ending when the run cannot go on as it is.
    pub(in crate::run) fn look(&mut self, watching: &mut Option<Watching>) -> Result<Option<Ending>> {
        if let Some(watching) = watching {
            return self.wait_for_change(watching);
        }
        // What changes from here on is noticed, so what is there now is looked at once more.
        let watching = watching.insert(Watching::over(self.workspace()));
        self.read_lists(&mut watching.lists)?;
        Ok(self.is_outdated().then_some(Ending::SettingsChanged))
    }

    fn wait_for_change(&mut self, watching: &mut Watching) -> Result<Option<Ending>> {
        if !watching.is_said {
            watching.is_said = true;
            watching.seq = self.transaction.state().seq;
            self.say("waiting for a task that may be started; Ctrl-C or `autonomy stop` ends it");
        }
        let mut pace = Pace::from(self.workspace().clock().now());
        loop {
            let noticed = watching.watch.wait(NAP);
            self.listen()?;
            // A person may be at work meanwhile.
            pace.keep(&mut self.transaction, None);
            let state = self.transaction.state();
            if state.is_ended() {
                return Ok(Some(Ending::Stopped));
            }
            let is_over = self.transaction.at().since(state.headway.started) >= self.plan.max;
            if is_over || state.headway.stop_asked {
                return Ok(None);
            }
            let appended = state.seq != watching.seq;
            watching.seq = state.seq;
            if noticed == Noticed::Nothing && !appended {
                continue;
            }
            if self.is_outdated() {
                return Ok(Some(Ending::SettingsChanged));
            }
            self.read_lists(&mut watching.lists)?;
            watching.seq = self.transaction.state().seq;
            if self.has_work()? {
                watching.is_said = false;
                return Ok(None);
            }
        }
    }

    fn has_work(&self) -> Result<bool> {
        let board = Board::read(self.workspace())?;
        let tasks = board.holdings.ready().into_iter().chain(board.holdings.due());
        Ok(tasks.into_iter().any(|task| self.plan.task.as_ref().is_none_or(|only| *only == task.id)))
    }

    /// Whether settings or trust are not as they were when the run began. Where they cannot be read, the old ones hold.
    fn is_outdated(&mut self) -> bool {
        let fresh = self.workspace().anew();
        let now = || -> Result<bool> {
            let is_same = fresh.settings()? == self.workspace().settings()?
                && in_force::gates(&fresh)? == self.gates
                && in_force::agent(&fresh, &self.name)? == self.profile;
            Ok(!is_same)
        };
        now().unwrap_or_else(|error| {
            self.say(&format!("the settings that hold stay as they were, because {error}"));
            false
        })
    }

    /// Reads check-lists again that tasks came from, where they changed.
    fn read_lists(&mut self, known: &mut BTreeMap<String, Option<Digest>>) -> Result<()> {
        let workspace = self.workspace();
        let board = Board::read(workspace)?;
        let sources = board.holdings.tasks.iter().filter_map(|held| held.task.source.as_ref().map(|source| source.file.clone()));
        let files: BTreeSet<String> = sources.collect();
        for file in files {
            let path = write::inside(workspace.root(), &file)?;
            let digest = write::read_capped(&path, MAX_MARKDOWN as u64).ok().flatten().map(Digest::of);
            if digest.is_none() || known.insert(file.clone(), digest.clone()) == Some(digest) {
                continue;
            }
            match import::import(workspace, &import::Request { file: Some(file.clone()) }) {
                Ok(outcome) if outcome.added.is_empty() => {}
                Ok(outcome) => self.say(&format!("{} more tasks from `{file}`", outcome.added.len())),
                Err(Error::Refused(refusal)) => self.say(&format!("`{file}` was not read: {}", refusal.message)),
                Err(error) => return Err(error),
            }
            self.transaction.catch_up()?;
        }
        Ok(())
    }
}
