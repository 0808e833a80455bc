//! Refs that only the git program can read and change, such as those of reftables; one call for each question.
//!
//! `refs` and `head` decide who is asked. Nothing here is used where refs are plain files, but for tests that compare both.

use std::path::PathBuf;

use crate::{
    host::{
        Error, Result,
        environment::Environment,
        git::{
            Repository,
            program::{Allowed, Call, refused},
        },
        process::Stop,
    },
    model::{
        id::Oid,
        process::Exit,
        refusal::{Code, Refusal},
    },
};

/// How long git waits for a ref that another process has locked, as `refs` does itself.
const PATIENCE: [&str; 6] =
    ["-c", "core.filesRefLockTimeout=5000", "-c", "core.packedRefsTimeout=5000", "-c", "reftable.lockTimeout=5000"];

impl Repository {
    /// What the ref, or one that stands beside `refs/` such as `HEAD`, points at in the end.
    pub(in crate::host::git) fn find_ref_by_program(&self, name: &str) -> Result<Option<Oid>> {
        if name.starts_with("refs/") {
            let listed = self.ask_git(&["for-each-ref", "--format=%(objectname) %(refname)", name], &self.environment)?;
            return Ok(refs(&listed)?.into_iter().find_map(|(found, oid)| (found == name).then_some(oid)));
        }
        self.ask_perhaps(&["rev-parse", "--verify", "--quiet", name], &self.environment)?
            .map(Oid::new)
            .transpose()
            .map_err(Error::from)
    }

    /// The name that a symbolic ref points at.
    pub(in crate::host::git) fn symbolic_target_by_program(&self, name: &str) -> Result<Option<String>> {
        self.ask_perhaps(&["symbolic-ref", "--quiet", name], &self.environment)
    }

    /// All refs whose name begins with `prefix`, without symbolic ones.
    pub(in crate::host::git) fn list_refs_by_program(&self, prefix: &str) -> Result<Vec<(String, Oid)>> {
        let directory = prefix.rfind('/').map_or("refs/", |end| &prefix[..=end]);
        let format = "--format=%(if)%(symref)%(then)%(else)%(objectname) %(refname)%(end)";
        let mut found = refs(&self.ask_git(&["for-each-ref", format, directory], &self.environment)?)?;
        found.retain(|(name, _)| name.starts_with(prefix));
        found.sort();
        Ok(found)
    }

    /// Carries out one line of `git update-ref --stdin`; `None` when git says no.
    pub(in crate::host::git) fn change_ref_by_program(&self, line: &str, message: &str) -> Result<Option<()>> {
        let mut arguments = [&PATIENCE[..], &["-c", "core.fsync=committed,loose-object,reference", "update-ref"]].concat();
        if !message.is_empty() {
            arguments.extend(["-m", message]);
        }
        arguments.extend(["--no-deref", "--stdin"]);
        let call = Call { arguments, allowed: Allowed::Nothing, variables: Vec::new(), input: format!("{line}\n").into_bytes() };
        let finished = self.run_git(&call, &self.environment, &Stop::default())?;
        if finished.exit.is_success() {
            return Ok(Some(()));
        }
        if finished.stderr.text().contains("cannot lock") && finished.stderr.text().contains("File exists") {
            return Err(refused(Code::Conflict, "cannot change a ref: another process holds its lock", &finished)
                .hint("if no git command is running any more, remove the lock that it names")
                .retryable()
                .into());
        }
        Ok(None)
    }

    /// The commits that the reflog of a ref names, the newest first, at most `limit`.
    pub(in crate::host::git) fn reflog_by_program(&self, name: &str, limit: usize) -> Result<Vec<Oid>> {
        let count = format!("--max-count={limit}");
        let arguments = ["log", "--walk-reflogs", "--no-show-signature", "--format=%H", &count, name, "--"];
        match self.ask_git(&arguments, &self.environment) {
            Ok(listed) => Ok(listed.lines().map(Oid::new).collect::<Result<_, Refusal>>()?),
            // A ref that is not there has no reflog.
            Err(error) => {
                if self.find_ref_by_program(name)?.is_none() {
                    Ok(Vec::new())
                } else {
                    Err(error)
                }
            }
        }
    }

    /// The work trees of the clone that have a branch checked out, with its full name.
    pub(in crate::host::git) fn checked_out_by_program(&self) -> Result<Vec<(PathBuf, String)>> {
        let listed = self.ask_git(&["worktree", "list", "--porcelain"], &self.environment)?;
        let mut found = Vec::new();
        for part in listed.split("\n\n") {
            let after = |key: &str| part.lines().find_map(|line| line.strip_prefix(key));
            if let (Some(place), Some(branch)) = (after("worktree "), after("branch ")) {
                found.push((PathBuf::from(place), branch.to_owned()));
            }
        }
        Ok(found)
    }

    /// What git answers on one line; nothing where it says that there is no answer.
    pub(in crate::host::git) fn ask_perhaps(&self, arguments: &[&str], environment: &Environment) -> Result<Option<String>> {
        let call = Call { arguments: arguments.to_vec(), allowed: Allowed::Nothing, variables: Vec::new(), input: Vec::new() };
        let finished = self.run_git(&call, environment, &Stop::default())?;
        match finished.exit {
            Exit::Code(0) => Ok(Some(finished.stdout.text().trim_end_matches('\n').to_owned())),
            Exit::Code(1) => Ok(None),
            _ => Err(refused(Code::Environment, &format!("`git {}` failed", arguments.join(" ")), &finished).into()),
        }
    }
}

/// Lines of an id, a space and a name.
fn refs(listed: &str) -> Result<Vec<(String, Oid)>> {
    let pairs = listed.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.map(|(id, name)| Ok((name.to_owned(), Oid::new(id)?))).collect::<Result<_, Refusal>>()?)
}
