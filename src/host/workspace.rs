//! Where a command works: the work tree, its git directories, and what is opened on first use.
//!
//! Found by hand, without git2 and without parsing anything, because most commands need no more.

use std::{
    cell::{OnceCell, RefCell},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Doing, Result, actor,
        clock::Clock,
        environment::Environment,
        git::{Knowledge, Limits, Looked, Repository, Snapshot},
        secret::Secrets,
        settings::{self, Overrides},
        store::{
            binding::{self, Binding},
            layout::Private,
        },
        trust::{TrustStore, is_token},
    },
    model::{
        actor::Actor,
        change::TreePath,
        id::{Candidate, ClientId, SessionId, resolve},
        refusal::Refusal,
        settings::{Settings, layer::Layer, resolve::Resolved},
    },
};

/// One work tree of one clone, with everything that a command may need.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    git_directory: PathBuf,
    common_directory: PathBuf,
    environment: Environment,
    clock: Clock,
    repository: OnceCell<Repository>,
    actor: Actor,
    session: Option<String>,
    client: Option<ClientId>,
    notices: RefCell<Vec<String>>,
    secrets: OnceCell<Secrets>,
    resolved: OnceCell<Resolved>,
    overrides: Overrides,
    knowledge: RefCell<Option<Knowledge>>,
}

impl Workspace {
    /// Finds the work tree around the directory that `environment` starts in.
    ///
    /// # Errors
    /// Refuses where there is no repository, or a bare one.
    pub fn find(environment: Environment, clock: Clock) -> Result<Self> {
        let start = fs::canonicalize(environment.directory()).doing("enter", environment.directory())?;
        for directory in start.ancestors() {
            let dot_git = directory.join(".git");
            let git_directory = match fs::symlink_metadata(&dot_git) {
                Ok(found) if found.is_file() => pointed_at(&dot_git)?,
                Ok(_) if dot_git.join("HEAD").exists() => dot_git,
                _ if directory.file_name().is_some_and(|name| name == ".git") && is_bare(directory) => {
                    return Err(Refusal::environment(format!("`{}` is inside git's own directory", start.display()))
                        .hint("go to the work tree: `cd \"$(git rev-parse --git-dir)/..\"`")
                        .into());
                }
                _ if is_bare(directory) => {
                    return Err(Refusal::environment(format!(
                        "`{}` is a bare repository, which has no work tree",
                        directory.display()
                    ))
                    .hint("work in a clone or a linked work tree: `git worktree add <directory>`")
                    .into());
                }
                _ => continue,
            };
            let common_directory = common(&git_directory)?;
            let actor = actor::detect(&environment);
            let session = environment.text("AUTONOMY_SESSION").map(str::to_owned).or_else(|| {
                let directory = environment.text("CLAUDE_SESSION_DIR").map(Path::new)?;
                directory.file_name().and_then(|name| name.to_str()).map(str::to_owned)
            });
            return Ok(Self {
                root: directory.to_owned(),
                git_directory,
                common_directory,
                environment,
                clock,
                repository: OnceCell::new(),
                actor,
                session,
                client: None,
                notices: RefCell::new(Vec::new()),
                secrets: OnceCell::new(),
                resolved: OnceCell::new(),
                overrides: Overrides::default(),
                knowledge: RefCell::default(),
            });
        }
        Err(Refusal::environment(format!("`{}` is not inside a git repository", start.display()))
            .hint("`git init` makes one; then run the command again")
            .into())
    }

    /// The same place with nothing read yet: for what lasts longer than its settings.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            root: self.root.clone(),
            git_directory: self.git_directory.clone(),
            common_directory: self.common_directory.clone(),
            environment: self.environment.clone(),
            clock: self.clock.clone(),
            repository: OnceCell::new(),
            actor: self.actor.clone(),
            session: self.session.clone(),
            client: self.client.clone(),
            notices: RefCell::new(Vec::new()),
            secrets: OnceCell::new(),
            resolved: OnceCell::new(),
            overrides: self.overrides.clone(),
            knowledge: RefCell::default(),
        }
    }

    /// The top of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The git directory of this work tree.
    #[must_use]
    pub fn git_directory(&self) -> &Path {
        &self.git_directory
    }

    /// The git directory that all work trees of this clone share.
    #[must_use]
    pub fn common_directory(&self) -> &Path {
        &self.common_directory
    }

    /// `.claude/` at the top of the work tree.
    #[must_use]
    pub fn claude(&self) -> PathBuf {
        self.root.join(".claude")
    }

    /// `<common directory>/autonomy/`: logs, bindings, output and caches of this clone.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.common_directory.join("autonomy")
    }

    /// The surroundings of the command.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Time and random suffixes.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The same workspace for a command that was told `--session`.
    #[must_use]
    pub fn for_session(mut self, given: Option<String>) -> Self {
        if given.is_some() {
            self.session = given;
        }
        self
    }

    /// The same workspace for a request of an agent client's conversation.
    #[must_use]
    pub fn for_client(mut self, client: Option<ClientId>) -> Self {
        self.client = client;
        self
    }

    /// The agent client's conversation that the request comes from.
    #[must_use]
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// The same workspace, acting as somebody else: for requests that are carried out for an agent.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Who types the command.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The live session that the command belongs to: the one named by flag or environment, else the one that the client's
    /// conversation is bound to, else the only one that is bound to this work tree.
    ///
    /// # Errors
    /// Refuses an unknown name, and several sessions in this work tree when none is named.
    pub fn belongs_to(&self) -> Result<Option<SessionId>> {
        let mut fitting = self.may_belong_to()?;
        match fitting.len() {
            0 | 1 => Ok(fitting.pop()),
            several => {
                let names: Vec<String> = fitting.iter().map(|id| format!("`{id}`")).collect();
                Err(Refusal::usage(format!("{several} sessions are live in this work tree: {}", names.join(", ")))
                    .hint(format!("say which: `--session {}`", fitting[several - 1]))
                    .into())
            }
        }
    }

    /// As [`Self::belongs_to`], with all that are bound to this work tree when nothing says which, oldest first.
    ///
    /// # Errors
    /// Refuses an unknown name.
    pub fn may_belong_to(&self) -> Result<Vec<SessionId>> {
        let live = binding::live(&Private::of(&self.common_directory))?;
        if let Some(given) = &self.session {
            let candidates: Vec<Candidate<'_>> = live.iter().map(|(id, _)| Candidate { name: id.as_str(), title: "" }).collect();
            return match resolve(SessionId::KIND, given, &candidates) {
                Ok(index) => Ok(vec![live[index].0.clone()]),
                Err(refusal) => {
                    let variable = ["AUTONOMY_SESSION", "CLAUDE_SESSION_DIR"]
                        .into_iter()
                        .find(|name| self.environment.text(name).is_some_and(|text| text.rsplit('/').next() == Some(given)));
                    let hint = match variable {
                        Some(name) => format!("{name} names it: `unset {name}`, or name another with `--session`"),
                        None => refusal.hint.clone().unwrap_or_else(|| "`autonomy session list` shows all".to_owned()),
                    };
                    Err(Refusal { message: format!("{} among the live ones", refusal.message), hint: Some(hint), ..refusal }
                        .into())
                }
            };
        }
        let bound =
            |client: &ClientId, binding: &Option<Binding>| binding.as_ref().is_some_and(|known| known.clients.contains(client));
        if let Some(client) = &self.client
            && let Some((id, _)) = live.iter().find(|(_, binding)| bound(client, binding))
        {
            return Ok(vec![id.clone()]);
        }
        let here = |binding: &Option<Binding>| binding.as_ref().is_some_and(|binding| binding.work_tree == self.root);
        Ok(live.into_iter().filter(|(_, binding)| here(binding)).map(|(id, _)| id).collect())
    }

    /// Whether `path` is the top of a work tree of this clone.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        let dot_git = path.join(".git");
        let git_directory = if dot_git.is_file() { pointed_at(&dot_git).ok() } else { fs::canonicalize(&dot_git).ok() };
        git_directory.and_then(|directory| common(&directory).ok()).is_some_and(|common| common == self.common_directory)
    }

    /// Says something to the person besides the outcome, one line; `cli` prints it on stderr.
    pub fn notice(&self, line: impl Into<String>) {
        self.notices.borrow_mut().push(line.into());
    }

    /// What was said so far.
    pub fn take_notices(&self) -> Vec<String> {
        self.notices.take()
    }

    /// Knows the secrets that no written text may hold: the one choke point of everything that is written.
    pub fn secrets(&self) -> &Secrets {
        self.secrets.get_or_init(|| Secrets::of(&self.environment))
    }

    /// The settings that hold here, read on first use.
    ///
    /// # Errors
    /// Refuses files that are wrong, with file, line and column.
    pub fn settings(&self) -> Result<&Settings> {
        self.resolved().map(|resolved| &resolved.settings)
    }

    /// The settings that hold here with where each came from, read on first use.
    ///
    /// # Errors
    /// Refuses files that are wrong, with file, line and column.
    pub fn resolved(&self) -> Result<&Resolved> {
        if let Some(resolved) = self.resolved.get() {
            return Ok(resolved);
        }
        let resolved = settings::load(Some(&self.root), &self.environment, &self.overrides)?;
        for warning in &resolved.warnings {
            self.notice(format!("warning: {warning}"));
        }
        Ok(self.resolved.get_or_init(|| resolved))
    }

    /// The same workspace for a command whose flags set settings.
    #[must_use]
    pub fn with_overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// What the command's flags set.
    #[must_use]
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The settings as they are now, after a file of them was written.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn reread_settings(&self) -> Result<Resolved> {
        settings::load(Some(&self.root), &self.environment, &self.overrides)
    }

    /// The settings as they would be with `text` as the file of `layer`.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn settings_with(&self, layer: Layer, text: &str) -> Result<Resolved> {
        settings::load_with(Some(&self.root), &self.environment, &self.overrides, Some((layer, text)))
    }

    /// The settings that all share who work on the repository, perhaps with `text` as its file: nothing of this machine.
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub fn shared_settings(&self, text: Option<&str>) -> Result<Resolved> {
        settings::load_shared(&self.root, &self.environment, text)
    }

    /// The person in words, for what remembers who did it: the actor's name, else the account's.
    #[must_use]
    pub fn person(&self) -> String {
        let account =
            || self.environment.text("USER").or_else(|| self.environment.text("LOGNAME")).unwrap_or("a person").to_owned();
        match &self.actor {
            Actor::Person { name: None } => account(),
            named => named.to_string(),
        }
    }

    /// The repository, opened on first use.
    ///
    /// # Errors
    /// Fails when git's own data cannot be read, or not by this program.
    pub fn git(&self) -> Result<&Repository> {
        if let Some(repository) = self.repository.get() {
            return Ok(repository);
        }
        let repository = Repository::open(&self.root, &self.environment)?;
        Ok(self.repository.get_or_init(|| repository))
    }

    /// From now on the system is asked what changes in the work tree, so that a snapshot looks only there. For whoever stays
    /// and takes many.
    pub fn watch_changes(&self) {
        self.knowledge.borrow_mut().get_or_insert_default();
    }

    /// Takes in what the system has told of changes so far.
    pub fn hear_of_changes(&self) {
        if let Some(knowledge) = self.knowledge.borrow_mut().as_mut() {
            knowledge.hear();
        }
    }

    /// A snapshot of the work tree as it is now, with what lies below the directories `also` even where rules ignore it.
    ///
    /// # Errors
    /// As [`Repository::snapshot`].
    pub fn snapshot(&self, limits: &Limits, also: &[TreePath]) -> Result<Snapshot<'_>> {
        let git = self.git()?;
        let mut knowledge = self.knowledge.borrow_mut();
        let Some(knowledge) = knowledge.as_mut() else { return git.snapshot(&self.environment, limits, also) };
        let (snapshot, looked) = git.snapshot_knowing(&self.environment, limits, also, knowledge)?;
        if looked == Looked::WasWrong {
            self.notice("a file changed that the system did not tell of; snapshots look at every file from now on");
        }
        Ok(snapshot)
    }

    /// Lets only a person pass who shows it: typing at a terminal, or with the person's token.
    ///
    /// # Errors
    /// Refuses everybody else, naming `what` was asked.
    pub fn must_be_shown_person(&self, what: &str) -> Result<()> {
        if let Some(token) = &self.overrides().token {
            return if is_token(self.environment(), token)? {
                Ok(())
            } else {
                Err(Refusal::needs_person(format!("{what} is reserved for a person, and the token is not the one that was made"))
                    .hint("`autonomy trust --token` makes a new one, at a terminal")
                    .into())
            };
        }
        self.actor().must_be_person(what)?;
        if self.environment().has_terminal() {
            return Ok(());
        }
        Err(Refusal::needs_person(format!("{what} is reserved for a person, and there is no terminal"))
            .hint("type it at a terminal, or give your token: `--as-person <TOKEN>`")
            .into())
    }
}

impl TrustStore {
    /// Opens what was trusted in the clone of `workspace`. Makes nothing.
    ///
    /// # Errors
    /// As [`TrustStore::of`].
    pub fn open(workspace: &Workspace) -> Result<Self> {
        Self::of(workspace.environment(), workspace.common_directory())
    }
}

fn pointed_at(dot_git: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(dot_git).doing("read", dot_git)?;
    let Some(target) = text.strip_prefix("gitdir:") else {
        return Err(Refusal::environment(format!("`{}` does not say `gitdir: <path>`", dot_git.display())).into());
    };
    let target = dot_git.parent().unwrap_or(Path::new("")).join(target.trim());
    fs::canonicalize(&target).doing("find the git directory", &target)
}

fn common(git_directory: &Path) -> Result<PathBuf> {
    let pointer = git_directory.join("commondir");
    match fs::read_to_string(&pointer) {
        Ok(text) => {
            let target = git_directory.join(text.trim());
            fs::canonicalize(&target).doing("find the shared git directory", &target)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(git_directory.to_owned()),
        Err(error) => Err(error).doing("read", &pointer),
    }
}

fn is_bare(directory: &Path) -> bool {
    directory.join("HEAD").is_file() && directory.join("objects").is_dir() && directory.join("refs").is_dir()
}
