//! What is read of each language, what cannot be read, and that nothing is too odd to be read.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::model::source::{Facts, Skip};

/// The facts as people read them.
fn shown(path: &str, text: &str) -> String {
    let facts = read(path, text.as_bytes());
    let mut out = String::new();
    let Lines { code, comment, blank } = facts.lines;
    writeln!(out, "{} {:?} code {code} comment {comment} blank {blank}", facts.language.name(), facts.reading).expect("a string");
    for import in &facts.imports {
        let names: Vec<String> = import
            .names
            .iter()
            .map(|name| if name.name == name.local { name.name.clone() } else { format!("{} as {}", name.name, name.local) })
            .collect();
        writeln!(out, "{} import {} [{}] {:?}", import.line, import.specifier, names.join(", "), import.when).expect("a string");
    }
    for item in &facts.items {
        writeln!(out, "{} {:?} {}: {}", item.line, item.kind, item.name, item.signature).expect("a string");
    }
    for test in &facts.tests {
        let skip = match &test.skip {
            Skip::No => String::new(),
            skip => format!(" {skip:?}"),
        };
        writeln!(out, "{} test {} {}{skip}", test.line, test.name, test.assertions).expect("a string");
    }
    for mention in &facts.mentions {
        writeln!(out, "{} {:?} {}", mention.line, mention.kind, mention.name).expect("a string");
    }
    let calls: Vec<&str> = facts.calls.iter().map(|call| call.path.as_str()).collect();
    writeln!(out, "calls {}; assertions {}", calls.join(" "), facts.assertions).expect("a string");
    out
}

const RUST: &str = r#"
//! A store.
use std::{collections::BTreeMap, fmt::{self, Display as Shown}};
use crate::model::*;
pub use crate::model::Key;
mod inner;
#[cfg(test)]
mod probe;

/// What is kept.
pub struct Store<T> {
    /// By key.
    pub entries: BTreeMap<String, T>,
    hidden: u8,
}
pub struct Pair(pub u8, u8);
struct Private;
pub enum Kind { One, Two { a: u8 } }
pub trait Holds<T>: Sized {
    type Key;
    const MOST: usize = 3;
    fn hold(&self, /* what */ value: T) -> bool;
    fn with(&self) -> u8 { 1 }
}
pub const LIMIT: usize = 1 << 20;
pub(crate) fn near() {}
impl<T> Store<T> {
    pub async fn open(
        path: &str,
        mode: u8, // how
    ) -> Result<Self, std::io::Error> { crate::deep::open(path); parse(path) }
    fn close(&self) {}
}
impl Private { pub fn nobody() {} }
impl<T> Holds<T> for Store<T> { fn hold(&self, value: T) -> bool { true } }
impl Holds<u8> for Private { fn hold(&self, value: u8) -> bool { true } }
pub mod api { pub fn call() { std::process::Command::new("/usr/bin/git"); std::env::var("TOKEN"); } fn no() {} }
#[macro_export]
macro_rules! take { () => {} }
#[get("/health")]
fn health() { client("https://me:secret@api.example.org/v1"); client("https://api.stripe.com/v1"); }

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn holds() { assert!(true); assert_eq!(1, 1); std::env::var("NOT"); }
    #[tokio::test]
    #[ignore = "slow"]
    async fn waits() { select! { _ = a() => assert_ne!(1, 2), } }
    fn shared() { assert!(x); }
    proptest! {
        #[test]
        fn always(a in 0..3) { prop_assert!(a < 3); prop_assert_eq!(a, a); }
    }
}
"#;

#[test]
fn rust_is_read() {
    assert_snapshot!(shown("src/store.rs", RUST), @r##"
    Rust Whole code 50 comment 3 blank 3
    3 import std::collections::BTreeMap [BTreeMap] Loading
    3 import std::fmt [fmt] Loading
    3 import std::fmt::Display [Display as Shown] Loading
    4 import crate::model::* [*] Loading
    5 import crate::model::Key [Key] Loading
    6 import inner [] Part
    8 import probe [] Testing
    31 import crate::deep::open [] Loading
    45 import super::* [*] Testing
    5 Reexport Key: pub use crate::model::Key
    11 Type Store: pub struct Store<T>
    13 Field Store::entries: pub entries: BTreeMap<String, T>
    16 Type Pair: pub struct Pair(pub u8, u8)
    18 Type Kind: pub enum Kind
    18 Field Kind::One: One
    18 Field Kind::Two: Two { a: u8 }
    19 Interface Holds: pub trait Holds<T>: Sized
    20 Type Holds::Key: type Key
    21 Value Holds::MOST: const MOST: usize
    22 Method Holds::hold: fn hold(&self, value: T) -> bool
    23 Method Holds::with: fn with(&self) -> u8
    25 Value LIMIT: pub const LIMIT: usize
    28 Method Store::open: pub async fn open(path: &str, mode: u8) -> Result<Self, std::io::Error>
    35 Implementation Holds for Store: impl<T> Holds<T> for Store<T>
    37 Module api: pub mod api
    37 Function api::call: pub fn call()
    39 Macro take: macro take
    47 test tests::holds 2
    50 test tests::waits 1 Always("#[ignore = \"slow\"]")
    54 test tests::always 2
    37 Program git
    37 Variable TOKEN
    41 Route /health
    41 Address https://api.stripe.com
    calls crate::deep::open parse std::process::Command::new std::env::var client; assertions 6
    "##);
}

const PYTHON: &str = r#""""A module."""
from __future__ import annotations
import os, json.decoder as decoder
import a.b
from . import views
from ..core import App as Application, run
from .names import *
if TYPE_CHECKING:
    from .types import Thing

# A comment.
LIMIT: int = 3
_hidden = 1

class Blueprint(Base, metaclass=Meta):
    """One
    of many."""
    name: str
    size = 1

    def __init__(self, name: str, *, size: int = 1) -> None:
        from . import later
        later.load(name)

    @property
    def url(self): return os.environ["URL"] or os.environ.get("HOST") or os.getenv("PORT")

    def _own(self): ...

    class Inner:
        def act(self): pass

class _Nobody:
    def act(self): pass

@app.get("/users/<id>")
async def users(
    id: int,  # which
    limit=10,
): return subprocess.run(["git", "log"]), requests.get("https://api.github.com/users")

def outer():
    def inner(): pass
"#;

#[test]
fn python_is_read() {
    assert_snapshot!(shown("pkg/sub/mod.py", PYTHON), @r"
    Python Whole code 30 comment 4 blank 9
    3 import os [* as os] Loading
    3 import json.decoder [* as decoder] Loading
    4 import a.b [* as a.b] Loading
    5 import . [views] Loading
    6 import ..core [App as Application, run] Loading
    7 import .names [*] Loading
    9 import .types [Thing] Types
    22 import . [later] Later
    12 Value LIMIT: LIMIT: int
    15 Type Blueprint: class Blueprint(Base, metaclass=Meta)
    18 Field Blueprint.name: name: str
    19 Field Blueprint.size: size
    21 Method Blueprint.__init__: def __init__(self, name: str, *, size: int = 1) -> None
    26 Method Blueprint.url: @property def url(self)
    30 Type Blueprint.Inner: class Inner
    31 Method Blueprint.Inner.act: def act(self)
    37 Function users: async def users(id: int, limit=10)
    42 Function outer: def outer()
    26 Variable URL
    26 Variable HOST
    26 Variable PORT
    37 Route /users/<id>
    40 Program git
    40 Address https://api.github.com
    calls later.load os.environ.get os.getenv app.get subprocess.run requests.get; assertions 0
    ");
    assert_snapshot!(shown("pkg/__init__.py", "from .app import App\nfrom .app import _no\nimport os\nVERSION = '1'\n"), @r"
    Python Whole code 4 comment 0 blank 0
    1 import .app [App] Loading
    2 import .app [_no] Loading
    3 import os [* as os] Loading
    1 Reexport App: from .app import App
    4 Value VERSION: VERSION
    calls ; assertions 0
    ");
    assert_snapshot!(
        shown("pkg/__init__.py", "from .app import App, Other\n__all__ = ['App', 'one']\ndef one(): pass\ndef two(): pass\n"),
        @r"
    Python Whole code 4 comment 0 blank 0
    1 import .app [App, Other] Loading
    1 Reexport App: from .app import App
    3 Function one: def one()
    calls ; assertions 0
    "
    );
}

#[test]
fn tests_of_python_are_read() {
    let text = r#"
import pytest, unittest
pytestmark = pytest.mark.skipif(True, reason="x")
def test_a():
    assert a == 1
    with pytest.raises(ValueError):
        b()
@pytest.mark.skip(reason="later")
def test_b(): pass
def test_c():
    if windows:
        pytest.skip("no")
def test_d():
    pytest.skip("never")
def helper():
    assert True
class TestGroup(unittest.TestCase):
    @unittest.expectedFailure
    def test_e(self): self.assertEqual(1, 2); self.client.get()
    def setUp(self): pass
"#;
    assert_snapshot!(shown("tests/test_all.py", text), @r#"
    Python Whole code 19 comment 0 blank 1
    2 import pytest [* as pytest] Testing
    2 import unittest [* as unittest] Testing
    15 Function helper: def helper()
    4 test test_a 2 Sometimes("pytest.mark.skipif(True, reason=\"x\")")
    9 test test_b 0 Always("@pytest.mark.skip(reason=\"later\")")
    10 test test_c 0 Sometimes("pytest.skip(\"no\")")
    13 test test_d 0 Always("pytest.skip(\"never\")")
    19 test TestGroup.test_e 1 Sometimes("pytest.mark.skipif(True, reason=\"x\")")
    calls ; assertions 4
    "#);
    assert!(read("pkg/app.py", b"class App:\n    def test_client(self): pass\ndef test_x(): pass\n").tests.is_empty());
}

const TYPESCRIPT: &str = r#"
import type { Shape } from "./shape";
import fs, { readFile as read } from "node:fs";
import * as all from "../all.js";
export { one, two as deux } from "./numbers";
export * from "./rest";
export * as space from "./space";
/** Adds. */
export function add(a: number, b = 1): number { return helper(a) }
export default class Service<T> extends Base implements Shape {
  private secret = 1;
  #own = 2;
  static limit: number = 3;
  constructor(readonly url: string) { super() }
  async fetch(path: string): Promise<T> { return fetch("https://api.acme.io/" + path) }
}
export interface Options { deep?: boolean; run(x: string): void }
export type Id = string | number;
export enum Color { Red, Green }
export const create = async (options: Options): Promise<void> => { const m = await import("./lazy"); };
export const LIMIT: number = 3, OTHER = 4;
export declare function declared(x: string): void;
function local() {}
const value = process.env.API_KEY ?? process.env["API_URL"];
export { local as exported, value };
app.get("/users/:id", (request) => spawn("git", ["log"]));
"#;

#[test]
fn typescript_and_javascript_are_read() {
    assert_snapshot!(shown("src/service.ts", TYPESCRIPT), @r"
    TypeScript Whole code 24 comment 1 blank 1
    2 import ./shape [Shape] Types
    3 import node:fs [default as fs, readFile as read] Loading
    4 import ../all.js [* as all] Loading
    5 import ./numbers [one, two as deux] Loading
    6 import ./rest [*] Loading
    7 import ./space [* as space] Loading
    20 import ./lazy [] Later
    5 Reexport one: export one from ./numbers
    5 Reexport deux: export two from ./numbers
    6 Reexport *: export * from ./rest
    7 Reexport space: export * from ./space
    9 Function add: function add(a: number, b = 1): number
    10 Type default: class Service<T> extends Base implements Shape
    13 Field Service.limit: static limit: number
    14 Method Service.constructor: constructor(readonly url: string)
    15 Method Service.fetch: async fetch(path: string): Promise<T>
    17 Interface Options: interface Options
    17 Field Options.deep: deep?: boolean
    17 Method Options.run: run(x: string): void
    18 Type Id: type Id = string | number
    19 Type Color: enum Color { Red, Green }
    20 Function create: const create = async (options: Options): Promise<void>
    21 Value LIMIT: const LIMIT: number
    21 Value OTHER: const OTHER
    22 Function declared: function declared(x: string): void
    23 Function exported: function local()
    24 Value value: const value
    15 Address https://api.acme.io
    24 Variable API_KEY
    24 Variable API_URL
    26 Route /users/:id
    26 Program git
    calls helper super fetch app.get spawn; assertions 0
    ");
    let elements = "export const View = ({ name }: Props) => <div title=\"a\">{name}</div>;\n";
    assert_snapshot!(shown("src/view.tsx", elements), @r"
    TypeScript Whole code 1 comment 0 blank 0
    1 Function View: const View = ({ name }: Props)
    calls ; assertions 0
    ");
    let common = r#"
const fs = require("fs");
const { join, sep: separator } = require("path");
function open(path) { return require("./later"); }
module.exports = { open, close: shut, twice(a) { return a } };
exports.three = function (a, b) {};
module.exports.four = 4;
require("./setup");
"#;
    assert_snapshot!(shown("lib/index.js", common), @r"
    JavaScript Whole code 7 comment 0 blank 1
    2 import fs [* as fs] Loading
    3 import path [join, sep as separator] Loading
    4 import ./later [] Later
    8 import ./setup [] Loading
    1 Value close: export close
    4 Function open: function open(path)
    5 Function twice: twice(a)
    6 Function three: exports.three = function (a, b)
    7 Value four: exports.four = number
    calls ; assertions 0
    ");
}

#[test]
fn tests_of_javascript_are_read() {
    let text = r#"
describe("queue", () => {
  it("takes", () => { expect(q.take()).toBe(1); assert.equal(1, 1); });
  it.skip("gives", () => { expect(1).toBe(1) });
  test.each([[1], [2]])("adds %i", (n) => { expect(n).toBe(n) });
  it.todo("grows");
  it("is odd", function () { if (x) { this.skip() } });
});
describe.skip("old", () => { test("is", () => {}) });
regex.test("x");
"#;
    assert_snapshot!(shown("queue.test.js", text), @r#"
    JavaScript Whole code 9 comment 0 blank 1
    3 test queue › takes 2
    4 test queue › gives 1 Always("it.skip")
    5 test queue › adds %i 1
    6 test queue › grows 0 Always("it.todo")
    7 test queue › is odd 0 Sometimes("this.skip()")
    9 test old › is 0 Always("describe.skip")
    calls ; assertions 4
    "#);
    let only = "it.only('a', () => { expect(1) });\nit('b', () => { expect(1) });\n";
    assert_snapshot!(shown("a.spec.ts", only), @r#"
    TypeScript Whole code 2 comment 0 blank 0
    1 test a 1
    2 test b 1 Always("`.only` of another")
    calls ; assertions 2
    "#);
}

const GO: &str = r#"// Package store keeps.
package store

import (
	"fmt"
	yaml "gopkg.in/yaml.v3"
	"github.com/acme/lib/v2"
)

const (
	Limit int = 3
	hidden = 4
)

var Default, other = 1, 2

// Store keeps.
type Store[K comparable] struct {
	Name, Title string
	inner int
	*Embedded
}

type Reader interface {
	Read(p []byte) (n int, err error)
	close()
}

type ID = string

func (s *Store[K]) Get(key K) (string, bool) { return lib.Find(key) }
func (s *Store[K]) set(key K) {}
func Open(
	path string,
	options ...Option,
) (*Store[string], error) {
	os.Getenv("HOME")
	exec.Command("git", "log")
	http.HandleFunc("GET /items", nil)
	fmt.Println("postgres://user:pw@db.acme.io:5432/x")
	return nil, nil
}
"#;

#[test]
fn go_is_read() {
    assert_snapshot!(shown("store/store.go", GO), @r"
    Go Whole code 33 comment 2 blank 7
    5 import fmt [* as fmt] Loading
    6 import gopkg.in/yaml.v3 [* as yaml] Loading
    7 import github.com/acme/lib/v2 [* as lib] Loading
    11 Value Limit: const Limit int
    15 Value Default: var Default
    18 Type Store: type Store[K comparable] struct
    19 Field Store.Name: Name string
    19 Field Store.Title: Title string
    21 Field Store.Embedded: *Embedded
    24 Interface Reader: type Reader interface
    25 Method Reader.Read: Read(p []byte) (n int, err error)
    29 Type ID: type ID = string
    31 Method Store.Get: func (s *Store[K]) Get(key K) (string, bool)
    33 Function Open: func Open(path string, options ...Option) (*Store[string], error)
    37 Variable HOME
    38 Program git
    39 Route /items
    40 Address postgres://db.acme.io:5432
    calls lib.Find os.Getenv exec.Command http.HandleFunc fmt.Println; assertions 0
    ");
    let text = r#"package store
import "testing"
func TestGet(t *testing.T) {
	t.Run("sub", func(t *testing.T) { require.NoError(t, err) })
	if got != want { t.Fatalf("got %v", got) }
}
func TestSlow(t *testing.T) {
	if testing.Short() { t.Skip("slow") }
}
func TestNever(t *testing.T) { t.Skip("broken") }
func Testify() {}
func FuzzGet(f *testing.F) {}
func helper(t *testing.T) { t.Error("x") }
"#;
    assert_snapshot!(shown("store/store_test.go", text), @r#"
    Go Whole code 13 comment 0 blank 0
    2 import testing [* as testing] Testing
    11 Function Testify: func Testify()
    3 test TestGet 2
    7 test TestSlow 0 Sometimes("t.Skip(\"slow\")")
    10 test TestNever 0 Always("t.Skip(\"broken\")")
    12 test FuzzGet 0
    calls ; assertions 3
    "#);
}

#[test]
fn a_layout_is_no_part_of_a_signature() {
    for (path, one, other) in [
        ("a.rs", "pub fn a(x: u8, y: &str) -> u8 {}", "pub fn a(\n    x: u8, // first\n    y: &str,\n) -> u8\n{ 1 }"),
        (
            "a.rs",
            "pub struct A<T: Copy, U>(pub T, pub U);",
            "pub struct A<\n    T: Copy,\n    U,\n>(\n    pub T,\n    pub U,\n);",
        ),
        ("a.py", "def a(x, y=1) -> int: pass", "def a(\n    x,\n    y=1,  # one\n) -> int:\n    return 1"),
        ("a.ts", "export function a(x: A<B>, y?: C): void {}", "export function a(\n  x: A<B>,\n  y?: C,\n): void {\n}"),
        (
            "a.go",
            "package a\nfunc A(x int, y ...string) error { return nil }",
            "package a\nfunc A(\n\tx int,\n\ty ...string,\n) error {}",
        ),
    ] {
        let signature = |text: &str| read(path, text.as_bytes()).items[0].signature.clone();
        assert_eq!(signature(one), signature(other), "{path}");
        assert!(!signature(one).contains("  "), "{}", signature(one));
    }
    assert_eq!(read("a.py", b"def a(x='b  c'): pass").items[0].signature, "def a(x='b  c')");
}

#[test]
fn what_is_broken_is_read_as_far_as_it_goes() {
    for (path, text, names) in [
        ("a.rs", "pub fn one() {}\n\nfn (((\npub fn two() {}\n", &["one"][..]),
        ("a.py", "def one(): pass\n\ndef (:\n    x = = 3\ndef two(): pass\n", &["one", "two"]),
        ("a.ts", "export function one() {}\nexport {{{ class\n", &["one"]),
        ("a.go", "package a\nfunc One() {}\nfunc (((\n", &["One"]),
    ] {
        let facts = read(path, text.as_bytes());
        assert!(matches!(facts.reading, Reading::Partly { line } if line > 1), "{path}: {:?}", facts.reading);
        for name in names {
            assert!(facts.items.iter().any(|item| item.name == *name), "{path}: {name} is not in {:?}", facts.items);
        }
    }
}

#[test]
fn what_no_grammar_reads_is_read_by_lines() {
    let limit = |path: &str, bytes: &[u8]| match read(path, bytes).reading {
        Reading::LinesOnly(limit) => Some(limit),
        Reading::Whole | Reading::Partly { .. } => None,
    };
    assert_eq!(limit("a.java", b"class A {}\n"), Some(Limit::NoGrammar));
    assert_eq!(limit("a.rs", b"fn a() {}\0"), Some(Limit::Binary));
    assert_eq!(limit("a.rs", "// x\n".repeat(LONGEST / 5 + 1).as_bytes()), Some(Limit::TooLarge));
    assert_eq!(limit("a.rs", b"\xef\xbb\xbffn a() {}\n"), None);
    let latin = read("a.py", b"# caf\xe9\ndef a(): pass\nx = '\xff'\n");
    assert_eq!((latin.items[0].name.as_str(), latin.lines.all()), ("a", 3));
    let grammar = grammar(Language::Rust).expect("there is one");
    assert!(parse(&grammar, "fn a() {}\n".repeat(10_000).as_bytes(), Duration::ZERO).is_none(), "nothing stops it");
}

#[test]
fn no_nesting_is_too_deep() {
    for (path, open, close) in [
        ("a.rs", "{", "}"),
        ("a.rs", "(", ""),
        ("a.rs", "mod a {", "}"),
        ("a.rs", "a::{", "}"),
        ("a.rs", "m!(", ")"),
        ("a.py", "(", ")"),
        ("a.py", "[", ""),
        ("a.py", "not ", ""),
        ("a.ts", "a<", ">"),
        ("a.ts", "`${", "}`"),
        ("a.tsx", "<a>", "</a>"),
        ("a.js", "[", "]"),
        ("a.js", "f(", ")"),
        ("a.go", "func() {", "}"),
        ("a.go", "[]", ""),
    ] {
        let text = format!("{}{}", open.repeat(20_000), close.repeat(20_000));
        assert_eq!(read(path, text.as_bytes()).lines.all(), 1, "{path} {open}");
    }
}

const PATHS: [&str; 6] = ["a.rs", "tests/test_a.py", "a.test.ts", "a.tsx", "a.js", "a_test.go"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_input_has_facts(which in 0..PATHS.len(), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let facts = read(PATHS[which], &bytes);
        let text = if bytes.contains(&0) { &[][..] } else { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) };
        prop_assert_eq!(facts.lines.all(), lines::each(text).count());
    }

    #[test]
    fn cut_and_mended_programs_have_facts(
        which in 0..4_usize, from in 0..2000_usize, to in 0..2000_usize, put in "[(){}\\[\\]\"'`#:;,=<>/*\\\\\n a-c]{0,12}",
    ) {
        let (path, text) = [("a.rs", RUST), ("a.py", PYTHON), ("a.ts", TYPESCRIPT), ("a_test.go", GO)][which];
        let (from, to) = (from.min(text.len()), to.min(text.len()));
        let bytes = [&text.as_bytes()[..from.min(to)], put.as_bytes(), &text.as_bytes()[from.max(to)..]].concat();
        let facts: Facts = read(path, &bytes);
        prop_assert_eq!(facts.lines.all(), lines::each(&bytes).count());
        let last = facts.lines.all().max(1);
        let places = facts.items.iter().map(|item| item.line).chain(facts.imports.iter().map(|import| import.line));
        prop_assert!(places.chain(facts.tests.iter().map(|test| test.line)).all(|line| (1..=last).contains(&line)));
    }
}
