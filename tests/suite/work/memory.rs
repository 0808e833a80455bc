//! What is remembered under keys: kept, replaced, found, over its time, forgotten, and never a secret.

use super::begin;
use crate::sandbox::Sandbox;

fn keys(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let said = sandbox.autonomy([&["memory", "list", "--json"], arguments].concat()).ok().json();
    let notes = said["notes"].as_array().expect("a list").clone();
    notes.iter().filter_map(|note| note["key"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_key_holds_one_text_which_is_replaced_and_outlives_the_session() {
    let sandbox = begin();
    sandbox.autonomy(["memory", "store", "api/limits", "100 calls a minute", "--type", "configuration"]).ok();
    let again = sandbox.autonomy(["memory", "store", "api/limits", "200 calls a minute", "--type", "configuration"]).ok();
    assert!(again.stderr.starts_with("Replaced api/limits in .claude/memory/"), "{again}");
    assert_eq!(sandbox.autonomy(["memory", "get", "api/limits"]).ok().stdout, "200 calls a minute\n");
    sandbox.autonomy(["session", "end"]).ok();
    assert_eq!(sandbox.autonomy(["memory", "get", "api/limits"]).ok().stdout, "200 calls a minute\n");
    sandbox.commit_all("what is remembered");
    // Git tracks it by now, so the change waits for a commit and holds at once.
    let status = sandbox.status();
    sandbox.autonomy(["memory", "store", "api/limits", "300 calls a minute"]).ok();
    assert_eq!(sandbox.autonomy(["memory", "get", "api/limits"]).ok().stdout, "300 calls a minute\n");
    assert_eq!(sandbox.status(), status, "no tracked file changes between two commits");
    assert_eq!(keys(&sandbox, &[]), ["api/limits"]);
    let brief = sandbox.autonomy(["context", "brief"]).ok();
    assert!(brief.stdout.contains("- api/limits: 300 calls a minute\n"), "{brief}");
}

#[test]
fn lists_are_by_beginning_type_and_time() {
    let sandbox = begin();
    sandbox.autonomy(["memory", "store", "api/limits", "100 calls", "--type", "configuration"]).ok();
    sandbox.autonomy(["memory", "store", "api/errors", "retry on 503", "--type", "pattern"]).ok();
    sandbox.autonomy(["memory", "store", "db/schema", "two tables", "--type", "general"]).ok();
    sandbox.autonomy(["memory", "store", "api/token-of-today", "in the vault", "--ttl", "3s"]).ok();
    assert_eq!(keys(&sandbox, &["--prefix", "api/"]), ["api/errors", "api/limits", "api/token-of-today"]);
    assert_eq!(keys(&sandbox, &["--type", "note"]), ["api/token-of-today", "db/schema"]);
    assert_eq!(keys(&sandbox, &["--prefix", "api/"]), ["api/errors", "api/limits"], "it is over its time");
    let gone = sandbox.autonomy(["memory", "get", "api/token-of-today"]).ended(1);
    assert!(gone.stderr.contains("nothing is remembered under"), "{gone}");
    let forgot = sandbox.autonomy(["memory", "forget", "api/limits"]).ok();
    assert!(forgot.stderr.contains("--expired"), "{forgot}");
    assert_eq!(keys(&sandbox, &["--prefix", "api/"]), ["api/errors"]);
    assert_eq!(keys(&sandbox, &["--expired"]).len(), 4, "nothing is lost");
    sandbox.autonomy(["memory", "forget", "api/limits"]).ended(1);
    let near = sandbox.autonomy(["memory", "get", "db/schem"]).ended(1);
    assert!(near.stderr.contains("did you mean `db/schema`?"), "{near}");
    let counts = sandbox.autonomy(["memory", "list"]).ok();
    assert!(counts.stderr.contains("1 note, 1 pattern"), "{counts}");
}

#[test]
fn a_search_gives_the_best_first() {
    let sandbox = begin();
    sandbox.autonomy(["memory", "store", "api/limits", "The API takes 100 calls a minute."]).ok();
    sandbox.autonomy(["memory", "store", "parser/errors", "The parser names line and column; the API does not."]).ok();
    sandbox.autonomy(["note", "The fuzz corpus of the parser lies in tests/corpus."]).ok();
    let found = sandbox.autonomy(["memory", "search", "parser", "line", "--json"]).ok().json();
    let texts: Vec<&str> =
        found["found"].as_array().expect("a list").iter().filter_map(|one| one["note"]["text"].as_str()).collect();
    assert_eq!(texts.len(), 2, "{found:#}");
    assert!(texts[0].contains("line and column") && texts[1].contains("fuzz corpus"), "{found:#}");
    let one = sandbox.autonomy(["memory", "search", "api", "--limit", "1"]).ok();
    assert!(one.stdout.starts_with("api/limits  note  ") && one.stderr.contains("1 more fit"), "{one}");
    assert!(sandbox.autonomy(["memory", "search", "gryphon"]).ok().stderr.contains("Nothing fits"));
    sandbox.autonomy(["memory", "search", "?"]).ended(2);
}

#[test]
fn no_secret_and_no_odd_key_is_taken() {
    let sandbox = begin();
    let status = sandbox.status();
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let said =
        sandbox.autonomy(["memory", "store", "credentials/ci", &format!("it is {token}"), "--type", "credential"]).ended(1);
    assert!(said.stderr.contains("holds a secret") && !said.stderr.contains(&token), "{said}");
    for key in ["", "a b", "../x", "a//b", "/a", "a/", "a`b", "k".repeat(201).as_str()] {
        sandbox.autonomy(["memory", "store", key, "text"]).ended(2);
    }
    sandbox.autonomy(["memory", "store", "a", " "]).ended(2);
    let said = sandbox.autonomy(["memory", "store", "a", "b", "--type", "gossip"]).ended(2);
    assert!(said.stderr.contains("is no type of knowledge"), "{said}");
    assert_eq!(sandbox.status(), status);
}

#[test]
fn what_is_known_in_a_session_is_by_type_and_key() {
    let sandbox = begin();
    sandbox.autonomy(["context", "add", "api", "base", "http://localhost:1"]).ok();
    sandbox.autonomy(["context", "add", "api", "base", "http://localhost:2"]).ok();
    sandbox.autonomy(["context", "add", "environment", "port", "8080", "--ttl", "4s"]).ok();
    assert_eq!(sandbox.autonomy(["context", "get", "api", "base"]).ok().stdout, "http://localhost:2\n");
    assert_eq!(sandbox.autonomy(["context", "list"]).ok().stdout, "api  base  http://localhost:2\nenvironment  port  8080\n");
    assert_eq!(sandbox.autonomy(["context", "list", "api"]).ok().stdout, "api  base  http://localhost:2\n");
    let late = sandbox.autonomy(["context", "list", "--json"]).ok().json();
    assert_eq!(late["known"].as_array().map(Vec::len), Some(1), "the port does not hold any more: {late:#}");
    sandbox.autonomy(["session", "end"]).ok();
    sandbox.autonomy(["context", "list"]).ended(1);
}
