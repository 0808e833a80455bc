//! The figures of the store, as ratios to a named baseline measured in the same run, contenders in turn.
//!
//! `cargo bench --bench store` prints one row a figure. `AUTONOMY_BINARY` names the program to time, else the plain release
//! build is taken; for the static one, at a fixed place in memory, so that it starts without looking up where it is:
//! `RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --target <host>`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement touches the machine and prints"
)]

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Barrier,
    time::{Duration, Instant},
};

use autonomy::{
    host::store::{
        layout,
        log::{Log, Stamp},
    },
    model::{actor::Actor, event::Fact, time::Timestamp},
};

/// How often each pair of whole processes is run.
const ROUNDS: usize = 41;

/// How many updates each of the eight writers makes.
const UPDATES: u32 = 500;

fn main() {
    let program =
        std::env::var_os("AUTONOMY_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_autonomy")), PathBuf::from);
    println!("program: {}", program.display());
    let ground = tempfile::tempdir().unwrap();
    processes(&program, ground.path());
    writers(ground.path());
    fold(ground.path());
}

fn row(what: &str, reach: &str, ratios: &mut [f64], rest: &str) {
    ratios.sort_by(f64::total_cmp);
    let (low, middle, high) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    println!("{what}: median {middle:.2} (min {low:.2}, max {high:.2}); to reach: {reach}{rest}");
}

fn timed(command: &mut Command) -> Duration {
    timed_with(command, Stdio::null())
}

fn timed_with(command: &mut Command, input: Stdio) -> Duration {
    let start = Instant::now();
    let status = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let lasted = start.elapsed();
    assert!(status.success(), "{command:?} failed");
    lasted
}

fn processes(program: &Path, ground: &Path) {
    let repository = ground.join("repository");
    fs::create_dir(&repository).unwrap();
    let git = |arguments: &[&str]| timed(Command::new("git").args(arguments).current_dir(&repository));
    git(&["init", "-q"]);
    git(&["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "--allow-empty", "-m", "start"]);
    let ours = |arguments: &[&str]| timed(Command::new(program).args(arguments).current_dir(&repository).env("HOME", ground));
    ours(&["session", "start", "--force"]);
    fill(&repository, 5_000);
    let mut version = Vec::new();
    let mut progress = Vec::new();
    let told = |event: &str, payload: &Path| {
        let mut command = Command::new(program);
        command.args(["hook", event]).current_dir(&repository).env("HOME", ground).env("CLAUDECODE", "1");
        timed_with(&mut command, File::open(payload).unwrap().into())
    };
    let used = ground.join("used.json");
    let tool =
        "{\"session_id\":\"5e-1\",\"hook_event_name\":\"EVENT\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}\n";
    fs::write(&used, tool.replace("EVENT", "PostToolUse")).unwrap();
    let asked = ground.join("asked.json");
    fs::write(&asked, tool.replace("EVENT", "PreToolUse")).unwrap();
    told("post-tool-use", &used);
    let (mut after_tool, mut before_tool) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let baseline = git(&["--version"]).as_secs_f64();
        after_tool.push(told("post-tool-use", &used).as_secs_f64() / baseline);
        let baseline = git(&["--version"]).as_secs_f64();
        before_tool.push(told("pre-tool-use", &asked).as_secs_f64() / baseline);
        let baseline = git(&["--version"]).as_secs_f64();
        version.push(ours(&["--version"]).as_secs_f64() / baseline);
        let baseline = git(&["--version"]).as_secs_f64();
        progress.push(ours(&["progress", "add", "one more step is done"]).as_secs_f64() / baseline);
    }
    row("--version against git --version", "at most 1.3", &mut version, "");
    row("hook post-tool-use, session of 5,000 events, against git --version", "at most 1.6", &mut after_tool, "");
    row("hook pre-tool-use, against git --version", "at most 1.4", &mut before_tool, "");
    row("progress add, session of 5,000 events, against git --version", "at most 2", &mut progress, "");
}

/// Brings the only session of the repository to `count` events.
fn fill(repository: &Path, count: u64) {
    let sessions = repository.join(".git/autonomy/sessions");
    let directory = fs::read_dir(sessions).unwrap().next().unwrap().unwrap().path();
    let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
    let mut log = Log::open(&directory, &name).unwrap().unwrap();
    while log.state().seq < count {
        let facts: Vec<Fact> = (0..100).map(progress_fact).collect();
        log.append_facts(&stamp(), &facts).unwrap();
        log.catch_up().unwrap();
    }
}

fn stamp() -> Stamp<'static> {
    Stamp { at: Timestamp::from_millisecond(1_795_197_600_000).unwrap(), actor: &Actor::Autonomy, redact: &str::to_owned }
}

fn progress_fact(number: usize) -> Fact {
    Fact::ProgressAdded { text: format!("step {number} of the parser is done, and its tests are green"), task: None }
}

fn writers(ground: &Path) {
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let bare = ground.join(format!("bare-{round}"));
        File::create(&bare).unwrap();
        let line = vec![b'x'; 240];
        let baseline = eight(|| {
            let mut file = File::options().append(true).open(&bare).unwrap();
            let line = line.clone();
            move |_| {
                file.write_all(&line).unwrap();
                file.sync_data().unwrap();
            }
        });
        let directory = ground.join(format!("log-{round}"));
        Log::begin(&directory, "clone").unwrap();
        let lasted = eight(|| {
            let mut log = Log::open(&directory, "clone").unwrap().unwrap();
            move |number| log.append_facts(&stamp(), &[progress_fact(number)]).unwrap()
        });
        let events = Log::open(&directory, "clone").unwrap().unwrap().state().progress.count;
        assert_eq!(events, u64::from(8 * UPDATES), "an acknowledged event is lost");
        ratios.push(baseline.as_secs_f64() / lasted.as_secs_f64());
        rates.push(f64::from(8 * UPDATES) / lasted.as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let rate = format!("; {:.0} updates/s, to reach: at least 1,000", rates[rates.len() / 2]);
    row("8 writers through the library against 8 bare write + fdatasync loops, speed", "at least 0.8", &mut ratios, &rate);
}

/// How long eight threads take, each with a writer of its own, all starting together.
fn eight<W: FnMut(usize) + Send>(make: impl Fn() -> W) -> Duration {
    let start = Barrier::new(9);
    let writers: Vec<W> = (0..8).map(|_| make()).collect();
    std::thread::scope(|scope| {
        for mut writer in writers {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                (0..UPDATES as usize).for_each(&mut writer);
            });
        }
        start.wait();
        Instant::now()
    })
    .elapsed()
}

fn fold(ground: &Path) {
    let directory = ground.join("hundred-thousand");
    let mut log = Log::begin(&directory, "clone").unwrap();
    while log.state().seq < 100_000 {
        let facts: Vec<Fact> = (0..1_000).map(progress_fact).collect();
        log.append_facts(&stamp(), &facts).unwrap();
        log.catch_up().unwrap();
    }
    let mut seconds: Vec<f64> = (0..7)
        .map(|_| {
            fs::remove_file(layout::fold(&directory)).ok();
            let start = Instant::now();
            let log = Log::open(&directory, "clone").unwrap().unwrap();
            let lasted = start.elapsed().as_secs_f64();
            assert_eq!(log.state().seq, 100_000);
            lasted
        })
        .collect();
    row("fold of 100,000 events, seconds", "at most 0.3", &mut seconds, "");
}
