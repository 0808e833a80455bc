//! Going back by itself to the last checkpoint of the session at which all gates were green, where the settings say so.
//!
//! Only what the session's attempts changed goes back, as far as it is as they left it, and never HEAD or a commit. The work
//! is pinned, a person is asked, and `autonomy rollback --undo` takes it back.

use std::collections::BTreeSet;

use crate::{
    host::{
        Doing as _, Result, failpoint,
        store::snapshots::{self, Held, Which},
    },
    model::{
        checkpoint::last_green,
        event::Verdict,
        id::{GateName, TaskId},
        question::{Choice, Urgency},
        quote::counted,
        settings::Automatic,
        state::{TaskStage, TaskState},
    },
    ops::{
        judge::{
            ask,
            gate::{self, Judged},
        },
        time::rollback,
    },
    run::step::Stage,
};

/// The parts of the line about a safety snapshot, by which a way back that a run went by itself is known again.
const BEFORE: &str = "before going back to ";
const BECAUSE: &str = ", because ";
const WENT_RED: &str = " went from green to red";

impl Stage<'_, '_> {
    /// Looks whether the gates are green, now that a task was given up and its work put back.
    pub(in crate::run) fn look_back(&mut self) -> Result<()> {
        if self.workspace().settings()?.rollback.automatic == Automatic::Step {
            return Ok(());
        }
        let judged = gate::judge(&mut self.transaction, &self.gates, None, self.stop, &mut |_| {})?;
        let Judged::Through { ran, .. } = judged else { return Ok(()) };
        let red = ran.into_iter().filter(|one| one.needed && one.verdict != Verdict::Green).map(|one| one.gate);
        self.retreat(&red.collect())
    }

    /// Goes back when one of these gates was green at a checkpoint of the session and anything of its work differs from that.
    pub(in crate::run) fn retreat(&mut self, red: &BTreeSet<GateName>) -> Result<()> {
        if red.is_empty() || self.workspace().settings()?.rollback.automatic == Automatic::Step {
            return Ok(());
        }
        let Some(green) = self.last_green(red)? else { return Ok(()) };
        let name = green.checkpoint.name.as_ref().map_or_else(|| green.commit.short().to_owned(), ToString::to_string);
        let gates = red.iter().map(|gate| format!("`{gate}`")).collect::<Vec<_>>().join(", ");
        let summary = format!("{BEFORE}{name}{BECAUSE}{gates}{WENT_RED}");
        self.transaction.tick();
        let Some(gone) = rollback::retreat(&mut self.transaction, green.commit, summary)? else { return Ok(()) };
        failpoint::reach("run.retreated").doing("go back in", self.workspace().root())?;
        let reference = format!("refs/autonomy/parked/{}", self.run);
        snapshots::pin(self.workspace(), &reference, &gone.safety)?;
        self.say(&format!(
            "went back to {name}, because {gates} was green there: {}; the work is kept at `{reference}`",
            counted(gone.done, "path")
        ));
        self.ask_about(&name, &gates, &reference, &gone.reopened)?;
        // What is measured from here on is measured on what there is now.
        self.baseline().map(drop)
    }

    /// Pins the work and asks about the last way back, when a run went it by itself and died before it could.
    pub(in crate::run) fn ask_about_unasked(&mut self) -> Result<()> {
        let state = self.transaction.state();
        let Some(last) = state.rollbacks.entries.back() else { return Ok(()) };
        let mut taken = state.snapshots.entries.iter().chain(&state.checkpoints.entries);
        let summary = taken.find(|taken| taken.commit == last.safety).and_then(|taken| taken.summary.clone());
        let words = summary.as_deref().and_then(|words| words.strip_prefix(BEFORE)?.strip_suffix(WENT_RED)?.split_once(BECAUSE));
        let Some((name, gates)) = words else { return Ok(()) };
        let is_asked = state.questions.entries.iter().any(|asked| asked.at >= last.at && asked.title.contains(name));
        if is_asked {
            return Ok(());
        }
        let open = |task: &&TaskState| task.stage == TaskStage::Open && task.changed >= last.at;
        let reopened: Vec<TaskId> = state.tasks.iter().filter(|(_, task)| open(task)).map(|(id, _)| id.clone()).collect();
        let reference = format!("refs/autonomy/parked/{}", self.run);
        let safety = last.safety.clone();
        self.transaction.tick();
        snapshots::pin(self.workspace(), &reference, &safety)?;
        self.ask_about(name, gates, &reference, &reopened)
    }

    /// The newest checkpoint of the session in this work tree at which all gates were green.
    fn last_green(&self, red: &BTreeSet<GateName>) -> Result<Option<Held>> {
        let (workspace, session) = (self.workspace(), self.transaction.session());
        let git = workspace.git()?;
        let here = git.worktree_name();
        let mut held = snapshots::held(workspace, Which::Tagged)?;
        held.retain(|held| held.checkpoint.session.as_ref() == session && held.checkpoint.worktree == here);
        let mut known = Vec::new();
        for held in held.iter().rev() {
            known.push((&held.checkpoint.standing, git.tree_outside_claude_of(&held.commit)?, held));
        }
        Ok(last_green(red, known).cloned())
    }

    /// Asks a person whether that was right; the tasks whose work went back wait for the answer.
    fn ask_about(&mut self, name: &str, gates: &str, reference: &str, reopened: &[TaskId]) -> Result<()> {
        let choice = |name: &str, consequence: &str| Choice { name: name.to_owned(), consequence: Some(consequence.to_owned()) };
        let request = ask::Request {
            title: format!("{gates} went from green to red, and the run went back to {name}. Was that right?"),
            urgency: Urgency::P0,
            context: Some(format!(
                "Only paths that the session's attempts had changed went back; HEAD and commits stayed. `autonomy rollback \
                 --undo` takes it back, and the work as it was is kept at `{reference}`."
            )),
            options: vec![
                choice("yes", "what was undone is done again by its tasks"),
                choice("no", "take it back first: `autonomy rollback --undo`"),
            ],
            blocks: reopened.iter().map(ToString::to_string).collect(),
            ..ask::Request::default()
        };
        let asked = ask::ask_in(&mut self.transaction, &request)?;
        self.say(&format!("asked a person: {} (`autonomy inbox`)", asked.title));
        Ok(())
    }
}
