//! Many processes at one log, some of which are killed: nothing that was acknowledged is lost, and the chain holds.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use autonomy::{
    host::{
        clock::Clock,
        environment::Environment,
        store::ledger::{self, Target},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::event::Fact,
};

use crate::{
    sandbox::Sandbox,
    store::{pair, workspace},
};

const PROCESSES: usize = 100;
const MUTATIONS: usize = 20;
/// So many of them at a time.
const AT_ONCE: usize = 8;
/// Every so many processes one is killed.
const KILLED: usize = 10;
/// What a process of this test reads: where it works, and the file that it acknowledges in.
const ROLE: &str = "AUTONOMY_TEST_WRITER";

#[test]
fn a_hundred_processes_lose_nothing_that_was_acknowledged_though_some_are_killed() {
    if let Some(role) = std::env::var_os(ROLE) {
        return write_as_told(&role.to_string_lossy());
    }
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    let acknowledged = |number: usize| sandbox.base().join(format!("acknowledged-{number}"));
    let mut running: Vec<(usize, Child)> = Vec::new();
    for number in 0..PROCESSES {
        if running.len() == AT_ONCE {
            finish(running.remove(0));
        }
        let mut writer = Command::new(std::env::current_exe().unwrap());
        let this = "store::race::a_hundred_processes_lose_nothing_that_was_acknowledged_though_some_are_killed";
        writer.args(["--exact", this]).stdout(Stdio::null()).stderr(Stdio::null());
        let role = format!("{number}\n{}\n{}", sandbox.work().display(), acknowledged(number).display());
        running.push((number, writer.env(ROLE, role).spawn().unwrap()));
    }
    running.into_iter().for_each(finish);

    let session = workspace(&sandbox).belongs_to().unwrap().expect("the session is live");
    let state = ledger::read(&workspace(&sandbox), &Target::Session(session.clone())).unwrap().expect("the chain holds");
    let events = pair::events(&sandbox, &session);
    assert_eq!(state.seq, events.len() as u64);
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    let noted = pair::texts(&events);
    let once: BTreeSet<&String> = noted.iter().collect();
    assert_eq!(once.len(), noted.len(), "nothing is there twice");
    let mut finished = 0;
    for number in 0..PROCESSES {
        let said = fs::read_to_string(acknowledged(number)).unwrap_or_default();
        let said: Vec<&str> = said.split_terminator('\n').collect();
        assert!(said.len() == MUTATIONS || number % KILLED == 0, "process {number} acknowledged {}", said.len());
        finished += usize::from(said.len() == MUTATIONS);
        for text in said {
            assert!(once.contains(&text.to_owned()), "`{text}` was acknowledged and is lost");
        }
    }
    assert!(finished < PROCESSES, "a kill came in time");
    assert!(noted.len() >= finished * MUTATIONS);
    sandbox.autonomy(["session", "end"]).ok();
}

/// Waits for a process, or kills it after a random part of what it takes.
fn finish((number, mut child): (usize, Child)) {
    if number % KILLED == 0 {
        let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
        std::thread::sleep(Duration::from_millis(u64::from(moment) % 200));
        child.kill().unwrap();
        child.wait().unwrap();
    } else {
        assert!(child.wait().unwrap().success(), "process {number} failed");
    }
}

/// One process: appends one event after the other and says after each that it has it.
fn write_as_told(role: &str) {
    let [number, work, acknowledge] = role.split('\n').collect::<Vec<_>>()[..] else { panic!("the role has three lines") };
    let environment = Environment::given(std::path::Path::new(work), &[]);
    let clock = Clock::of(&environment);
    let workspace = Workspace::find(environment, clock).unwrap();
    let mut acknowledge = File::create(acknowledge).unwrap();
    let mut transaction = Transaction::open(&workspace).unwrap();
    for mutation in 0..MUTATIONS {
        let text = format!("process {number} mutation {mutation}");
        transaction.append_facts(&[Fact::ProgressAdded { text: text.clone(), task: None }]).unwrap();
        acknowledge.write_all(format!("{text}\n").as_bytes()).unwrap();
    }
}
