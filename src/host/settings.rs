//! Reads the layers of settings where they lie: the person's file, the repository's, the founding one, the environment.
//!
//! What they mean together is `model::settings::resolve`. Nothing is written here, and no `.env` file is read.

use std::path::Path;

use crate::{
    host::{
        Result,
        environment::Environment,
        store::write::{self, Durability},
    },
    model::{
        place::Place,
        refusal::Refusal,
        settings::{
            founding,
            key::Key,
            layer::{Document, Layer},
            resolve::{self, Resolved},
        },
    },
};

/// The repository's settings, below the top of the work tree.
pub const REPOSITORY_FILE: &str = ".claude/autonomy.toml";

/// Where the founding documents had them.
pub const FOUNDING_FILE: &str = ".claude/orchestrator/config.yaml";

/// The person's own settings, below `~/.config/autonomy`.
pub const USER_FILE: &str = "config.toml";

/// The largest file of settings, in bytes.
pub const MAX_SETTINGS: u64 = 4 << 20;

/// What a command adds to the files and the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Flags: the flag, the key that it sets, and its text.
    pub flags: Vec<(String, Key, String)>,
    /// The profile that `--profile` named.
    pub profile: Option<String>,
    /// What the session was started with: its name, the key, the text.
    pub session: Vec<(String, Key, String)>,
    /// The person's token, given as `--as-person`.
    pub token: Option<String>,
}

/// Reads and resolves the settings that hold in the work tree at `root`, or where there is none.
///
/// # Errors
/// Refuses files that are too large, not plain, not UTF-8 or wrong, with file, line and column.
pub fn load(root: Option<&Path>, environment: &Environment, overrides: &Overrides) -> Result<Resolved> {
    load_with(root, environment, overrides, None)
}

/// The same with another text in place of one layer's file, to see whether it would be good.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    root: Option<&Path>,
    environment: &Environment,
    overrides: &Overrides,
    instead: Option<(Layer, &str)>,
) -> Result<Resolved> {
    let text_of = |layer: Layer, path: &Path, shown: &str| match instead {
        Some((replaced, text)) if replaced == layer => Ok(Some(text.to_owned())),
        Some(_) | None => read(path, shown),
    };
    let (mut documents, mut warnings) = (Vec::new(), Vec::new());
    if let Some(directory) = environment.config_directory() {
        let path = directory.join(USER_FILE);
        // The person's own file may be a link, as files kept with other dot files are.
        let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let shown = shown(&path, environment);
        if let Some(text) = text_of(Layer::User, &target, &shown)? {
            documents.push(Document::of_toml(Layer::User, &shown, &text)?);
        }
    }
    if let Some(root) = root {
        if let Some(text) = text_of(Layer::Founding, &root.join(FOUNDING_FILE), FOUNDING_FILE)? {
            documents.push(founding::document(FOUNDING_FILE, &text, &mut warnings)?);
        }
        if let Some(text) = text_of(Layer::Repository, &root.join(REPOSITORY_FILE), REPOSITORY_FILE)? {
            documents.push(Document::of_toml(Layer::Repository, REPOSITORY_FILE, &text)?);
        }
    }
    documents.push(Document::of_texts(Layer::Session, overrides.session.iter().cloned()));
    documents.push(Document::of_texts(Layer::Environment, founding_variables(environment, &mut warnings)?));
    documents.push(Document::of_texts(Layer::Environment, variables(environment, "AUTONOMY_")?));
    documents.push(Document::of_texts(Layer::Flag, overrides.flags.iter().cloned()));
    let profile = overrides.profile.as_deref().or_else(|| environment.text("AUTONOMY_PROFILE"));
    let variable = |name: &str| environment.text(name).map(str::to_owned);
    let mut resolved = resolve::resolve(documents, profile, &variable)?;
    resolved.warnings.extend(warnings);
    Ok(resolved)
}

/// The settings that all share who work on the repository at `root`: its files alone, one of them perhaps with another text.
///
/// # Errors
/// As [`load`].
pub fn load_shared(root: &Path, environment: &Environment, instead: Option<&str>) -> Result<Resolved> {
    let mut documents = Vec::new();
    if let Some(text) = read(&root.join(FOUNDING_FILE), FOUNDING_FILE)? {
        documents.push(founding::document(FOUNDING_FILE, &text, &mut Vec::new())?);
    }
    let own = match instead {
        Some(text) => Some(text.to_owned()),
        None => read(&root.join(REPOSITORY_FILE), REPOSITORY_FILE)?,
    };
    if let Some(text) = own {
        documents.push(Document::of_toml(Layer::Repository, REPOSITORY_FILE, &text)?);
    }
    let variable = |name: &str| environment.text(name).map(str::to_owned);
    Ok(resolve::resolve(documents, None, &variable)?)
}

/// Reads one file of settings; none when it is not there.
fn read(path: &Path, shown: &str) -> Result<Option<String>> {
    let Some(bytes) = write::read_capped(path, MAX_SETTINGS)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let Place { line, column, .. } = Place::of(shown, &text, good);
        Refusal::usage(format!("cannot read `{shown}`: line {line}, column {column}: this is not UTF-8")).into()
    })
}

/// A path with `~` for the home directory.
fn shown(path: &Path, environment: &Environment) -> String {
    let below_home = environment.home().and_then(|home| path.strip_prefix(home).ok());
    below_home.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
}

/// Variables such as `AUTONOMY_RUN__MAX_HOURS`; only names with a double underscore are settings.
fn variables(environment: &Environment, prefix: &str) -> Result<Vec<(String, Key, String)>> {
    let mut found = Vec::new();
    for (name, value) in environment.variables() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(prefix) && name.contains("__")) else { continue };
        let Some(value) = value.to_str() else {
            return Err(Refusal::usage(format!("{name}: what it holds is not UTF-8")).into());
        };
        let parts = name[prefix.len()..].split("__").map(str::to_ascii_lowercase).collect();
        if !value.is_empty() {
            found.push((name.to_owned(), Key(parts), value.to_owned()));
        }
    }
    Ok(found)
}

/// Variables with the prefix of the founding documents, which other programs may use as well: unknown ones are only named.
fn founding_variables(environment: &Environment, warnings: &mut Vec<String>) -> Result<Vec<(String, Key, String)>> {
    let mut found = variables(environment, "ORCHESTRATOR_")?;
    found.retain(|(name, key, _)| {
        let known = founding::is_known(key);
        if !known {
            warnings.push(format!("{name}: there is no setting `{key}`; the variable is left alone"));
        }
        known
    });
    Ok(found)
}

/// Where the person's own settings lie, when there is a place for them.
///
/// # Errors
/// Refuses an environment that names no home directory.
pub fn user_file(environment: &Environment) -> Result<std::path::PathBuf> {
    environment.config_directory().map(|directory| directory.join(USER_FILE)).ok_or_else(|| {
        Refusal::environment("there is no place for your own settings: HOME is not set")
            .hint("set HOME or XDG_CONFIG_HOME")
            .into()
    })
}

/// The text of the person's own settings; none when there is no file.
///
/// # Errors
/// Refuses a file that is too large, not plain or not UTF-8.
pub fn read_user(environment: &Environment) -> Result<Option<String>> {
    let path = user_file(environment)?;
    let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    read(&target, &shown(&path, environment))
}

/// Replaces the person's own settings; where the file is a link, what it links to.
///
/// # Errors
/// Fails when the file system does not allow it.
pub fn write_user(path: &Path, text: &str) -> Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(directory) = target.parent() {
        write::make_directory(directory)?;
        write::sweep(directory);
    }
    write::replace(&target, text.as_bytes(), Durability::Synced)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new(files: &[(&str, &[u8])]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary directory");
            for (path, content) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                fs::write(path, content).expect("written");
            }
            Self { folder }
        }

        fn load(&self, variables: &[(&str, &str)]) -> Result<Resolved> {
            let home = self.folder.path().join("home");
            let mut all = vec![("HOME", home.to_str().expect("plain"))];
            all.extend_from_slice(variables);
            let environment = Environment::given(self.folder.path(), &all);
            load(Some(&self.folder.path().join("work")), &environment, &Overrides::default())
        }
    }

    const USER: &str = "home/.config/autonomy/config.toml";
    const OWN: &str = "work/.claude/autonomy.toml";
    const OLD: &str = "work/.claude/orchestrator/config.yaml";

    #[test]
    fn without_any_file_the_defaults_hold() {
        assert_eq!(Place::new(&[]).load(&[]).expect("good").settings, crate::model::settings::Settings::default());
    }

    #[test]
    fn every_layer_is_found_and_remembered() {
        let place = Place::new(&[
            (USER, b"[run]\nmax_tries = 4\nmax_steps = 4\n"),
            (OWN, b"[run]\nmax_steps = 5\nmax_hours = 5\n[profile.night.session]\ntimeout = \"1h\"\n"),
            (OLD, b"system:\n  mode: full\nperformance:\n  max_concurrent_workflows: 2\n"),
        ]);
        let variables = [("AUTONOMY_RUN__MAX_HOURS", "6"), ("ORCHESTRATOR_RUN__MAX_HOURS", "7"), ("AUTONOMY_SESSION", "x")];
        let resolved = place.load(&[&variables[..], &[("AUTONOMY_PROFILE", "night")]].concat()).expect("good");
        let holding = |key: &str| {
            let written = &resolved.written(&key.parse().expect("a key"))[0];
            format!("{key} = {} from {}", written.value, written.origin.from)
        };
        let keys = [
            "run.max_tries",
            "run.max_steps",
            "run.max_hours",
            "session.timeout",
            "performance.max_concurrent_workflows",
            "system.mode",
        ];
        insta::assert_snapshot!(keys.map(holding).join("\n"), @r#"
        run.max_tries = 4 from ~/.config/autonomy/config.toml:2:1
        run.max_steps = 5 from .claude/autonomy.toml:2:1
        run.max_hours = 6 from AUTONOMY_RUN__MAX_HOURS
        session.timeout = "1h" from .claude/autonomy.toml:5:1
        performance.max_concurrent_workflows = 2 from .claude/orchestrator/config.yaml:4:29
        system.mode = "full" from .claude/orchestrator/config.yaml:2:9
        "#);
        assert_eq!(resolved.warnings, [""; 0]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused_with_its_place() {
        let refused = |files: &[(&str, &[u8])]| Place::new(files).load(&[]).expect_err("it is wrong").to_string();
        insta::assert_snapshot!(refused(&[(OWN, b"[run]\n# na\xefve\n")]), @"cannot read `.claude/autonomy.toml`: line 2, column 5: this is not UTF-8");
        insta::assert_snapshot!(refused(&[(USER, b"[run]\nmax_hours = \n")]), @r"
        cannot read `~/.config/autonomy/config.toml`: line 2, column 13: string values must be quoted, expected literal string
        2 | max_hours =
          |             ^
        ");
        insta::assert_snapshot!(refused(&[(OLD, b"system:\n  mode: fast\n")]), @r"
        cannot read `.claude/orchestrator/config.yaml`: line 2, column 9: `system.mode`: unknown variant `fast`, expected one of `supervised`, `professional`, `professional_autonomy`, `full`
        2 |   mode: fast
          |         ^^^^
        ");
        insta::assert_snapshot!(refused(&[(OLD, b"system: 3\n")]), @r"
        cannot read `.claude/orchestrator/config.yaml`: line 1, column 9: expected mapping start
          |
        1 | system: 3
          |         ^ expected mapping start
        ");
        let large = vec![b'#'; usize::try_from(MAX_SETTINGS).expect("it fits") + 1];
        assert!(refused(&[(OWN, &large)]).contains("4194305 bytes"));
        let place = Place::new(&[("work/.claude/autonomy.toml/x", b"")]);
        assert!(place.load(&[]).expect_err("a directory").to_string().contains("is not a plain file"));
    }

    #[test]
    fn what_is_not_understood_of_the_founding_forms_is_named() {
        let place = Place::new(&[(OLD, b"monitoring:\n  log_level: INFO\nperformance:\n  cache_size_mb: 512\n  other: 1\n")]);
        let resolved = place.load(&[("ORCHESTRATOR_LOG__LEVEL", "debug")]).expect("only warnings");
        insta::assert_snapshot!(resolved.warnings.join("\n"), @r"
        .claude/orchestrator/config.yaml:4:18: `performance.cache_size_mb` has no effect: there is no cache to size: state is folded from files and derived data is rebuilt at any doubt
        .claude/orchestrator/config.yaml: not understood here and left alone: monitoring, performance.other
        ORCHESTRATOR_LOG__LEVEL: there is no setting `log.level`; the variable is left alone
        ");
        let wrong = Place::new(&[]).load(&[("AUTONOMY_RUN__MAX_HOUR", "8")]).expect_err("no such key").refusal();
        assert_eq!(wrong.message, "AUTONOMY_RUN__MAX_HOUR: there is no setting `run.max_hour`");
    }

    #[test]
    fn the_persons_file_may_be_a_link_the_repositorys_may_not() {
        let place =
            Place::new(&[("dots/config.toml", b"run.max_steps = 7"), ("home/.config/autonomy/x", b""), ("work/.claude/x", b"")]);
        let target = place.folder.path().join("dots/config.toml");
        std::os::unix::fs::symlink(&target, place.folder.path().join(USER)).expect("a link");
        assert_eq!(place.load(&[]).expect("good").settings.run.max_steps.get(), 7);
        std::os::unix::fs::symlink(&target, place.folder.path().join(OWN)).expect("a link");
        assert!(place.load(&[]).is_err());
    }
}
