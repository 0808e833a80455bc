//! What is generated from the program and lies in the repository is as the program would write it now: the manual and the
//! schemas. `UPDATE=1 cargo test --test suite written` writes them anew.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use autonomy::{
    cli,
    host::secret,
    model::{
        checkpoint::Checkpoint,
        decision::Decision,
        event::Fact,
        manifest::Manifest,
        memory::Note,
        question::Question,
        recording::Recording,
        refusal::Refusal,
        schema::{as_text, schema_of},
        settings::Settings,
        task::Task,
        workflow::text::Form,
    },
    ops::table::VERBS,
    run::{drive, flow},
};

use crate::sandbox::Sandbox;

fn top(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Compares a file with what it is to say, or writes it when asked to.
#[track_caller]
fn is_written(relative: &str, wanted: &str) {
    let path = top(relative);
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, wanted).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(wanted.lines()).position(|(one, two)| one != two).map_or(0, |line| line + 1);
    assert!(
        there == wanted,
        "`{relative}` is not what the program says (first at line {differs}); `UPDATE=1 cargo test --test suite written` writes it"
    );
}

#[test]
fn the_manual_lists_every_command() {
    let manual = cli::manual(&cli::command());
    for name in cli::command().get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        assert!(manual.contains(&format!("`autonomy {}", name.get_name())), "`{}` has no heading", name.get_name());
    }
    is_written("docs/cli.md", &manual);
}

#[test]
fn the_table_of_tokens_is_the_one_that_is_looked_for() {
    const HEADING: &str = "## Tokens that are known\n";
    let text = fs::read_to_string(top("docs/secrets.md")).unwrap();
    let (before, _) = text.split_once(HEADING).expect("the heading stands above the table");
    let mut table = "\n| kind | begins with | documented at |\n|---|---|---|\n".to_owned();
    for issuer in secret::issuers() {
        let prefixes: Vec<String> = issuer.prefixes().map(|prefix| format!("`{prefix}`")).collect();
        table.push_str(&format!("| {} | {} | {} |\n", issuer.kind, prefixes.join(", "), issuer.source));
    }
    is_written("docs/secrets.md", &format!("{before}{HEADING}{table}"));
}

#[test]
fn every_outcome_request_and_record_has_its_schema() {
    let mut schemas = vec![
        ("refusal".to_owned(), as_text(&schema_of::<Refusal>("refusal"))),
        ("event".to_owned(), as_text(&schema_of::<Fact>("event"))),
        ("settings".to_owned(), as_text(&schema_of::<Settings>("settings"))),
        ("record.task".to_owned(), as_text(&schema_of::<Task>("record.task"))),
        ("record.decision".to_owned(), as_text(&schema_of::<Decision>("record.decision"))),
        ("record.question".to_owned(), as_text(&schema_of::<Question>("record.question"))),
        ("record.note".to_owned(), as_text(&schema_of::<Note>("record.note"))),
        ("record.workflow".to_owned(), as_text(&schema_of::<Form>("record.workflow"))),
        ("checkpoint".to_owned(), as_text(&schema_of::<Checkpoint>("checkpoint"))),
        ("checkpoint.manifest".to_owned(), as_text(&schema_of::<Manifest>("checkpoint.manifest"))),
        ("recording".to_owned(), as_text(&schema_of::<Recording>("recording"))),
        ("run.outcome".to_owned(), as_text(&schema_of::<drive::Outcome>("run.outcome"))),
        ("workflow-run.outcome".to_owned(), as_text(&schema_of::<flow::Outcome>("workflow-run.outcome"))),
        ("workflow-run.prospect".to_owned(), as_text(&schema_of::<flow::Prospect>("workflow-run.prospect"))),
        ("run.prospect".to_owned(), as_text(&schema_of::<drive::Prospect>("run.prospect"))),
        ("watch.outcome".to_owned(), as_text(&schema_of::<drive::Outcome>("watch.outcome"))),
    ];
    for verb in VERBS {
        let name = verb.name.replace(' ', "-");
        schemas.push((format!("{name}.request"), as_text(&(verb.request)())));
        schemas.push((format!("{name}.outcome"), as_text(&(verb.outcome)())));
    }
    let names: BTreeSet<String> = schemas.iter().map(|(name, _)| format!("{name}.json")).collect();
    assert_eq!(names.len(), schemas.len(), "two schemas have one name");
    let listed =
        fs::read_dir(top("schemas")).into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for stale in listed.filter(|name| !names.contains(name)) {
        assert!(env::var_os("UPDATE").is_some(), "`schemas/{stale}` belongs to nothing");
        fs::remove_file(top("schemas").join(stale)).unwrap();
    }
    for (name, text) in schemas {
        is_written(&format!("schemas/{name}.json"), &text);
    }
}

#[test]
fn help_shows_the_commands_by_rooms_and_every_command_explains_itself() {
    let sandbox = Sandbox::bare_ground();
    let page = sandbox.autonomy(["help"]).ok().stdout;
    assert_eq!(page, sandbox.autonomy(["--help"]).ok().stdout);
    let headings: Vec<&str> =
        page.lines().filter_map(|line| line.strip_suffix(':')).filter(|line| !line.starts_with(' ')).collect();
    let rooms = ["Set up", "Sessions", "Work", "Back in time", "Decide", "Look"];
    let shown: Vec<&&str> = headings.iter().filter(|heading| rooms.contains(heading)).collect();
    let mut expected: Vec<&&str> = rooms.iter().collect();
    expected.retain(|room| headings.contains(room));
    assert_eq!(shown, expected, "the headings come in the order of the day");
    assert!(shown.len() >= 4, "{page}");
    for command in cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        assert!(page.lines().any(|line| line.starts_with(&format!("  {name} "))), "`{name}` is under no heading:\n{page}");
        let help = sandbox.autonomy([name, "--help"]).ok().stdout;
        assert!(help.lines().count() > 4, "{help}");
    }
}

#[test]
fn every_source_file_that_the_architecture_names_is_there() {
    let text = fs::read_to_string(top("docs/architecture.md")).unwrap();
    let named: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| Path::new(word).extension().is_some_and(|it| it == "rs") && !word.contains('<'))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        let there = ["src", ""].iter().any(|above| top(above).join(name.trim_start_matches("src/")).is_file());
        assert!(there || top(name).is_file(), "docs/architecture.md names `{name}`, which is not there");
    }
}

#[test]
fn every_path_of_ours_in_the_git_directory_is_in_the_table_of_formats() {
    let table = fs::read_to_string(top("docs/formats.md")).unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|line| line.split(" | ").next());
    let named: Vec<&str> = cells.flat_map(|cell| cell.split('`')).filter_map(|path| path.strip_prefix("<common>/")).collect();
    let sandbox = Sandbox::new();
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox.autonomy(["note", "outside any session"]).ok();
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.autonomy(["task", "add", "One"]).ok();
    sandbox.autonomy(["commit"]).ok();
    sandbox.autonomy(["checkpoint", "here"]).ok();
    sandbox.write("new.txt", "new\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    fs::write(sandbox.path(".git/autonomy/clone/log.yaml"), "--- {").unwrap();
    sandbox.autonomy(["verify", "--repair"]).ok();
    for entry in walkdir::WalkDir::new(sandbox.path(".git/autonomy")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(sandbox.path(".git")).unwrap().display().to_string();
            assert!(named.iter().any(|pattern| is_named(pattern, &path)), "`{path}` is not in docs/formats.md");
        }
    }
    assert!(named.iter().filter(|pattern| pattern.starts_with("autonomy/")).count() > 8, "{named:?}");
}

/// Whether a pattern of the table, with `<words>` for what differs and a `/` at its end for all below, names `path`.
fn is_named(pattern: &str, path: &str) -> bool {
    let (wanted, found): (Vec<&str>, Vec<&str>) = (pattern.trim_end_matches('/').split('/').collect(), path.split('/').collect());
    let all_below = pattern.ends_with('/') && found.len() > wanted.len();
    (all_below || found.len() == wanted.len())
        && wanted.iter().zip(&found).all(|(wanted, found)| wanted == found || wanted.starts_with('<'))
}
