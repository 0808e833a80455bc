//! What a person has trusted, kept outside every repository: one file for each clone, in the person's state directory.
//!
//! A clone is known by the path, inode and birth time of its shared git directory; a copy or a new clone at the same path
//! is another one and starts without trust. What trust means for a gate or an agent is decided elsewhere.

use std::{
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Doing, Result,
        clock::Clock,
        environment::Environment,
        store::{
            binding,
            write::{self, Durability},
        },
    },
    model::{
        id::Digest,
        refusal::Refusal,
        trust::{self, Declaration, Kind, Standing, Trusted},
        yaml,
    },
};

/// The version of the files' form.
pub const VERSION: u32 = 1;

/// The number of letters and digits of a person's token; each carries five random bits.
const TOKEN_LENGTH: usize = 40;

/// The trust of one clone.
#[derive(Clone, Debug)]
pub struct TrustStore {
    directory: PathBuf,
    key: String,
    clone: String,
    all: Vec<Trusted>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    clone: String,
    trusted: Vec<Trusted>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    version: u32,
    sha256: Digest,
}

impl TrustStore {
    /// Opens what was trusted in the clone whose shared git directory is `common`. Makes nothing.
    ///
    /// # Errors
    /// Refuses a store that others could have written, or that is damaged or newer.
    pub fn of(environment: &Environment, common: &Path) -> Result<Self> {
        let directory = directory(environment)?;
        let real = fs::canonicalize(common).doing("find", common)?;
        let (inode, born) = binding::place(&real)?;
        let mut identity = real.as_os_str().as_bytes().to_vec();
        identity.extend_from_slice(format!("\0{inode}\0{born}").as_bytes());
        let key = Digest::of(&identity).head(32).to_owned();
        let mut store = Self { directory, key, clone: real.display().to_string(), all: Vec::new() };
        if let Some(file) = read::<File>(&store.directory, &store.path())? {
            store.all = file.trusted;
        }
        Ok(store)
    }

    /// The file of this clone.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(format!("{}.yaml", self.key))
    }

    /// Everything that is trusted, by kind and name.
    #[must_use]
    pub fn list(&self) -> &[Trusted] {
        &self.all
    }

    /// Where `declaration` stands.
    #[must_use]
    pub fn standing(&self, declaration: &Declaration) -> Standing {
        trust::standing(declaration, self.trusted(declaration.kind, &declaration.name))
    }

    /// What holds under the name of `declaration`: its content when that is trusted, else what was trusted last.
    #[must_use]
    pub fn in_force(&self, declaration: Declaration) -> Option<String> {
        match self.standing(&declaration) {
            Standing::Trusted => Some(declaration.content),
            Standing::Changed { in_force } => Some(in_force),
            Standing::Untrusted => None,
        }
    }

    /// Whether exactly this content is trusted.
    #[must_use]
    pub fn is_trusted(&self, kind: Kind, name: &str, digest: &Digest) -> bool {
        self.trusted(kind, name).is_some_and(|trusted| trusted.declaration.digest == *digest)
    }

    /// What was trusted last under this kind and name.
    #[must_use]
    pub fn trusted(&self, kind: Kind, name: &str) -> Option<&Trusted> {
        self.all.iter().find(|one| one.declaration.kind == kind && one.declaration.name == name)
    }

    /// Trusts `declarations` for the person `by`; each takes the place of what was trusted under its name.
    ///
    /// # Errors
    /// Fails when the store cannot be written; nothing is trusted then.
    pub fn trust(&mut self, declarations: &[Declaration], by: &str, clock: &Clock) -> Result<()> {
        let at = clock.now();
        let mut all = self.all.clone();
        for declaration in declarations {
            all.retain(|one| one.declaration.kind != declaration.kind || one.declaration.name != declaration.name);
            all.push(Trusted { declaration: declaration.clone(), by: by.to_owned(), at });
        }
        all.sort_by(|left, right| {
            (left.declaration.kind, &left.declaration.name).cmp(&(right.declaration.kind, &right.declaration.name))
        });
        self.replace(all)
    }

    /// Takes trust back; tells how many declarations lost it.
    ///
    /// # Errors
    /// Fails when the store cannot be written; nothing has lost trust then.
    pub fn revoke(&mut self, which: &dyn Fn(&Trusted) -> bool) -> Result<Vec<Trusted>> {
        let (gone, kept): (Vec<Trusted>, Vec<Trusted>) = self.all.iter().cloned().partition(|one| which(one));
        if !gone.is_empty() {
            self.replace(kept)?;
        }
        Ok(gone)
    }

    fn replace(&mut self, all: Vec<Trusted>) -> Result<()> {
        let file = File { version: VERSION, clone: self.clone.clone(), trusted: all };
        store(&self.directory, &self.path(), &file)?;
        self.all = file.trusted;
        Ok(())
    }
}

/// Makes the person's token, by which a command without a terminal can be a person's. It is shown once; its hash is kept.
///
/// # Errors
/// Fails when the store cannot be written.
pub fn make_token(environment: &Environment, clock: &Clock) -> Result<String> {
    let directory = directory(environment)?;
    let token = clock.suffix(TOKEN_LENGTH)?;
    store(&directory, &directory.join("token.yaml"), &Token { version: VERSION, sha256: Digest::of(&token) })?;
    Ok(token)
}

/// Whether `given` is the person's token.
///
/// # Errors
/// Refuses a store that others could have written, or that is damaged.
pub fn is_token(environment: &Environment, given: &str) -> Result<bool> {
    let directory = directory(environment)?;
    let kept = read::<Token>(&directory, &directory.join("token.yaml"))?;
    Ok(kept.is_some_and(|token| token.sha256 == Digest::of(given.trim())))
}

fn directory(environment: &Environment) -> Result<PathBuf> {
    environment.state_directory().map(|state| state.join("trust")).ok_or_else(|| {
        Refusal::environment("there is no place to keep what you trust: HOME is not set")
            .hint("set HOME or XDG_STATE_HOME")
            .into()
    })
}

fn read<T: for<'de> Deserialize<'de>>(directory: &Path, path: &Path) -> Result<Option<T>> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    for place in [directory, path] {
        let Ok(found) = fs::metadata(place) else { return Ok(None) };
        let private = found.permissions().mode() & 0o022 == 0;
        if !private {
            return Err(Refusal::environment(format!(
                "`{}` can be written by others, so what it says is trusted cannot be believed",
                place.display()
            ))
            .hint(format!("look at what it holds, then `chmod go-w {}`", place.display()))
            .into());
        }
    }
    let Some(bytes) = write::read_capped(path, yaml::MAX_YAML as u64)? else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| Refusal::environment(format!("`{}` is damaged: it is not UTF-8", path.display())))?;
    let shown = path.display().to_string();
    let Version { version } = yaml::read(&shown, &text)?;
    if version > VERSION {
        return Err(Refusal::environment(format!("`{shown}` has version {version}; this program reads up to version {VERSION}"))
            .hint("a newer `autonomy` reads it")
            .into());
    }
    Ok(Some(yaml::read(&shown, &text)?))
}

fn store(directory: &Path, path: &Path, file: &impl Serialize) -> Result<()> {
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(directory).doing("make the directory", directory)?;
    write::sweep(directory);
    write::replace(path, yaml::write(file)?.as_bytes(), Durability::Synced)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).doing("set the permissions of", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    struct Machine {
        folder: tempfile::TempDir,
        environment: Environment,
        clock: Clock,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary directory");
            fs::create_dir_all(folder.path().join("one/.git")).expect("made");
            let state = folder.path().join("state");
            let environment = Environment::given(folder.path(), &[("XDG_STATE_HOME", state.to_str().expect("plain"))]);
            let clock = Clock::fixed(Timestamp::from_millisecond(1_795_197_600_000).expect("in range"), 7);
            Self { folder, environment, clock }
        }

        fn open(&self, repository: &str) -> TrustStore {
            TrustStore::of(&self.environment, &self.folder.path().join(repository).join(".git")).expect("it opens")
        }
    }

    fn gate(content: &str) -> Declaration {
        Declaration::new(Kind::Gate, "tests", content)
    }

    #[test]
    fn the_last_trusted_content_stays_in_force_while_a_change_waits() {
        let machine = Machine::new();
        let mut store = machine.open("one");
        assert_eq!(store.standing(&gate("a")), Standing::Untrusted);
        store.trust(&[gate("a"), Declaration::new(Kind::Hook, "pre-commit", "h")], "ada", &machine.clock).expect("written");
        let store = machine.open("one");
        assert_eq!(store.standing(&gate("a")), Standing::Trusted);
        assert_eq!(store.standing(&gate("b")), Standing::Changed { in_force: "a".to_owned() });
        assert!(store.is_trusted(Kind::Gate, "tests", &Digest::of("a")));
        assert_eq!(store.list().len(), 2);
        let mut store = store;
        assert_eq!(store.revoke(&|one| one.declaration.kind == Kind::Gate).expect("written").len(), 1);
        assert_eq!(machine.open("one").standing(&gate("a")), Standing::Untrusted);
    }

    #[test]
    fn another_clone_at_the_same_path_starts_without_trust() {
        let machine = Machine::new();
        machine.open("one").trust(&[gate("a")], "ada", &machine.clock).expect("written");
        let root = machine.folder.path();
        // Kept beside the new one, so that its inode cannot be given out again.
        fs::rename(root.join("one"), root.join("two")).expect("moved");
        fs::create_dir_all(root.join("one/.git")).expect("made");
        assert_eq!(machine.open("one").list(), []);
        assert_eq!(machine.open("two").list(), []);
    }

    #[test]
    fn only_its_owner_may_read_or_write_the_store() {
        let machine = Machine::new();
        let mut store = machine.open("one");
        store.trust(&[gate("a")], "ada", &machine.clock).expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let directory = store.path().parent().expect("a parent").to_owned();
        assert_eq!((mode(&directory), mode(&store.path())), (0o700, 0o600));
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("chmod");
        let common = machine.folder.path().join("one/.git");
        let refused = TrustStore::of(&machine.environment, &common).expect_err("others could have written it");
        assert!(refused.to_string().contains("can be written by others"), "{refused}");
    }

    #[test]
    fn a_token_is_known_by_its_hash_only() {
        let machine = Machine::new();
        assert!(!is_token(&machine.environment, "").expect("nothing is kept yet"));
        let token = make_token(&machine.environment, &machine.clock).expect("written");
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert!(is_token(&machine.environment, &token).expect("readable"));
        assert!(!is_token(&machine.environment, &token[1..]).expect("readable"));
        let kept = fs::read_to_string(machine.folder.path().join("state/autonomy/trust/token.yaml")).expect("there");
        assert!(!kept.contains(&token));
    }

    #[test]
    fn a_damaged_or_newer_store_is_refused_not_taken_for_empty() {
        let machine = Machine::new();
        let mut store = machine.open("one");
        store.trust(&[gate("a")], "ada", &machine.clock).expect("written");
        let common = machine.folder.path().join("one/.git");
        for (content, words) in [("version: [\n", "cannot read"), ("version: 2\n", "has version 2")] {
            fs::write(store.path(), content).expect("written");
            let refused = TrustStore::of(&machine.environment, &common).expect_err("it is damaged").to_string();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
