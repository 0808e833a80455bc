//! The hooks of a commit that carries code, run as `git commit` runs them, on an index of their own.
//!
//! No lock of ours and none of git's is held meanwhile. What a hook puts into its index is what is committed; the user's
//! index is not theirs to change.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Doing as _, Error, Result,
        environment::Environment,
        git::{
            CommitRequest, Repository, Tried as _,
            index::settle_times,
            oid,
            program::{Allowed, Call, as_variables, refused},
            raw_oid,
        },
        process::Stop,
    },
    model::{
        change::{Side, TreePath},
        id::Oid,
        refusal::Code,
    },
};

/// A directory for one commit; taken away when it is dropped.
struct Scratch {
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is taken away by the next commit.
        drop(fs::remove_dir_all(&self.path));
    }
}

impl Repository {
    /// Runs `pre-commit`, `prepare-commit-msg` and `commit-msg`; hands back the tree and the message that they leave.
    pub(in crate::host::git) fn run_hooks(
        &self,
        request: &CommitRequest,
        tree: Oid,
        changes: &[(TreePath, Option<Side>)],
        message: String,
        environment: &Environment,
        stop: &Stop,
    ) -> Result<(Oid, String)> {
        let wanted = ["pre-commit", "prepare-commit-msg", "commit-msg"].map(|name| (name, self.has_hook(name)));
        if wanted.iter().all(|(_, exists)| !exists) {
            return Ok((tree, message));
        }
        let scratch = Scratch { path: self.draft_path()? };
        fs::create_dir(&scratch.path).doing("create", &scratch.path)?;
        let index = scratch.path.join("index");
        self.index_of_commit(&index, &tree, changes)?;
        let file = scratch.path.join("COMMIT_EDITMSG");
        fs::write(&file, &message).doing("write", &file)?;
        let file_name = file.to_string_lossy();
        for (name, exists) in wanted {
            let arguments: &[&str] = match name {
                "pre-commit" => &[],
                "prepare-commit-msg" => &[&file_name, "message"],
                _ => &[&file_name],
            };
            if exists {
                self.run_hook(name, arguments, Some(&index), request, environment, stop)?;
            }
        }
        let (mut after, _) = self.open_copy(&index)?;
        let tree = oid(after.write_tree_to(&self.raw).tried("write the tree that the hooks left")?);
        let message = fs::read(&file).doing("read the message that the hooks left in", &file)?;
        Ok((tree, String::from_utf8_lossy(&message).into_owned()))
    }

    /// Runs the `post-commit` hook of a commit that has landed; it can refuse nothing any more, so the error is for telling only.
    ///
    /// # Errors
    /// Says that the hook failed, with the end of what it printed.
    pub fn after_commit(&self, request: &CommitRequest, environment: &Environment, stop: &Stop) -> Result<()> {
        match request.hooks {
            crate::host::git::Hooks::Run if self.has_hook("post-commit") => {
                self.run_hook("post-commit", &[], None, request, environment, stop)
            }
            crate::host::git::Hooks::Run | crate::host::git::Hooks::Skip => Ok(()),
        }
    }

    fn run_hook(
        &self,
        name: &str,
        arguments: &[&str],
        index: Option<&Path>,
        request: &CommitRequest,
        environment: &Environment,
        stop: &Stop,
    ) -> Result<()> {
        let mut variables = as_variables(&request.author, &request.committer);
        variables.push(("GIT_PREFIX", String::new()));
        variables.extend(index.map(|index| ("GIT_INDEX_FILE", index.to_string_lossy().into_owned())));
        let arguments = [&["hook", "run", "--ignore-missing", name, "--"], arguments].concat();
        let finished =
            self.run_git(&Call { arguments, allowed: Allowed::Hooks, variables, input: Vec::new() }, environment, stop)?;
        if finished.exit.is_success() {
            return Ok(());
        }
        let did = if index.is_some() { "refused the commit" } else { "failed after the commit" };
        let what = format!("the hook `{name}` {did} with {}", finished.exit);
        Err(refused(Code::No, &what, &finished).hint("put right what it names, then commit again").into())
    }

    /// Whether a hook may exist: a file of that name, or hooks in the configuration, which newer versions of git run too.
    fn has_hook(&self, name: &str) -> bool {
        let directory = self.raw.config().ok().and_then(|config| config.get_path("core.hooksPath").ok());
        let directory = directory.map_or_else(|| self.raw.commondir().join("hooks"), |directory| self.root().join(directory));
        directory.join(name).exists()
            || self.raw.config().is_ok_and(|config| {
                let mut configured = false;
                let read = config.entries(Some("^hook\\.")).and_then(|entries| entries.for_each(|_| configured = true));
                read.is_err() || configured
            })
    }

    /// Writes the index of the commit to come: its tree, with the state of the files where the user's index knows it.
    fn index_of_commit(&self, path: &Path, tree: &Oid, changes: &[(TreePath, Option<Side>)]) -> Result<()> {
        let users = self.index_path();
        match fs::copy(&users, path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::at("copy the index to", path, error)),
        }
        let (mut index, _) = self.open_copy(path)?;
        let doing = || "write the index of the commit";
        index.read_tree(&self.raw.find_tree(raw_oid(tree)?).tried(doing())?).tried(doing())?;
        for (path, side) in changes {
            if let Some(side) = side {
                index.add(&self.entry(path, side, None)?).tried(doing())?;
            }
        }
        index.write().tried(doing())?;
        settle_times(&users, path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{
        host::git::{
            Content, Hooks, PathContent, Prepared, Staged,
            fixture::{Fixture, path, signature},
        },
        model::refusal::Refusal,
    };

    fn hook(fixture: &Fixture, name: &str, script: &str) {
        let file = format!(".git/hooks/{name}");
        fixture.write(&file, format!("#!/bin/sh\nset -eu\n{script}\n"));
        fs::set_permissions(fixture.root().join(file), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn request(fixture: &Fixture, hooks: Hooks, names: &[&str]) -> CommitRequest {
        let content = |name: &&str| PathContent { path: path(name), content: Content::WorkTree };
        CommitRequest {
            branch: "refs/heads/main".to_owned(),
            parent: Some(fixture.head()),
            paths: names.iter().map(content).collect(),
            message: "Do it\n".to_owned(),
            author: signature(),
            committer: signature(),
            hooks,
            staged: Staged::Refuse,
        }
    }

    fn prepare(fixture: &Fixture, request: &CommitRequest) -> Result<Prepared> {
        let prepared = fixture.repository().prepare(request, &fixture.environment(), &Stop::default());
        prepared.map(|prepared| prepared.expect("there is something to commit"))
    }

    fn fixture() -> Fixture {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.commit_file("other", "1\n");
        fixture.write("a", "2\n");
        fixture.write("other", "staged\n");
        fixture.git(&["add", "other"]);
        fixture
    }

    #[test]
    fn hooks_see_the_commit_and_not_what_else_is_staged() {
        let fixture = fixture();
        hook(
            &fixture,
            "pre-commit",
            "{ pwd; git diff --cached --name-only; git diff --name-only; echo \"$GIT_AUTHOR_NAME\"; } >../seen",
        );
        hook(&fixture, "post-commit", "git log -1 --format=%s >../after");
        let request = request(&fixture, Hooks::Run, &["a"]);
        let before = fixture.status();
        let prepared = prepare(&fixture, &request).unwrap();
        assert_eq!(fixture.status(), before);
        let seen = fs::read_to_string(fixture.root().join("../seen")).unwrap();
        assert_eq!(seen, format!("{}\na\nother\nAda\n", fixture.root().display()));
        let repository = fixture.repository();
        repository.land(&prepared.landing).unwrap();
        repository.after_commit(&request, &fixture.environment(), &Stop::default()).unwrap();
        assert_eq!(fs::read_to_string(fixture.root().join("../after")).unwrap(), "Do it\n");
        assert_eq!(fixture.status(), "M  other");
        assert!(fs::read_dir(fixture.root().join(".git/autonomy/index")).unwrap().next().is_none(), "something stayed behind");
    }

    #[test]
    fn a_hook_that_refuses_is_heard_and_one_that_is_skipped_is_not_run() {
        let fixture = fixture();
        hook(&fixture, "pre-commit", "echo 'line 3 is too long' >&2; exit 1");
        let Err(Error::Refused(Refusal { code, message, .. })) = prepare(&fixture, &request(&fixture, Hooks::Run, &["a"])) else {
            panic!("was not refused")
        };
        assert_eq!(
            (code, message.as_str()),
            (Code::No, "the hook `pre-commit` refused the commit with exit code 1:\nline 3 is too long")
        );
        prepare(&fixture, &request(&fixture, Hooks::Skip, &["a"])).unwrap();
    }

    #[test]
    fn what_hooks_change_is_committed() {
        let fixture = fixture();
        hook(&fixture, "pre-commit", "echo formatted >a; echo made >made; git add a made");
        hook(&fixture, "prepare-commit-msg", "test \"$2\" = message; echo '\nTicket: 7' >>\"$1\"");
        hook(&fixture, "commit-msg", "grep -q Ticket \"$1\"; sed -i 's/Do it/Done/' \"$1\"");
        let prepared = prepare(&fixture, &request(&fixture, Hooks::Run, &["a"])).unwrap();
        assert_eq!((prepared.message.as_str(), &prepared.added_by_hook), ("Done\n\nTicket: 7\n", &vec![path("made")]));
        // What was asked for is staged besides, as agents like to do.
        fixture.git(&["add", "a"]);
        fixture.write("a", "formatted\n");
        fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(fixture.git(&["show", "--format=%B", "--name-status", "HEAD"]), "Done\n\nTicket: 7\n\n\nM\ta\nA\tmade");
        assert_eq!(fixture.git(&["show", "HEAD:a"]), "formatted");
        assert_eq!(fixture.status(), "M  other");
        fixture.fsck();
    }

    #[test]
    fn a_hooks_directory_of_the_configuration_is_found() {
        let fixture = fixture();
        fixture.git(&["config", "core.hooksPath", ".husky"]);
        fixture.write(".husky/pre-commit", "#!/bin/sh\nexit 3\n");
        fs::set_permissions(fixture.root().join(".husky/pre-commit"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(prepare(&fixture, &request(&fixture, Hooks::Run, &["a"])).is_err());
    }

    #[test]
    fn commits_are_signed_where_the_configuration_asks_for_it() {
        let fixture = fixture();
        let key = fixture.root().parent().unwrap().join("key");
        let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        if !made.is_ok_and(|made| made.success()) {
            // Without a program that signs, the refusal is what can be seen.
            fixture.git(&["config", "gpg.program", "/no/such/program"]);
            fixture.git(&["config", "commit.gpgsign", "true"]);
            assert!(prepare(&fixture, &request(&fixture, Hooks::Skip, &["a"])).is_err());
            return;
        }
        fixture.git(&["config", "gpg.format", "ssh"]);
        fixture.git(&["config", "user.signingKey", key.to_str().unwrap()]);
        fixture.git(&["config", "commit.gpgsign", "true"]);
        let prepared = prepare(&fixture, &request(&fixture, Hooks::Skip, &["a"])).unwrap();
        fixture.repository().land(&prepared.landing).unwrap();
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        fixture.write("../signers", format!("ada@example.org {public}"));
        let signers = fixture.root().join("../signers");
        fixture.git(&["-c", &format!("gpg.ssh.allowedSignersFile={}", signers.display()), "verify-commit", "HEAD"]);
        assert_eq!(fixture.git(&["log", "-1", "--format=%an %at %cn %s"]), "Ada 1795197600 Ada Do it");
        fixture.git(&["config", "user.signingKey", "/no/such/key"]);
        fixture.write("a", "3\n");
        let Err(Error::Refused(refusal)) = prepare(&fixture, &request(&fixture, Hooks::Skip, &["a"])) else {
            panic!("was signed")
        };
        assert_eq!(refusal.code, Code::Environment);
    }
}
