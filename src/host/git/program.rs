//! The git program, for what libgit2 does not do as git does: signing, hooks, status and log as people see them.
//!
//! Every call is hardened: nothing that a repository's configuration names is run (file system monitors, external diffs,
//! filters, hooks), nothing waits for a terminal, nothing is tidied up in passing, and no index is refreshed. The one
//! exception are the hooks of the code's own commit, which run as under `git commit`.

use std::time::Duration;

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{Repository, Signature, Tried as _, open::open_raw},
        process::{self, Finished, Invocation, Program, Stop, Variables},
        secret::Secrets,
    },
    model::refusal::{Code, Refusal},
};

/// How long a call may take that only asks git for something.
const ANSWER: Duration = Duration::from_mins(2);

/// How long a call may take that runs a program of the user's: a hook, or one that signs.
const USERS_PROGRAM: Duration = Duration::from_mins(10);

/// How much output of one call is kept, in bytes.
const KEPT: usize = 16 * 1024 * 1024;

/// What a call of git may run besides git.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::host::git) enum Allowed {
    /// Nothing.
    Nothing,
    /// Filter programs that may run.
    Filters,
    /// The program that signs.
    Signing,
    /// The repository's hooks and whatever they call.
    Hooks,
}

/// One call of git.
pub(in crate::host::git) struct Call<'a> {
    /// What git is asked to do, after the options that harden it.
    pub(in crate::host::git) arguments: Vec<&'a str>,
    /// What it may run.
    pub(in crate::host::git) allowed: Allowed,
    /// More variables.
    pub(in crate::host::git) variables: Vec<(&'static str, String)>,
    /// What it reads.
    pub(in crate::host::git) input: Vec<u8>,
}

/// Settings that keep git from running things; the last word of each is what git's command line wants.
const HARDENED: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "log.showSignature=false",
    "core.fsync=committed,loose-object",
];

/// The same for hooks, which may do as they like but leave nothing running behind our back.
const FOR_HOOKS: [&str; 4] =
    ["gc.auto=0", "maintenance.auto=false", "core.fsync=committed,loose-object", "core.splitIndex=false"];

impl Repository {
    /// Runs git in the work tree to its end.
    pub(in crate::host::git) fn run_git(&self, call: &Call<'_>, environment: &Environment, stop: &Stop) -> Result<Finished> {
        if call.allowed == Allowed::Hooks {
            return self.run_git_without(Vec::new(), call, environment, stop);
        }
        let mut names = filters_of(&self.raw)?;
        // To find the submodules libgit2 needs an index that it can read.
        drop(self.index());
        for submodule in self.raw.submodules().unwrap_or_default() {
            if let Ok((inside, _)) = open_raw(&self.root().join(submodule.path())) {
                names.extend(filters_of(&inside)?);
            }
        }
        self.run_git_without(names, call, environment, stop)
    }

    /// The same for a call that looks into no submodule.
    pub(in crate::host::git) fn run_git_here(&self, call: &Call<'_>, environment: &Environment, stop: &Stop) -> Result<Finished> {
        self.run_git_without(filters_of(&self.raw)?, call, environment, stop)
    }

    /// The same with the filter programs of these names switched off.
    pub(in crate::host::git) fn run_git_without(
        &self,
        filters: Vec<String>,
        call: &Call<'_>,
        environment: &Environment,
        stop: &Stop,
    ) -> Result<Finished> {
        let mut words: Vec<String> = vec!["git".to_owned(), "--no-pager".to_owned()];
        let set: &[&str] = if call.allowed == Allowed::Hooks { &FOR_HOOKS } else { &HARDENED };
        for setting in set.iter().map(|setting| (*setting).to_owned()).chain(switched_off(filters)?) {
            words.extend(["-c".to_owned(), setting]);
        }
        words.extend(call.arguments.iter().map(|word| (*word).to_owned()));
        let mut variables = variables(environment, call.allowed);
        for (name, value) in &call.variables {
            variables = variables.with(name, value.as_str());
        }
        let secrets = Secrets::of(environment);
        let mut program = Program::new(Invocation::words(words), self.root(), &variables, &secrets, stop);
        program.limit = if call.allowed == Allowed::Nothing { ANSWER } else { USERS_PROGRAM };
        program.kept = KEPT;
        program.input = &call.input;
        process::run(&program, &mut |_| Ok(()))
    }

    /// What git answers on stdout.
    pub(in crate::host::git) fn ask_git(&self, arguments: &[&str], environment: &Environment) -> Result<String> {
        let call = Call { arguments: arguments.to_vec(), allowed: Allowed::Nothing, variables: Vec::new(), input: Vec::new() };
        let finished = self.run_git(&call, environment, &Stop::default())?;
        if finished.exit.is_success() {
            return Ok(finished.stdout.text().into_owned());
        }
        Err(refused(Code::Environment, &format!("`git {}` failed", arguments.join(" ")), &finished).into())
    }

    /// Writes a commit that git signs as the configuration says, and hands back what git prints: its id.
    pub(in crate::host::git) fn write_signed(
        &self,
        arguments: &[&str],
        people: [&Signature; 2],
        environment: &Environment,
        stop: &Stop,
    ) -> Result<String> {
        let [author, committer] = people;
        let call = Call {
            arguments: [&["commit-tree", "-S"], arguments].concat(),
            allowed: Allowed::Signing,
            variables: as_variables(author, committer),
            input: Vec::new(),
        };
        let finished = self.run_git(&call, environment, stop)?;
        if finished.exit.is_success() {
            return Ok(finished.stdout.text().trim().to_owned());
        }
        let what = format!("cannot commit: `commit.gpgsign` is set and signing ended with {}", finished.exit);
        Err(refused(Code::Environment, &what, &finished)
            .hint("`git config user.signingKey` names the key; `git commit -S` shows what is wrong")
            .into())
    }
}

/// Settings that turn off the filter programs of these names.
fn switched_off(mut names: Vec<String>) -> Result<Vec<String>> {
    names.sort();
    names.dedup();
    if let Some(odd) = names.iter().find(|name| name.contains(['=', '\n'])) {
        return Err(Refusal::environment(format!(
            "the filter `{}` of the git configuration cannot be turned off",
            odd.escape_debug()
        ))
        .hint("give it a name without `=`")
        .into());
    }
    let off = |name: String| ["clean=", "smudge=", "process=", "required=false"].map(|key| format!("filter.{name}.{key}"));
    Ok(names.into_iter().flat_map(off).collect())
}

/// The names of all filters of the configuration, whoever they are of.
pub(in crate::host::git) fn filters_of(repository: &git2::Repository) -> Result<Vec<String>> {
    let doing = || "read the filters of the git configuration";
    let config = repository.config().tried(doing())?;
    let mut names = Vec::new();
    let entries = config.entries(Some("^filter\\.")).tried(doing())?;
    entries
        .for_each(|entry| {
            let name = entry.name().ok().and_then(|name| name.strip_prefix("filter.")?.rsplit_once('.'));
            names.extend(name.map(|(name, _)| name.to_owned()));
        })
        .tried(doing())?;
    Ok(names)
}

/// Of git's own variables only those that say where configuration lies stay, but for hooks and signing, which get all that
/// do not point at another repository.
fn variables(environment: &Environment, allowed: Allowed) -> Variables {
    let kept = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"];
    let injected = |name: &str| name == "GIT_CONFIG" || name == "GIT_CONFIG_PARAMETERS" || name.starts_with("GIT_CONFIG_COUNT");
    let unwanted = |name: &str| match allowed {
        Allowed::Nothing | Allowed::Filters => name.starts_with("GIT_") && !kept.contains(&name),
        Allowed::Signing | Allowed::Hooks => injected(name) || name.starts_with("GIT_TRACE"),
    };
    let variables = Variables::inherited(environment).without(unwanted).with("GIT_TERMINAL_PROMPT", "0");
    match allowed {
        Allowed::Nothing | Allowed::Filters | Allowed::Signing => {
            variables.with("GIT_OPTIONAL_LOCKS", "0").with("LC_ALL", "C.UTF-8")
        }
        Allowed::Hooks => variables.with("GIT_EDITOR", ":"),
    }
}

/// Author and committer in the variables that git reads them from.
pub(in crate::host::git) fn as_variables(author: &Signature, committer: &Signature) -> Vec<(&'static str, String)> {
    let date = |who: &Signature| {
        let (sign, offset) = if who.offset_minutes < 0 { ('-', -who.offset_minutes) } else { ('+', who.offset_minutes) };
        format!("@{} {sign}{:02}{:02}", who.at.as_millisecond().div_euclid(1000), offset / 60, offset % 60)
    };
    vec![
        ("GIT_AUTHOR_NAME", author.identity.name.clone()),
        ("GIT_AUTHOR_EMAIL", author.identity.email.clone()),
        ("GIT_AUTHOR_DATE", date(author)),
        ("GIT_COMMITTER_NAME", committer.identity.name.clone()),
        ("GIT_COMMITTER_EMAIL", committer.identity.email.clone()),
        ("GIT_COMMITTER_DATE", date(committer)),
    ]
}

/// A refusal with the end of what a program printed: at most 20 lines.
pub(in crate::host::git) fn refused(code: Code, what: &str, finished: &Finished) -> Refusal {
    let printed = [finished.stdout.text(), finished.stderr.text()].concat();
    let lines: Vec<&str> = printed.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(20)..].join("\n");
    Refusal::new(code, if tail.is_empty() { what.to_owned() } else { format!("{what}:\n{tail}") })
}

#[cfg(test)]
mod tests {
    use crate::host::git::fixture::Fixture;

    /// A repository whose configuration names a program for everything that git runs by itself.
    fn hostile() -> (Fixture, std::path::PathBuf) {
        let fixture = Fixture::new();
        fixture.commit_file("a.txt", "1\n");
        let canary = fixture.root().parent().unwrap().join("canary");
        let program = format!("touch '{}'; cat", canary.display());
        fixture.write(".git/evil.sh", format!("#!/bin/sh\n{program}\n"));
        let evil = fixture.root().join(".git/evil.sh");
        std::fs::set_permissions(&evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let evil = evil.to_str().unwrap();
        for key in [
            "core.fsmonitor",
            "diff.external",
            "diff.x.textconv",
            "diff.x.command",
            "core.pager",
            "filter.x.clean",
            "gpg.program",
            "core.editor",
        ] {
            fixture.git(&["config", key, evil]);
        }
        fixture.git(&["config", "filter.x.required", "true"]);
        fixture.git(&["config", "log.showSignature", "true"]);
        for hook in ["post-index-change", "reference-transaction", "pre-commit"] {
            fixture.write(&format!(".git/hooks/{hook}"), format!("#!/bin/sh\n{program}\n"));
            let file = fixture.root().join(".git/hooks").join(hook);
            std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        fixture.write(".git/info/attributes", "*.txt filter=x diff=x\n");
        fixture.write("a.txt", "2\n");
        (fixture, canary)
    }

    #[test]
    fn nothing_that_the_configuration_names_is_run() {
        let (fixture, canary) = hostile();
        drop(fixture.try_git(&["status"]));
        assert!(canary.exists(), "plain git was to run something");
        std::fs::remove_file(&canary).unwrap();
        let (repository, environment) = (fixture.repository(), fixture.environment());
        assert_eq!(repository.status_text(&environment).unwrap(), " M a.txt\n");
        assert!(repository.log_text(&environment, 10).unwrap().ends_with("Change a.txt\n"));
        repository.status().unwrap();
        assert!(!canary.exists(), "something of the configuration was run");
    }
}
