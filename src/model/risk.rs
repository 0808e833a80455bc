//! How much can go wrong with a change, by what it changes.
//!
//! Each [`Signal`] is something that was found, and how much of it. The score adds them up so that more of any never gives less;
//! what somebody says of a change is one more, and can only add.

pub mod file;
pub mod path;
pub mod versions;
pub mod weigh;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::ChangeKind as Kind,
    decision::{ChangeKind, Topic},
    risk::{
        file::{FileChange, Look},
        path::purpose,
        versions::Shift,
    },
    source::{Item, ItemKind},
};

pub use crate::model::risk::weigh::{Assessment, Reason, assess};

/// A change as far as its risk asks.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What differs in each file.
    pub files: Vec<FileChange>,
    /// What somebody says of it: the messages of its commits.
    pub messages: Vec<String>,
}

/// What can be found in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// What others can use is gone.
    ApiRemoved,
    /// What others can use takes or gives something else.
    ApiChanged,
    /// Others can use more.
    ApiAdded,
    /// A variable of the environment or a route that was known is no longer.
    ContractRemoved,
    /// It needs another version of what it runs on.
    Platform,
    /// Another major version of a dependency.
    DependencyMajor,
    /// A dependency is new.
    DependencyAdded,
    /// Another minor version of a dependency.
    DependencyMinor,
    /// A dependency goes.
    DependencyRemoved,
    /// Versions that tools hold differ.
    Lock,
    /// The form in which data is stored differs.
    Schema,
    /// Data is thrown away.
    DataDropped,
    /// A file about who may do what, or about what is secret, differs.
    SecurityFile,
    /// Lines about who may do what, or about what is secret, differ.
    SecurityWords,
    /// What is built and tested where differs.
    Pipeline,
    /// What users run, or on which machines, differs.
    Deployment,
    /// What agents may do differs.
    Rules,
    /// Files are gone.
    Deleted,
    /// What a program made differs.
    Generated,
    /// Tests are gone, are left out, or assert less.
    TestsWeakened,
    /// Tests that were there differ.
    TestsChanged,
    /// More than one directory of the product is touched.
    Modules,
    /// Lines of the product are gone.
    Removed,
    /// Lines of the product are new.
    Added,
    /// Content that is no text differs.
    Binary,
    /// Nobody looked into some of it.
    Unread,
    /// Somebody says that others have to follow.
    Words,
}

impl Signal {
    /// All, in their order.
    pub const ALL: [Self; 27] = [
        Self::ApiRemoved,
        Self::ApiChanged,
        Self::ApiAdded,
        Self::ContractRemoved,
        Self::Platform,
        Self::DependencyMajor,
        Self::DependencyAdded,
        Self::DependencyMinor,
        Self::DependencyRemoved,
        Self::Lock,
        Self::Schema,
        Self::DataDropped,
        Self::SecurityFile,
        Self::SecurityWords,
        Self::Pipeline,
        Self::Deployment,
        Self::Rules,
        Self::Deleted,
        Self::Generated,
        Self::TestsWeakened,
        Self::TestsChanged,
        Self::Modules,
        Self::Removed,
        Self::Added,
        Self::Binary,
        Self::Unread,
        Self::Words,
    ];

    /// What was found, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ApiRemoved => "what others can use is gone",
            Self::ApiChanged => "what others can use takes or gives something else",
            Self::ApiAdded => "others can use more",
            Self::ContractRemoved => "a variable or a route is gone",
            Self::Platform => "it runs on another version of what it needs",
            Self::DependencyMajor => "another major version of a dependency",
            Self::DependencyAdded => "a new dependency",
            Self::DependencyMinor => "another minor version of a dependency",
            Self::DependencyRemoved => "a dependency is gone",
            Self::Lock => "versions that tools hold differ",
            Self::Schema => "the form in which data is stored differs",
            Self::DataDropped => "data is thrown away",
            Self::SecurityFile => "a file about who may do what, or about what is secret",
            Self::SecurityWords => "lines about who may do what, or about what is secret",
            Self::Pipeline => "what is built and tested where differs",
            Self::Deployment => "what users run, or where, differs",
            Self::Rules => "what agents may do differs",
            Self::Deleted => "files are gone",
            Self::Generated => "what a program made differs",
            Self::TestsWeakened => "tests are gone, left out, or assert less",
            Self::TestsChanged => "tests that were there differ",
            Self::Modules => "more than one directory is touched",
            Self::Removed => "lines are gone",
            Self::Added => "lines are new",
            Self::Binary => "content that is no text differs",
            Self::Unread => "nobody looked into it",
            Self::Words => "it says that others have to follow",
        }
    }

    /// What it says is changed, in the table of who decides, and what that is about; neither where it is none of these.
    #[must_use]
    pub fn about(self) -> (Option<ChangeKind>, Option<Topic>) {
        let kind = match self {
            Self::ApiRemoved | Self::ApiChanged | Self::ContractRemoved | Self::Words => ChangeKind::ApiDesign,
            Self::Platform => ChangeKind::Technology,
            Self::DependencyMajor => ChangeKind::DependencyMajor,
            Self::DependencyAdded | Self::DependencyMinor | Self::DependencyRemoved | Self::Lock => ChangeKind::DependencyMinor,
            Self::Schema | Self::DataDropped => ChangeKind::DatabaseSchema,
            Self::SecurityFile | Self::SecurityWords | Self::Rules => ChangeKind::SecurityApproach,
            Self::TestsChanged => ChangeKind::Tests,
            Self::Pipeline | Self::Deployment => return (None, Some(Topic::Deployment)),
            Self::ApiAdded
            | Self::Deleted
            | Self::Generated
            | Self::TestsWeakened
            | Self::Modules
            | Self::Removed
            | Self::Added
            | Self::Binary
            | Self::Unread => return (None, None),
        };
        (Some(kind), None)
    }
}

/// How much of a signal was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub signal: Signal,
    /// How much of it: names, files or lines, as the signal counts; never 0.
    pub amount: u64,
    /// What was found, by name.
    pub names: Vec<String>,
    /// Where.
    pub paths: Vec<String>,
}

/// What is in `change`, each signal once, in their order.
#[must_use]
pub fn found(change: &Change) -> Vec<Found> {
    let mut all = Gathered::default();
    let elsewhere = Elsewhere::of(change);
    for file in change.files.iter().filter(|file| !path::is_record(&file.path)) {
        look_at(file, &elsewhere, &mut all);
    }
    // The first directory is none more.
    let crossed: Vec<String> = all.folders.iter().cloned().collect();
    all.add(Signal::Modules, count(crossed.len().saturating_sub(1)), "", crossed);
    for message in &change.messages {
        let said: Vec<String> = versions::breaks(message).then(|| versions::title(message)).into_iter().collect();
        all.add(Signal::Words, count(said.len()), "", said);
    }
    all.found.sort_by_key(|found| found.signal);
    all.found
}

fn look_at(file: &FileChange, elsewhere: &Elsewhere<'_>, all: &mut Gathered) {
    let is = purpose(&file.path);
    let place = file.path.as_str();
    let difference = &file.difference;
    let marks = [
        (is.lock, Signal::Lock),
        (is.schema, Signal::Schema),
        (is.security, Signal::SecurityFile),
        (is.pipeline, Signal::Pipeline),
        (is.deployment, Signal::Deployment),
        (is.rules, Signal::Rules),
        (file.is_generated && !is.lock, Signal::Generated),
        (file.kind == Kind::Deleted, Signal::Deleted),
        (file.look == Look::Binary, Signal::Binary),
        (file.look == Look::Unread && !is.lock, Signal::Unread),
        (is.tests && file.kind == Kind::Modified, Signal::TestsChanged),
    ];
    for (_, signal) in marks.iter().filter(|(holds, _)| *holds) {
        all.add(*signal, 1, place, Vec::new());
    }
    let gone = difference.tests_removed.iter().filter(|test| !elsewhere.tests.contains(test.name.as_str()));
    let weaker = difference.tests_weakened.iter().map(|(test, _)| test);
    let mut weaker: Vec<String> = gone.chain(weaker).map(|test| test.name.clone()).collect();
    if weaker.is_empty() && elsewhere.asserts_less && difference.assertions.1 < difference.assertions.0 {
        weaker.push(format!("{} assertions", difference.assertions.0 - difference.assertions.1));
    }
    all.add(Signal::TestsWeakened, count(weaker.len()), place, weaker);
    for shift in &file.dependencies {
        let (signal, name) = match shift {
            Shift::Major(name) => (Signal::DependencyMajor, name),
            Shift::Minor(name) => (Signal::DependencyMinor, name),
            Shift::Added(name) => (Signal::DependencyAdded, name),
            Shift::Removed(name) => (Signal::DependencyRemoved, name),
            Shift::Platform(name) => (Signal::Platform, name),
        };
        all.add(signal, 1, place, vec![name.clone()]);
    }
    if is.tests || is.beside || is.lock || file.is_generated {
        return;
    }
    all.add(Signal::DataDropped, count(file.drops.len()), place, file.drops.clone());
    all.add(Signal::SecurityWords, count(file.security.len()), place, file.security.iter().cloned().collect());
    all.add(Signal::Removed, file.removed, place, Vec::new());
    all.add(Signal::Added, file.added, place, Vec::new());
    all.folders.insert(place.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned());
    let names = |items: &mut dyn Iterator<Item = &Item>| items.map(|item| item.name.clone()).collect::<Vec<String>>();
    let gone = names(&mut difference.removed.iter().filter(|item| !elsewhere.items.contains(&Elsewhere::key(item))));
    all.add(Signal::ApiRemoved, count(gone.len()), place, gone);
    let changed = names(&mut difference.changed.iter().map(|(_, item)| item));
    all.add(Signal::ApiChanged, count(changed.len()), place, changed);
    all.add(Signal::ApiAdded, count(difference.added.len()), place, names(&mut difference.added.iter()));
    let contracts: Vec<String> =
        file.contracts_gone.iter().filter(|name| !elsewhere.contracts.contains(name.as_str())).cloned().collect();
    all.add(Signal::ContractRemoved, count(contracts.len()), place, contracts);
}

/// What is new in some file of a change: what is gone in another was moved there.
struct Elsewhere<'a> {
    items: BTreeSet<(ItemKind, &'a str, &'a str)>,
    tests: BTreeSet<&'a str>,
    contracts: BTreeSet<&'a str>,
    /// Whether there are fewer assertions in all.
    asserts_less: bool,
}

impl<'a> Elsewhere<'a> {
    fn of(change: &'a Change) -> Self {
        let files = || change.files.iter();
        let sum = |side: fn(&FileChange) -> usize| files().map(side).sum::<usize>();
        Self {
            items: files().flat_map(|file| &file.difference.added).map(Self::key).collect(),
            tests: files().flat_map(|file| &file.difference.tests_added).map(|test| test.name.as_str()).collect(),
            contracts: files().flat_map(|file| &file.contracts_new).map(String::as_str).collect(),
            asserts_less: sum(|file| file.difference.assertions.1) < sum(|file| file.difference.assertions.0),
        }
    }

    fn key(item: &Item) -> (ItemKind, &str, &str) {
        (item.kind, &item.name, &item.signature)
    }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Gathered {
    found: Vec<Found>,
    folders: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, signal: Signal, amount: u64, path: &str, names: Vec<String>) {
        if amount == 0 {
            return;
        }
        let at = self.found.iter().position(|found| found.signal == signal).unwrap_or_else(|| {
            self.found.push(Found { signal, amount: 0, names: Vec::new(), paths: Vec::new() });
            self.found.len() - 1
        });
        let found = &mut self.found[at];
        found.amount = found.amount.saturating_add(amount);
        found.names.extend(names);
        if !path.is_empty() && found.paths.last().is_none_or(|last| last != path) {
            found.paths.push(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
