//! A machine of its own for one test: home, environment, clock, seeds, real git and the built program.
//!
//! Nothing of the person who runs the tests is seen or touched: the environment is cleared, git reads no configuration but
//! the sandbox's, and everything lies in a temporary directory. The sandbox does not know what any command should do.

mod belongings;
mod disk;
mod output;

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) use belongings::{Belongings, fingerprint};
pub(crate) use output::{Output, Said, skipped};

/// 2026-11-20T18:00:00Z in seconds since 1970; every command advances it by one second.
const START: u64 = 1_795_197_600;
/// `nobody` on every Linux; any number but 0 would do.
const UNPRIVILEGED: u32 = 65_534;

/// One test's machine. Commands start in `work`.
#[derive(Debug)]
pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    work: PathBuf,
    binary: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    commands: AtomicU64,
    /// What is added to the number of each command to get its seed.
    seed: u64,
    unprivileged: bool,
}

impl Sandbox {
    /// An empty directory that is no repository.
    pub(crate) fn bare_ground() -> Self {
        Self::bare_ground_in(&env::temp_dir())
    }

    /// The same in memory, where there is room for it: for thousands of repositories that nobody needs a disk for.
    pub(crate) fn bare_ground_in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let has_room = rustix::fs::statvfs(memory).is_ok_and(|found| found.f_bavail * found.f_frsize > 256 << 20);
        if has_room { Self::bare_ground_in(memory) } else { Self::bare_ground() }
    }

    fn bare_ground_in(place: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("autonomy-test-").tempdir_in(place).expect("a temporary directory");
        let base = root.path().canonicalize().expect("the temporary directory exists");
        for directory in ["home/.config", "home/.local/state", "home/.cache", "tmp", "bin", "templates", "work"] {
            fs::create_dir_all(base.join(directory)).expect("the sandbox is writable");
        }
        let git_config = "[user]\n\tname = Test Person\n\temail = person@example.org\n[init]\n\tdefaultBranch = main\n\
            [commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n[advice]\n\tdetachedHead = false\n[gc]\n\tauto = 0\n";
        fs::write(base.join("home/.gitconfig"), git_config).expect("the sandbox is writable");
        let home = base.join("home");
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: &OsStr| {
            variables.insert(OsString::from(name), value.to_owned());
        };
        set("PATH", &search_path(&base.join("bin")));
        set("HOME", home.as_os_str());
        set("XDG_CONFIG_HOME", home.join(".config").as_os_str());
        set("XDG_STATE_HOME", home.join(".local/state").as_os_str());
        set("XDG_CACHE_HOME", home.join(".cache").as_os_str());
        set("TMPDIR", base.join("tmp").as_os_str());
        set("LC_ALL", OsStr::new("C.UTF-8"));
        set("TZ", OsStr::new("UTC"));
        set("GIT_CONFIG_GLOBAL", home.join(".gitconfig").as_os_str());
        set("GIT_CONFIG_NOSYSTEM", OsStr::new("1"));
        set("GIT_CEILING_DIRECTORIES", base.as_os_str());
        set("GIT_TEMPLATE_DIR", base.join("templates").as_os_str());
        set("GIT_TERMINAL_PROMPT", OsStr::new("0"));
        set("GIT_EDITOR", OsStr::new("true"));
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_autonomy"));
        Self { work: base.join("work"), root, binary, variables, commands: AtomicU64::new(0), seed: 0, unprivileged: false }
    }

    /// A repository with one commit on `main`.
    pub(crate) fn new() -> Self {
        Self::fixture("plain")
    }

    /// The repository that `fixtures/repos/<name>.sh` makes; what the script prints last is where commands start.
    pub(crate) fn fixture(name: &str) -> Self {
        let mut sandbox = Self::bare_ground();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repos").join(format!("{name}.sh"));
        assert!(script.is_file(), "there is no fixture {}", script.display());
        let made = sandbox.run(sandbox.program("sh").arg("-eu").arg(script)).ok();
        if let Some(directory) = made.stdout.lines().last() {
            sandbox.work = sandbox.work.join(directory).canonicalize().expect("the script names a directory that it made");
        }
        sandbox
    }

    /// The same machine with commands starting in another directory, relative to the present one.
    pub(crate) fn at(mut self, directory: impl AsRef<Path>) -> Self {
        self.work = self.work.join(directory).canonicalize().expect("the directory exists");
        self
    }

    /// The same machine with one more variable in its environment.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// The same machine with ids that no other test gets: processes are known by the id of their step, and a run ends all that
    /// carry its own.
    pub(crate) fn apart(mut self) -> Self {
        static APART: AtomicU64 = AtomicU64::new(1);
        self.seed = APART.fetch_add(1, Ordering::Relaxed) << 20;
        self
    }

    /// The same machine used by somebody who is not root, so that modes and owners bind.
    pub(crate) fn unprivileged(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            let binary = self.base().join("bin/autonomy");
            if fs::hard_link(&self.binary, &binary).is_err() {
                fs::copy(&self.binary, &binary).expect("the program can be copied");
            }
            self.binary = binary;
            for entry in walkdir::WalkDir::new(self.base()) {
                let entry = entry.expect("the sandbox can be walked");
                if entry.path() != self.binary {
                    std::os::unix::fs::lchown(entry.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root may give away");
                }
            }
            self.unprivileged = true;
        }
        self
    }

    /// The top of everything that belongs to the test.
    pub(crate) fn base(&self) -> PathBuf {
        self.root.path().canonicalize().expect("the sandbox exists")
    }

    /// The directory that commands start in.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// A path below the directory that commands start in.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.work.join(relative)
    }

    /// The next second of this machine, and a seed of its own.
    pub(crate) fn next_moment(&self) -> (jiff::Timestamp, u64) {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let seconds = i64::try_from(START + number).expect("in range");
        (jiff::Timestamp::from_second(seconds).expect("in range"), number)
    }

    /// A program in this machine's environment, one second later than the last and with a seed of its own.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let (moment, number) = self.next_moment();
        let seconds = moment.as_second();
        let program = program.as_ref();
        let mut command = Command::new(self.found(program).as_deref().unwrap_or(program.as_ref()));
        command.arg0(program);
        command.current_dir(&self.work).env_clear().stdin(Stdio::null());
        command.env("AUTONOMY_CLOCK", moment.to_string()).env("AUTONOMY_SEED", (self.seed + number).to_string());
        command.env("GIT_AUTHOR_DATE", format!("{seconds} +0000")).env("GIT_COMMITTER_DATE", format!("{seconds} +0000"));
        command.envs(&self.variables);
        if self.unprivileged {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        command
    }

    /// Where the search path has a program: with its place known, it is started without a copy of this process's memory being made.
    fn found(&self, program: &OsStr) -> Option<PathBuf> {
        let places = env::split_paths(self.variables.get(OsStr::new("PATH"))?).map(|place| place.join(program));
        places.into_iter().find(|place| Path::new(program).components().count() == 1 && place.is_file())
    }

    /// The built program, not yet started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(&self.binary);
        command.args(arguments);
        command
    }

    /// Runs the built program to its end.
    pub(crate) fn autonomy<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.run(&mut self.command(arguments))
    }

    /// Runs any prepared command to its end.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        Output::of(command, &self.base())
    }

    /// Runs git, which has to succeed, and gives what it printed without the last line end.
    pub(crate) fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        self.try_git(arguments).ok().stdout.trim_end_matches('\n').to_owned()
    }

    /// Runs git, whatever comes of it.
    pub(crate) fn try_git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.run(self.program("git").env("GIT_OPTIONAL_LOCKS", "0").args(arguments))
    }

    /// Writes a file and the directories above it.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("the directory can be made");
        fs::write(&path, content).expect("the file can be written");
        if self.unprivileged {
            for part in path.ancestors().take_while(|part| part.starts_with(&self.work)) {
                std::os::unix::fs::lchown(part, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root may give away");
            }
        }
    }

    /// Puts a program of the test's own, such as an agent, on the search path.
    pub(crate) fn install(&self, name: &str, script: &str) -> PathBuf {
        let path = self.base().join("bin").join(name);
        fs::write(&path, script).expect("the program can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the mode can be set");
        path
    }

    /// The text of a file.
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// Whether anything is there, even a dangling link.
    pub(crate) fn exists(&self, relative: impl AsRef<Path>) -> bool {
        self.path(relative).symlink_metadata().is_ok()
    }

    /// Commits everything as the user would and gives the commit's id.
    pub(crate) fn commit_all(&self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// `git status --porcelain` with every untracked file named.
    pub(crate) fn status(&self) -> String {
        self.git(["status", "--porcelain", "--untracked-files=all"])
    }

    /// Everything that belongs to the user and that no command may change but the one made for it.
    pub(crate) fn belongings(&self) -> Belongings {
        Belongings::of(self)
    }
}

/// The directories of git and of the basic tools, with the sandbox's own programs first.
fn search_path(own: &Path) -> OsString {
    let mut directories = vec![own.to_owned()];
    let outer = env::var_os("PATH").unwrap_or_default();
    directories.extend(env::split_paths(&outer).find(|directory| directory.join("git").is_file()));
    directories.extend(["/usr/bin", "/bin"].map(PathBuf::from));
    env::join_paths(directories).expect("no directory of the search path has a colon in its name")
}
