//! Who commits, and what the configuration says about it.
//!
//! Variables come from the handed-in environment, never from the process; nothing is ever written to the configuration.

use std::collections::BTreeMap;

use crate::{
    host::{
        Error, Result,
        environment::Environment,
        git::{Repository, Tried as _},
    },
    model::{
        refusal::{Code, Refusal},
        time::Timestamp,
    },
};

/// The keys that say who commits.
const PEOPLE: &str = r"^(user|author|committer)\.(name|email)$";

/// A name and an e-mail address, as commits carry them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The e-mail address without angle brackets.
    pub email: String,
}

impl Identity {
    /// The identity in one of libgit2's signatures; bytes that are not UTF-8 are replaced.
    pub(in crate::host::git) fn of(signature: &git2::Signature<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { name: text(signature.name_bytes()), email: text(signature.email_bytes()) }
    }
}

/// Who did something and when, by whose clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub identity: Identity,
    /// When; git keeps whole seconds.
    pub at: Timestamp,
    /// How far local time is ahead of UTC, in minutes.
    pub offset_minutes: i32,
}

impl Signature {
    /// The same for libgit2.
    pub(in crate::host::git) fn raw(&self) -> Result<git2::Signature<'static>> {
        let time = git2::Time::new(self.at.as_millisecond().div_euclid(1000), self.offset_minutes);
        git2::Signature::new(&self.identity.name, &self.identity.email, &time)
            .tried(format!("sign as `{} <{}>`", self.identity.name, self.identity.email))
    }
}

/// The two roles of a commit.
#[derive(Clone, Copy)]
enum Role {
    Author,
    Committer,
}

impl Repository {
    /// Who is named as author of a commit made now; `GIT_AUTHOR_NAME` and `GIT_AUTHOR_EMAIL` win over the configuration.
    ///
    /// # Errors
    /// Refuses, as git does, when no name or address is set.
    pub fn author(&self, environment: &Environment, at: Timestamp) -> Result<Signature> {
        self.signature(environment, at, Role::Author)
    }

    /// Who is named as committer of a commit made now; `GIT_COMMITTER_NAME` and `GIT_COMMITTER_EMAIL` win over the configuration.
    ///
    /// # Errors
    /// Refuses, as git does, when no name or address is set.
    pub fn committer(&self, environment: &Environment, at: Timestamp) -> Result<Signature> {
        self.signature(environment, at, Role::Committer)
    }

    /// As [`Repository::committer`], and this program itself where git knows nobody: for commits on no branch of the user's.
    ///
    /// # Errors
    /// Fails when the configuration cannot be read.
    pub fn committer_or_own(&self, environment: &Environment, at: Timestamp) -> Result<Signature> {
        self.committer(environment, at).or_else(|error| match &error {
            Error::Refused(refusal) if refusal.code == Code::Environment => {
                let identity = Identity { name: "autonomy".into(), email: "autonomy@localhost".into() };
                Ok(Signature { identity, at, offset_minutes: 0 })
            }
            _ => Err(error),
        })
    }

    fn signature(&self, environment: &Environment, at: Timestamp, role: Role) -> Result<Signature> {
        let (variables, section) = match role {
            Role::Author => (["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"], "author"),
            Role::Committer => (["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"], "committer"),
        };
        let mut elsewhere = None;
        let mut part = |variable: &str, key: &str| -> Result<Option<String>> {
            if let Some(value) = environment.text(variable).filter(|value| !value.trim().is_empty()) {
                return Ok(Some(value.to_owned()));
            }
            for section in [section, "user"] {
                let value = self.config_as_git(&format!("{section}.{key}"), environment, &mut elsewhere)?;
                if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        };
        let name = part(variables[0], "name")?;
        let email = match part(variables[1], "email")? {
            None => environment.text("EMAIL").map(str::to_owned),
            found => found,
        };
        let (Some(name), Some(email)) = (name, email) else {
            return Err(Refusal::environment(
                "git does not know who commits here: `user.name` and `user.email` are not both set",
            )
            .hint("`git config --global user.name \"Your Name\"` and `git config --global user.email you@example.org`")
            .into());
        };
        // libgit2 reads the time zone of the machine; only the offset is kept.
        let offset_minutes = git2::Signature::now("x", "x").map_or(0, |now| now.when().offset_minutes());
        Ok(Signature { identity: Identity { name, email }, at, offset_minutes })
    }

    /// A value of the configuration as text, when it is set.
    ///
    /// # Errors
    /// Fails when the configuration cannot be read.
    pub fn config_text(&self, key: &str) -> Result<Option<String>> {
        let config = self.raw.config().tried("read the git configuration")?;
        match config.get_string(key) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(format!("read `{key}` of the git configuration")),
        }
    }

    /// A value of the configuration that is true or false, when it is set.
    ///
    /// # Errors
    /// Fails when the configuration cannot be read or the value is neither.
    pub fn config_bool(&self, key: &str) -> Result<Option<bool>> {
        let config = self.raw.config().tried("read the git configuration")?;
        match config.get_bool(key) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(format!("read `{key}` of the git configuration")),
        }
    }

    /// A value of the configuration as text, also where libgit2 would look in the wrong files; those are then read once, into
    /// `elsewhere`.
    fn config_as_git(
        &self,
        key: &str,
        environment: &Environment,
        elsewhere: &mut Option<BTreeMap<String, String>>,
    ) -> Result<Option<String>> {
        if !points_elsewhere(environment) {
            return self.config_text(key);
        }
        // The repository's own files are the same for both, and win; asking them takes no program.
        if let Some(value) = self.config_of_repository(key)? {
            return Ok(Some(value));
        }
        let all = match elsewhere {
            Some(all) => all,
            None => elsewhere.insert(self.config_by_program(environment)?),
        };
        Ok(all.get(key).cloned())
    }

    /// Every name and address of the configuration by git's word, the last of a key; one that says nothing is empty.
    fn config_by_program(&self, environment: &Environment) -> Result<BTreeMap<String, String>> {
        let listed = self.ask_perhaps(&["config", "--null", "--get-regexp", PEOPLE], environment)?.unwrap_or_default();
        let entries = listed.split_terminator('\0').map(|entry| entry.split_once('\n').unwrap_or((entry, "")));
        Ok(entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// A value that the work tree's or the repository's own configuration sets.
    fn config_of_repository(&self, key: &str) -> Result<Option<String>> {
        let config = self.raw.config().tried("read the git configuration")?;
        for level in [git2::ConfigLevel::Worktree, git2::ConfigLevel::Local] {
            match config.open_level(level).and_then(|own| own.get_string(key)) {
                Ok(value) => return Ok(Some(value)),
                Err(error) if error.code() == git2::ErrorCode::NotFound => {}
                Err(error) => return Err(error).tried(format!("read `{key}` of the git configuration")),
            }
        }
        Ok(None)
    }

    /// Whether `commit.gpgsign` asks for signed commits.
    ///
    /// # Errors
    /// Fails when the configuration cannot be read.
    pub fn signs_commits(&self, environment: &Environment) -> Result<bool> {
        if !points_elsewhere(environment) {
            return Ok(self.config_bool("commit.gpgsign")?.unwrap_or(false));
        }
        if let Some(value) = self.config_of_repository("commit.gpgsign")?.and_then(|value| git2::Config::parse_bool(value).ok()) {
            return Ok(value);
        }
        let value = self.ask_git(&["config", "--type=bool", "--default", "false", "--get", "commit.gpgsign"], environment)?;
        Ok(value.trim() == "true")
    }
}

/// Whether variables put other files in the place of the user's and the system's configuration, which libgit2 does not know.
fn points_elsewhere(environment: &Environment) -> bool {
    ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"].iter().any(|name| environment.variable(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::{Error, git::fixture::Fixture},
        model::refusal::Code,
    };

    fn at() -> Timestamp {
        Timestamp::from_millisecond(1_795_197_600_123).unwrap()
    }

    #[test]
    fn the_environment_wins_over_the_configuration() {
        let fixture = Fixture::new();
        let repository = fixture.repository();
        let plain = repository.author(&fixture.environment(), at()).unwrap();
        assert_eq!(plain.identity, Identity { name: "Ada".to_owned(), email: "ada@example.org".to_owned() });
        fixture.git(&["config", "committer.name", "Charles"]);
        let environment =
            Environment::given(fixture.root(), &[("GIT_AUTHOR_NAME", "Grace"), ("GIT_COMMITTER_EMAIL", "c@example.org")]);
        let author = repository.author(&environment, at()).unwrap().identity;
        let committer = repository.committer(&environment, at()).unwrap().identity;
        assert_eq!((author.name.as_str(), author.email.as_str()), ("Grace", "ada@example.org"));
        assert_eq!((committer.name.as_str(), committer.email.as_str()), ("Charles", "c@example.org"));
    }

    #[test]
    fn a_missing_identity_is_refused_with_the_two_commands() {
        let fixture = Fixture::new();
        // An empty value counts as none and hides what the machine's own configuration may hold.
        fixture.git(&["config", "user.email", ""]);
        let Err(Error::Refused(refusal)) = fixture.repository().author(&fixture.environment(), at()) else { panic!("was taken") };
        assert_eq!(refusal.code, Code::Environment);
        let hint = refusal.hint.unwrap();
        assert!(hint.contains("user.name") && hint.contains("user.email"), "{hint}");
    }

    #[test]
    fn values_of_the_configuration_are_read_as_git_reads_them() {
        let fixture = Fixture::new();
        let repository = fixture.repository();
        let bare = Environment::given(fixture.root(), &[]);
        assert!(!repository.signs_commits(&bare).unwrap());
        fixture.git(&["config", "commit.gpgsign", "on"]);
        assert!(fixture.repository().signs_commits(&bare).unwrap());
        assert_eq!(repository.config_text("no.such").unwrap(), None);
        fixture.git(&["config", "commit.gpgsign", "perhaps"]);
        assert!(fixture.repository().signs_commits(&bare).is_err());
    }

    #[test]
    fn configuration_that_variables_point_at_counts() {
        let fixture = Fixture::new();
        fixture.git(&["config", "--unset", "user.email"]);
        fixture.write("../elsewhere", "[user]\n\temail = else@example.org\n[commit]\n\tgpgsign\n");
        let file = fixture.root().join("../elsewhere");
        let path = std::env::var("PATH").unwrap();
        let variables = [("PATH", path.as_str()), ("GIT_CONFIG_GLOBAL", file.to_str().unwrap())];
        let environment = Environment::given(fixture.root(), &variables);
        let repository = fixture.repository();
        assert_eq!(repository.author(&environment, at()).unwrap().identity.email, "else@example.org");
        assert!(repository.signs_commits(&environment).unwrap());
    }
}
