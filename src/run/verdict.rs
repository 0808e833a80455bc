//! What follows from an attempt that came to its end: the gates' judgement, the commit and the checkpoint of a task that is
//! done, or its parking.

use crate::{
    host::{
        Doing as _, Error, Result, confined, failpoint,
        git::{Content, PathContent, Staged},
        store::{
            publish::{self, Publication, Published},
            record,
        },
    },
    model::{
        change::{ChangeKind, TreePath},
        checkpoint::CheckpointKind,
        event::{Fact, Verdict},
        id::{Oid, TaskId},
        plan::{
            ending::Ending,
            progress::{Current, Progress},
        },
        quote,
        record::RecordKind,
        refusal::Code,
        task::{Status, Task, acceptance::Acceptance, progress::Progress as Standing},
        todo,
    },
    ops::{
        judge::{
            gate::{self, Judged, Ran},
            undeclared,
        },
        setup::in_force,
        time::keep,
        work::{
            board::Board,
            task::{
                done::{self, Reached},
                proof::{Evidence, NAMED},
                verify::{self, Check},
            },
        },
    },
    run::{
        edge::{self, Aside},
        step::{Stage, may_pass, seen, shared},
    },
};

/// From so many files on that a commit deletes, what was before it is kept as a checkpoint.
const MANY: usize = 20;

/// How often a commit is tried that somebody else's came before.
const TRIES: u32 = 3;

/// What came of looking at a finished attempt.
enum Judgement {
    Green { evidence: Evidence },
    Red { failing: Vec<(String, String)> },
    Stopped,
}

impl Stage<'_, '_> {
    /// Judges what an attempt left: whose paths it changed, whether the task waits, and what the gates say.
    pub(in crate::run) fn judge(&mut self, current: &Current, progress: &Progress) -> Result<()> {
        let workspace = self.workspace();
        let board = Board::read(workspace)?;
        let held = board.task(current.task.as_str())?.clone();
        match &held.progress {
            Standing::Waiting { question } if current.own.is_empty() => {
                self.say(&format!("waits for a person: {question}"));
                let (task, question) = (current.task.clone(), question.clone());
                return self.transaction.append_facts(&[Fact::TaskWaiting { task, question }]);
            }
            Standing::Waiting { question } => {
                let why = format!("it waits for the answer to {question}");
                return self.park(current, &why);
            }
            Standing::Cancelled => {
                edge::put_aside(&mut self.transaction, current)?;
                let why = "it was cancelled while it was worked on".to_owned();
                return self.transaction.append_facts(&[Fact::TaskCancelled { task: current.task.clone(), why }]);
            }
            Standing::Open | Standing::Started | Standing::Failed { .. } | Standing::Parked { .. } | Standing::Done { .. } => {}
        }
        let theirs = shared(&current.own, &edge::dirty(workspace.git()?, &current.base)?);
        if !theirs.is_empty() {
            let why = format!("it changed `{}`, which had changes that are not committed", theirs.join("`, `"));
            return self.park(current, &why);
        }
        let now = edge::snapshot(&mut self.transaction, &current.task)?;
        let secrets = edge::secrets(workspace.git()?, &current.base, &now.commit, &current.own)?;
        if !secrets.is_empty() {
            let why = format!("it adds what looks like a secret: {}", secrets.join(", "));
            return self.park(current, &why);
        }
        if current.own.is_empty() && !current.recorded {
            self.failing = vec![("the last try".to_owned(), "it changed nothing".to_owned())];
            return self.fail(current, "it changed nothing");
        }
        let ticked = self.tick_source(&held.task, current)?;
        match self.ask_gates(&held.task, current, progress)? {
            Judgement::Stopped => Ok(()),
            Judgement::Green { evidence } => {
                if let Some(why) = self.lacks_decision(current, &held.task.title)? {
                    self.untick_source(&held.task, &ticked)?;
                    return self.park(current, &why);
                }
                let board = Board::read(workspace)?;
                let held = board.task(current.task.as_str())?;
                let (mut facts, reached) = done::facts(&self.transaction, &board, held, &evidence)?;
                // The tick is the task's own change, known before its file is committed.
                facts.splice(0..0, ticked);
                self.transaction.append_facts(&facts)?;
                for milestone in reached {
                    self.say(&format!("milestone reached: {milestone}"));
                }
                failpoint::reach("run.done").doing("finish a task in", workspace.root())
            }
            Judgement::Red { failing } => {
                self.untick_source(&held.task, &ticked)?;
                let names: Vec<&str> = failing.iter().map(|(what, _)| what.as_str()).collect();
                let why = names.join(", ");
                self.failing.clone_from(&failing);
                self.fail(current, &why)
            }
        }
    }

    /// Why what the task changed may not be committed without somebody's decision; nothing when it may.
    fn lacks_decision(&mut self, current: &Current, title: &str) -> Result<Option<String>> {
        let now = edge::snapshot(&mut self.transaction, &current.task)?;
        let request = undeclared::Request {
            task: &current.task,
            title,
            agent: &self.name,
            from: &current.base,
            to: &now.commit,
            paths: &current.own,
            decisions: &current.decisions,
        };
        Ok(match undeclared::check(&mut self.transaction, &request)? {
            undeclared::Outcome::Free => None,
            undeclared::Outcome::Told { words } => {
                self.say(&format!("no decision: {words}"));
                None
            }
            undeclared::Outcome::Denied { why } => Some(why),
            undeclared::Outcome::Waits { why, question } => Some(format!("{why}; `autonomy answer {question}` settles it")),
        })
    }

    /// Ticks the box of the check-list that the task came from, when the person left that file as committed. Hands back the
    /// fact that says so.
    fn tick_source(&mut self, task: &Task, current: &Current) -> Result<Vec<Fact>> {
        let workspace = self.workspace();
        let Some(source) = &task.source else { return Ok(Vec::new()) };
        let path = TreePath::new(source.file.as_str())?;
        if edge::dirty(workspace.git()?, &current.base)?.contains(&path) {
            return Ok(Vec::new());
        }
        let confined::Found::File { bytes, .. } = confined::look(workspace.root(), &path)? else { return Ok(Vec::new()) };
        let Ok(text) = String::from_utf8(bytes) else { return Ok(Vec::new()) };
        if let Some(ticked) = todo::tick(&text, &source.line) {
            confined::put(workspace.root(), &path, ticked.as_bytes(), None)?;
        }
        // A run that died here may have ticked it already.
        let after = edge::snapshot(&mut self.transaction, &current.task)?;
        let mut changes = edge::changes(workspace.git()?, &current.base, &after.commit)?;
        changes.retain(|change| change.path == path);
        Ok(seen(&current.step, &changes))
    }

    fn untick_source(&self, task: &Task, ticked: &[Fact]) -> Result<()> {
        let root = self.workspace().root();
        let Some(source) = task.source.as_ref().filter(|_| !ticked.is_empty()) else { return Ok(()) };
        let path = TreePath::new(source.file.as_str())?;
        if let confined::Found::File { bytes, .. } = confined::look(root, &path)?
            && let Ok(text) = String::from_utf8(bytes)
            && let Some(unticked) = todo::untick(&text, &source.line)
        {
            confined::put(root, &path, unticked.as_bytes(), None)?;
        }
        Ok(())
    }

    /// Runs the gates, and the task's own acceptance commands that are trusted.
    fn ask_gates(&mut self, task: &Task, current: &Current, progress: &Progress) -> Result<Judgement> {
        let workspace = self.workspace();
        let mut lines = Vec::new();
        let judged = gate::judge(&mut self.transaction, &self.gates, Some(&current.step), self.stop, &mut |ran| {
            lines.push(format!("gate {}: {} ({})", ran.gate, ran.verdict.word(), ran.took));
        })?;
        for line in &lines {
            self.say(line);
        }
        let Judged::Through { tree, ran } = judged else { return Ok(Judgement::Stopped) };
        let was_red = |one: &Ran| progress.gates.get(&one.gate).is_some_and(|verdict| *verdict != Verdict::Green);
        let is_red = |one: &&Ran| one.needed && one.verdict != Verdict::Green;
        let mut failing: Vec<(String, String)> = ran
            .iter()
            .filter(is_red)
            .filter(|one| !was_red(one))
            .map(|one| (format!("gate {} is {}", one.gate, one.verdict.word()), one.output.clone().unwrap_or_default()))
            .collect();
        let mut proven = !ran.is_empty() && !ran.iter().any(|one| is_red(&one));
        if task.acceptance.iter().any(|one| matches!(one, Acceptance::Command { .. })) {
            let outcome = verify::verify_until(workspace, &verify::Request { task: task.id.to_string() }, self.stop);
            self.transaction.catch_up()?;
            if outcome.is_err() && self.stop.is_told() {
                return Ok(Judgement::Stopped);
            }
            let outcome = outcome?;
            for check in outcome.checks {
                match check {
                    Check::Ran { entry, verdict: Verdict::Green, took, .. } => self.say(&format!("{entry}: green ({took})")),
                    Check::Ran { entry, verdict, output, .. } => {
                        self.say(&format!("{entry}: {}", verdict.word()));
                        failing.push((format!("{entry} is {}", verdict.word()), output.unwrap_or_default()));
                    }
                    Check::Untrusted { entry } => {
                        self.say(&format!("{entry} is not trusted and did not run; `autonomy trust` shows it"));
                        proven = false;
                    }
                    Check::ForPerson { .. } => {}
                }
            }
        }
        if !failing.is_empty() {
            return Ok(Judgement::Red { failing });
        }
        let now = edge::snapshot(&mut self.transaction, &current.task)?;
        let dirty = edge::dirty(workspace.git()?, &now.commit)?;
        let uncommitted = dirty.difference(&current.own).filter(|path| !is_source(task, path)).map(ToString::to_string);
        let uncommitted = uncommitted.take(NAMED).collect();
        Ok(Judgement::Green { evidence: Evidence { tree: proven.then_some(tree), uncommitted } })
    }

    /// Says that a try failed.
    pub(in crate::run) fn fail(&mut self, current: &Current, why: &str) -> Result<()> {
        self.say(&format!("try {} failed: {why}", current.tries + 1));
        self.transaction.tick();
        self.transaction.append_facts(&[Fact::TaskFailed { task: current.task.clone(), why: quote::head(why, 1_000) }])
    }

    /// Gives a task up for now: pins its work, puts its own paths back, and says where the work is.
    pub(in crate::run) fn park(&mut self, current: &Current, why: &str) -> Result<()> {
        let Aside { reference, kept } = edge::put_aside(&mut self.transaction, current)?;
        failpoint::reach("run.parked").doing("park a task in", self.workspace().root())?;
        let at = reference.as_ref().map_or(String::new(), |reference| format!("; its work is kept at `{reference}`"));
        self.say(&format!("parked: {why}{at}"));
        self.transaction.tick();
        let mut why = quote::head(why, 1_000);
        if !kept.is_empty() {
            let names = quote::first_of(&kept.iter().map(ToString::to_string).collect::<Vec<_>>());
            let stayed = format!("{names} stayed, for somebody changed it since the last attempt");
            self.say(&stayed);
            why = format!("{why}; {stayed}");
        }
        self.transaction.append_facts(&[Fact::TaskParked { task: current.task.clone(), why, reference }])
    }

    /// Commits the work of a task that is done and takes its checkpoint; an ending when it cannot be committed now.
    pub(in crate::run) fn land(&mut self, current: &Current) -> Result<Option<Ending>> {
        let board = Board::read(self.workspace())?;
        let title = board.holdings.title_of(&current.task).to_owned();
        let rounds = if current.committed { 0 } else { TRIES };
        for round in 1..=rounds {
            let publication = self.publication(current, &title)?;
            if !publication.code.is_empty()
                && let Err(Error::Refused(refusal)) = in_force::demand_hooks(self.workspace())
            {
                return Ok(Some(Ending::CannotCommit { why: refusal.message }));
            }
            self.keep_what_is_deleted(current, &publication, &title)?;
            match publish::publish(&mut self.transaction, &publication) {
                Ok(Published::Committed { commit, branch, .. }) => {
                    self.say(&format!("committed {} on `{branch}`: {title}", commit.short()));
                    break;
                }
                Ok(Published::Nothing | Published::Waits { .. }) => break,
                // A hook that was ended with us has not judged; the next run commits.
                Err(Error::Refused(_)) if self.stop.is_told() => return Ok(Some(Ending::Stopped)),
                Err(Error::Refused(refusal)) if may_pass(&refusal) && round < TRIES => {}
                Err(Error::Refused(refusal)) if may_pass(&refusal) => {
                    return Ok(Some(Ending::CannotCommit { why: refusal.message }));
                }
                Err(Error::Refused(refusal)) if refusal.code == Code::NeedsPerson => {
                    self.reopen(&current.task, &refusal.message)?;
                    return self.park(current, &refusal.message).map(|()| None);
                }
                Err(Error::Refused(refusal)) => {
                    // A hook, as strict as a gate, said no.
                    self.reopen(&current.task, &refusal.message)?;
                    self.failing = vec![("the commit".to_owned(), refusal.message.clone())];
                    return self.fail(current, &format!("it cannot be committed: {}", refusal.message)).map(|()| None);
                }
                Err(error) => return Err(error),
            }
        }
        failpoint::reach("run.landed").doing("finish a task in", self.workspace().root())?;
        self.transaction.tick();
        let name = edge::checkpoint(&mut self.transaction, &board.holdings, &current.task)?;
        self.say(&format!("checkpoint {name}"));
        Ok(None)
    }

    /// Keeps the snapshot from before the task as a checkpoint when its commit deletes many files.
    fn keep_what_is_deleted(&mut self, current: &Current, publication: &Publication, title: &str) -> Result<()> {
        let deleted = publication.code.iter().filter(|one| one.content == Content::Deleted).count();
        let taken = &self.transaction.state().checkpoints.entries;
        let is_kept = taken.iter().any(|it| it.reason == CheckpointKind::Migration && it.task.as_ref() == Some(&current.task));
        if deleted < MANY || is_kept {
            return Ok(());
        }
        let kept = keep::before(&mut self.transaction, &current.base, &current.task, &format!("before {title}"))?;
        if let Some(name) = kept.checkpoint.name {
            self.say(&format!("deletes {}: checkpoint {name} has them", quote::counted(deleted, "file")));
        }
        Ok(())
    }

    /// Exactly the task's own paths, as far as they are not as committed.
    fn publication(&mut self, current: &Current, title: &str) -> Result<Publication> {
        let git = self.workspace().git()?;
        let now = edge::snapshot(&mut self.transaction, &current.task)?;
        let head: Option<Oid> = git.head()?.commit().cloned();
        let changes = git.changes(head.as_ref(), &now.commit)?;
        let code = changes.into_iter().filter(|change| current.own.contains(&change.path)).map(|change| PathContent {
            content: match change.kind() {
                ChangeKind::Deleted => Content::Deleted,
                ChangeKind::Added | ChangeKind::Modified | ChangeKind::Mode | ChangeKind::Type => Content::WorkTree,
            },
            path: change.path,
        });
        let code = code.collect();
        let state = self.transaction.state();
        let checkpoint = state.checkpoints.entries.back().and_then(|taken| taken.name.clone());
        let body = state.gates.iter().map(|(gate, known)| format!("gate {gate}: {}", known.verdict.word())).collect::<Vec<_>>();
        Ok(Publication {
            subject: quote::line(title, 72),
            body: Some(body.join("\n")),
            code,
            decisions: current.decisions.clone(),
            checkpoint,
            staged: Staged::Refuse,
            stop: self.stop.clone(),
        })
    }

    /// A task that was said to be done is not.
    fn reopen(&mut self, task: &TaskId, why: &str) -> Result<()> {
        let workspace = self.workspace();
        let stored = Board::read(workspace)?.stored(workspace, RecordKind::Task, task.as_str())?;
        let set = std::collections::BTreeMap::from([("status".to_owned(), serde_json::json!(Status::Open))]);
        let fact = record::changed(&self.transaction, &stored, set)?;
        let why = quote::head(why, 1_000);
        self.transaction.append_facts(&[fact, Fact::TaskReopened { task: task.clone(), why }])
    }

    /// Runs what tests a milestone that nothing comes before any more, and says that it is reached when all of that is green.
    /// One that is not is tried again once more work is done.
    pub(in crate::run) fn reach(&mut self, milestone: &TaskId) -> Result<()> {
        let mut lines = Vec::new();
        let reached = done::reach(&mut self.transaction, milestone, self.stop, &mut |line| lines.push(line.to_owned()))?;
        for line in &lines {
            self.say(line);
        }
        match reached {
            Reached::Yes(moved) => {
                let checkpoint = moved.checkpoint.map(|name| format!("; checkpoint {name}")).unwrap_or_default();
                self.say(&format!("milestone reached: {}{checkpoint}", moved.title));
                self.transaction.tick();
                let text = format!("milestone reached: {}", moved.title);
                self.transaction.append_facts(&[Fact::ProgressAdded { text, task: Some(milestone.clone()) }])
            }
            Reached::No(_) if self.stop.is_told() => Ok(()),
            Reached::No(refusal) => {
                self.say(&refusal.message);
                self.transaction.tick();
                let why = quote::head(&refusal.message, 1_000);
                self.transaction.append_facts(&[Fact::TaskFailed { task: milestone.clone(), why }])
            }
        }
    }

    /// Notes the progress of a task whose work is committed and whose checkpoint is there.
    pub(in crate::run) fn note(&mut self, current: &Current) -> Result<()> {
        let board = Board::read(self.workspace())?;
        let text = format!("done: {}", board.holdings.title_of(&current.task));
        self.transaction.tick();
        self.transaction.append_facts(&[Fact::ProgressAdded { text, task: Some(current.task.clone()) }])
    }
}

fn is_source(task: &Task, path: &TreePath) -> bool {
    task.source.as_ref().is_some_and(|source| path.as_bytes() == source.file.as_bytes())
}
