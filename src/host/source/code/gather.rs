//! What a walk through a tree has found so far, and where in the tree it is.

use std::collections::{BTreeSet, HashMap};

use tree_sitter::Node;

use crate::{
    host::source::code::signature::signature,
    model::source::{
        Call, Facts, Import, Imported, Item, ItemKind, Mention, MentionKind, Skip, Test, When, language::is_for_tests,
    },
};

/// What is inside of more things than this is not told apart from what is inside of so many.
const MOST_SCOPES: usize = 100;
/// The longest name or path, in bytes: names can lie in names, and each is read.
const SHORT: usize = 512;

/// Where the walk goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the node.
    Into,
    /// To the node after it.
    Past,
}

/// Whether others can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Public,
    Hidden,
}

/// What the walk is inside of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Something whose name begins the names in it.
    Named { prefix: String, sight: Sight, kind: ItemKind },
    /// A function that is no test.
    Function,
    /// The test of this number.
    Test(usize),
    /// A part that is there for tests.
    Testing { prefix: String, skip: Skip },
    /// A part that is there for types.
    Types,
    /// What is carried out where a condition holds.
    Condition,
}

/// The findings, and the way from the top to where the walk is.
pub(super) struct Gather<'t> {
    pub(super) text: &'t [u8],
    pub(super) path: &'t str,
    pub(super) facts: Facts,
    pub(super) is_for_tests: bool,
    /// What a language keeps until the end: names that are used elsewhere in the text, and what was said of them.
    pub(super) names: BTreeSet<String>,
    pub(super) kept: Vec<(String, String)>,
    pub(super) locals: HashMap<String, Vec<Item>>,
    depth: usize,
    scopes: Vec<(usize, Scope)>,
    attributes: Vec<(usize, String)>,
    marks: HashMap<usize, Scope>,
    done: BTreeSet<usize>,
    mentioned: BTreeSet<(MentionKind, String)>,
    called: BTreeSet<String>,
}

impl<'t> Gather<'t> {
    pub(super) fn new(path: &'t str, text: &'t [u8], facts: Facts) -> Self {
        Self {
            text,
            path,
            facts,
            is_for_tests: is_for_tests(path),
            names: BTreeSet::new(),
            kept: Vec::new(),
            locals: HashMap::new(),
            depth: 0,
            scopes: Vec::new(),
            attributes: Vec::new(),
            marks: HashMap::new(),
            done: BTreeSet::new(),
            mentioned: BTreeSet::new(),
            called: BTreeSet::new(),
        }
    }

    /// The walk has come to `node`, `depth` below the top.
    pub(super) fn arrive(&mut self, depth: usize, node: Node<'_>) {
        self.depth = depth;
        while self.scopes.last().is_some_and(|(of, _)| *of >= depth) {
            self.scopes.pop();
        }
        while self.attributes.last().is_some_and(|(of, _)| *of > depth) {
            self.attributes.pop();
        }
        if let Some(scope) = self.marks.remove(&node.id()) {
            self.open(scope);
        }
    }

    pub(super) fn finish(self) -> Facts {
        self.facts
    }

    /// What is inside of the node at hand is inside of `scope`.
    pub(super) fn open(&mut self, scope: Scope) {
        if self.scopes.len() < MOST_SCOPES {
            self.scopes.push((self.depth, scope));
        }
    }

    /// What is inside of `node`, which comes later, is inside of `scope`.
    pub(super) fn mark(&mut self, node: Node<'_>, scope: Scope) {
        self.marks.insert(node.id(), scope);
    }

    /// `node` was dealt with; says whether it was before.
    pub(super) fn is_done(&mut self, node: Node<'_>) -> bool {
        !self.done.insert(node.id())
    }

    /// An attribute or decorator of what comes next.
    pub(super) fn attribute(&mut self, node: Node<'_>) {
        let text = signature(self.text, node, node.end_byte());
        self.attributes.push((self.depth, text));
    }

    /// The attributes of the node at hand.
    pub(super) fn attributes(&mut self) -> Vec<String> {
        let from = self.attributes.iter().position(|(of, _)| *of >= self.depth).unwrap_or(self.attributes.len());
        self.attributes.drain(from..).map(|(_, text)| text).collect()
    }

    /// The text of a name or of something as short; of a longer one, the beginning.
    pub(super) fn text_of(&self, node: Node<'_>) -> String {
        let text = self.text.get(node.byte_range()).unwrap_or_default();
        String::from_utf8_lossy(&text[..text.len().min(SHORT)]).into_owned()
    }

    /// The whole text of the part `field` of `node`, on one line; nothing when there is none. For parts that hold no such node.
    pub(super) fn whole(&self, node: Node<'_>, field: &str) -> String {
        node.child_by_field_name(field).map(|part| signature(self.text, part, part.end_byte())).unwrap_or_default()
    }

    /// The text of the part `field` of `node`; nothing when there is none.
    pub(super) fn field(&self, node: Node<'_>, field: &str) -> String {
        node.child_by_field_name(field).map(|part| self.text_of(part)).unwrap_or_default()
    }

    /// What the text between the quotes of `node` says; none when it is no text, or one that is put together.
    pub(super) fn string(&self, node: Node<'_>) -> Option<String> {
        if !matches!(
            node.kind(),
            "string" | "string_literal" | "raw_string_literal" | "interpreted_string_literal" | "template_string"
        ) {
            return None;
        }
        let text = self.text_of(node);
        let text = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '#').trim_end_matches('#');
        let mut quotes = text.chars();
        let (first, last) = (quotes.next()?, quotes.next_back()?);
        (first == last && matches!(first, '"' | '\'' | '`')).then(|| text.trim_matches(first).to_owned())
    }

    /// The first argument of a call as a text.
    pub(super) fn word(&self, call: Node<'_>) -> Option<String> {
        argument(call, 0).and_then(|argument| self.string(argument))
    }

    /// The names of what the walk is inside of, as they begin the names in it.
    pub(super) fn prefix(&self) -> String {
        let prefixes = self.scopes.iter().filter_map(|(_, scope)| match scope {
            Scope::Named { prefix, .. } | Scope::Testing { prefix, .. } => Some(prefix.as_str()),
            Scope::Function | Scope::Test(_) | Scope::Types | Scope::Condition => None,
        });
        prefixes.collect()
    }

    /// Whether what is declared here can be used by others, if it says so itself.
    pub(super) fn is_open(&self) -> bool {
        self.scopes.iter().all(|(_, scope)| match scope {
            Scope::Named { sight, .. } => *sight == Sight::Public,
            Scope::Types | Scope::Condition => true,
            Scope::Function | Scope::Test(_) | Scope::Testing { .. } => false,
        })
    }

    pub(super) fn is_in_function(&self) -> bool {
        self.scopes.iter().any(|(_, scope)| matches!(scope, Scope::Function | Scope::Test(_)))
    }

    pub(super) fn is_in_types(&self) -> bool {
        self.scopes.iter().any(|(_, scope)| *scope == Scope::Types)
    }

    /// Whether the walk is in a part that is there for tests.
    pub(super) fn is_in_tests(&self) -> bool {
        self.is_for_tests || self.scopes.iter().any(|(_, scope)| matches!(scope, Scope::Test(_) | Scope::Testing { .. }))
    }

    /// Whether the walk is in a part of a file that is there for tests, or was called one.
    pub(super) fn is_in_testing(&self) -> bool {
        self.scopes.iter().any(|(_, scope)| matches!(scope, Scope::Test(_) | Scope::Testing { .. }))
    }

    /// The innermost thing with a name that the walk is inside of.
    pub(super) fn holder(&self) -> Option<ItemKind> {
        self.scopes.iter().rev().find_map(|(_, scope)| match scope {
            Scope::Named { kind, .. } => Some(*kind),
            Scope::Function | Scope::Test(_) | Scope::Testing { .. } | Scope::Types | Scope::Condition => None,
        })
    }

    pub(super) fn item(&mut self, kind: ItemKind, name: &str, signature: String, node: Node<'_>) {
        let name = format!("{}{name}", self.prefix());
        self.facts.items.push(Item { kind, name, signature, line: line(node) });
    }

    /// The text of `node` up to its part `field`, or all of it.
    pub(super) fn head(&self, node: Node<'_>, field: &str) -> String {
        let end = node.child_by_field_name(field).map_or(node.end_byte(), |part| part.start_byte());
        signature(self.text, node, end)
    }

    /// The text of `node` up to byte `end`.
    pub(super) fn signature(&self, node: Node<'_>, end: usize) -> String {
        signature(self.text, node, end)
    }

    pub(super) fn import(&mut self, specifier: String, names: Vec<Imported>, node: Node<'_>, when: When) {
        if !specifier.is_empty() {
            self.facts.imports.push(Import { specifier, names, line: line(node), when });
        }
    }

    /// A test; what comes inside of the node at hand belongs to it.
    pub(super) fn test(&mut self, name: &str, node: Node<'_>, skip: Skip) {
        let number = self.declare(name, node, skip, 0);
        self.open(Scope::Test(number));
    }

    /// A test whose assertions are counted already, or come later.
    pub(super) fn declare(&mut self, name: &str, node: Node<'_>, skip: Skip, assertions: usize) -> usize {
        let around = self.scopes.iter().filter_map(|(_, scope)| match scope {
            Scope::Testing { skip, .. } => Some(skip.clone()),
            Scope::Named { .. } | Scope::Function | Scope::Test(_) | Scope::Types | Scope::Condition => None,
        });
        let skip = around.chain([skip]).max().unwrap_or(Skip::No);
        let name = format!("{}{name}", self.prefix());
        self.facts.tests.push(Test { name, line: line(node), assertions, skip });
        self.facts.tests.len() - 1
    }

    fn current_test(&mut self) -> Option<(&mut Test, usize)> {
        let place = self.scopes.iter().rposition(|(_, scope)| matches!(scope, Scope::Test(_)))?;
        let Scope::Test(number) = self.scopes[place].1 else { return None };
        self.facts.tests.get_mut(number).map(|test| (test, place))
    }

    pub(super) fn assertion(&mut self) {
        self.facts.assertions += 1;
        if let Some((test, _)) = self.current_test() {
            test.assertions += 1;
        }
    }

    /// The test at hand leaves itself out, in words of its own.
    pub(super) fn skips(&mut self, words: String) {
        let conditions: Vec<usize> =
            self.scopes.iter().enumerate().filter(|(_, (_, scope))| *scope == Scope::Condition).map(|(place, _)| place).collect();
        if let Some((test, place)) = self.current_test() {
            let is_sometimes = conditions.iter().any(|condition| *condition > place);
            let skip = if is_sometimes { Skip::Sometimes(words) } else { Skip::Always(words) };
            test.skip = skip.max(test.skip.clone());
        }
    }

    pub(super) fn mention(&mut self, kind: MentionKind, name: &str, node: Node<'_>) {
        let name = name.trim();
        if name.is_empty() || name.len() > 200 || self.is_in_tests() {
            return;
        }
        if self.mentioned.insert((kind, name.to_owned())) {
            self.facts.mentions.push(Mention { kind, name: name.to_owned(), line: line(node) });
        }
    }

    /// The program that a line for a shell, or the first word of a call, starts.
    pub(super) fn program(&mut self, words: &str, node: Node<'_>) {
        let first = words.split_whitespace().next().unwrap_or_default();
        let name = first.rsplit('/').next().unwrap_or(first);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+');
        if !name.is_empty() && name.chars().all(is_name) {
            self.mention(MentionKind::Program, name, node);
        }
    }

    pub(super) fn route(&mut self, path: &str, node: Node<'_>) {
        if path.starts_with('/') && !path.contains(char::is_whitespace) {
            self.mention(MentionKind::Route, path, node);
        }
    }

    /// The addresses that a piece of a text holds in which no other text lies.
    pub(super) fn addresses(&mut self, node: Node<'_>) {
        let text = self.text.get(node.byte_range()).unwrap_or_default();
        if text.windows(3).any(|window| window == b"://") {
            let text = String::from_utf8_lossy(text).into_owned();
            for address in addresses(&text) {
                self.mention(MentionKind::Address, &address, node);
            }
        }
    }

    pub(super) fn call(&mut self, path: &str, node: Node<'_>) {
        let is_path = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | ':' | '$');
        if self.is_in_tests() || path.is_empty() || path.len() > 200 || !path.chars().all(is_path) {
            return;
        }
        if self.called.insert(path.to_owned()) {
            self.facts.calls.push(Call { path: path.to_owned(), line: line(node) });
        }
    }
}

/// The argument of this number of a call.
pub(super) fn argument(call: Node<'_>, number: u32) -> Option<Node<'_>> {
    call.child_by_field_name("arguments")?.named_child(number)
}

/// The line that `node` begins on, counted from 1.
pub(super) fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

/// What begins the address of something that a program talks to.
const SCHEMES: &[&str] = &[
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "sftp",
    "grpc",
    "postgres",
    "postgresql",
    "mysql",
    "mongodb",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "nats",
    "kafka",
    "s3",
    "smtp",
    "ldap",
    "ldaps",
];

/// Hosts that name a format, an example or this machine, and nothing that is called.
const NOBODY: &[&str] = &["localhost", "www.w3.org", "w3.org", "json-schema.org", "schema.org", "xmlns.com"];

/// Scheme and host of each address in `text`; a name or a password before the host is left out.
fn addresses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let begin = text[..at].rfind(|letter: char| !letter.is_ascii_alphanumeric()).map_or(0, |before| before + 1);
        let Some(scheme) = text.get(begin..at).filter(|scheme| SCHEMES.contains(scheme)) else { continue };
        let rest = &text[at + 3..];
        let end = rest.find(|letter: char| {
            matches!(letter, '/' | '?' | '#' | '"' | '\'' | '`' | '\\' | '<' | '>' | ')' | ',') || letter.is_whitespace()
        });
        let authority = &rest[..end.unwrap_or(rest.len())];
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let name = host.split(':').next().unwrap_or(host);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':');
        let is_known =
            name.contains('.') && host.chars().all(is_name) && name.contains(|letter: char| letter.is_ascii_alphabetic());
        let is_example = name.split('.').any(|part| matches!(part, "example" | "test" | "invalid"));
        if is_known && !is_example && !NOBODY.contains(&name) {
            found.push(format!("{scheme}://{}", host.trim_end_matches(['.', ':'])));
        }
    }
    found
}
