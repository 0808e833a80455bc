//! The work tree as a commit on no branch: its tree, the staged tree, and what trees cannot say.
//!
//! The index, HEAD, all refs and every file stay as they are. What a snapshot is for, and which ref holds it, is decided
//! above.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use git2::ObjectType;

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{
            Repository, Signature,
            attributes::{Asked, Attributes},
            batch::{Batch, Leaf, tree_id},
            content::{Answer, Keep, Question, hash},
            oid,
            stat_cache::StatCache,
            walk::{FileMode, Findings, Found, Mark, New, Tracked, stage, walk},
        },
    },
    model::{
        change::{Mode, TreePath},
        checkpoint::Counts,
        id::Oid,
        manifest::{Bits, LeftOut, ListedPath, Manifest, UsualBits, WhyLeftOut},
    },
};

/// How much untracked content a snapshot takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest untracked file, in bytes.
    pub file_bytes: u64,
    /// The most untracked files.
    pub new_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 5_000_000, new_files: 2_000 }
    }
}

/// A snapshot that is not written yet.
pub struct Snapshot<'r> {
    batch: Batch<'r>,
    tree: git2::Oid,
    evidence: git2::Oid,
    carried: Carried,
    manifest: Manifest,
    counts: Counts,
}

/// Trees of the carrier commit.
struct Carried {
    index: git2::Oid,
    /// Stages 1, 2 and 3, where a merge left paths open.
    unmerged: Vec<(u16, git2::Oid)>,
}

/// A snapshot as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideCommit {
    /// The commit whose tree is the work tree.
    pub commit: Oid,
    /// The annotated tag that names it, when one was asked for.
    pub tag: Option<Oid>,
}

/// The words that a snapshot is written with.
pub struct Words<'a> {
    /// The message of the commit and the tag.
    pub message: &'a str,
    /// Who and when.
    pub signature: &'a Signature,
    /// The commit that HEAD is at.
    pub head: Option<&'a Oid>,
    /// The tag that is to name it.
    pub tag: Option<&'a str>,
    /// Further files of the carrier commit.
    pub files: &'a [(&'a str, &'a [u8])],
}

/// The file of the carrier commit that holds the manifest.
pub(in crate::host::git) const MANIFEST: &str = "manifest.yaml";

/// The directory of the carrier commit that holds the staged tree.
pub(in crate::host::git) const STAGED: &str = "index";

/// The directory of the carrier commit that holds stages 1 to 3.
pub(in crate::host::git) const UNMERGED: &str = "unmerged";

impl Repository {
    /// Takes a snapshot of the work tree and the index. Nothing is written but a cache of file times. What lies below the
    /// directories `also` is in it even where rules ignore it.
    ///
    /// # Errors
    /// Refuses a changed path that goes through a filter program, by name; fails when something cannot be read.
    pub fn snapshot(&self, environment: &Environment, limits: Limits, also: &[TreePath]) -> Result<Snapshot<'_>> {
        let tracked = Tracked::read(self)?;
        let mut found = walk(self, environment, &tracked, also)?;
        let over = over_limits(&found.new, limits);
        found.left_out.extend(over.lines);
        let mut batch = Batch::new(self)?;
        let mut cache = StatCache::read(self);
        let hashed = hash_findings(self, environment, (&tracked, &found), &over.paths, &mut cache, &mut batch)?;
        cache.write();

        let kept: Vec<Leaf<'_>> = hashed.leaves.iter().filter(|leaf| !over.paths.contains(leaf.path)).copied().collect();
        let ([tree, index], top) = batch.two_trees([&kept, &staged_leaves(&tracked)])?;
        // Where no limit held, the tree that was just built has all that evidence is bound to.
        let evidence = tree_id(&outside_claude(if over.paths.is_empty() { &top } else { &hashed.leaves }), self.format())?;
        let carried = Carried { index, unmerged: unmerged(&tracked, &mut batch)? };
        let manifest = manifest(&tracked, &found, &hashed);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let counts = Counts {
            paths: count(kept.len()),
            changed: hashed.changed,
            untracked: count(kept.len()).saturating_sub(hashed.tracked),
            left_out: count(manifest.left_out.len()),
            ignored: count(manifest.ignored.len()),
        };
        Ok(Snapshot { batch, tree, evidence, carried, manifest, counts })
    }

    /// The name that git gave this work tree; none for the clone's first one.
    #[must_use]
    pub fn worktree_name(&self) -> Option<String> {
        let below = self.raw.path().strip_prefix(self.raw.commondir()).ok().filter(|_| self.raw.is_worktree())?;
        below.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// The id of the tree of all tracked and untracked, not ignored files outside `.claude/`, which evidence is bound to.
    /// Nothing is written, no limit holds.
    ///
    /// # Errors
    /// As [`Self::snapshot`].
    pub fn tree_outside_claude(&self, environment: &Environment) -> Result<Oid> {
        let tracked = Tracked::read(self)?;
        let found = walk(self, environment, &tracked, &[])?;
        let all = found.new.iter().map(|new| new.path.clone()).collect();
        let (mut batch, mut cache) = (Batch::new(self)?, StatCache::read(self));
        let hashed = hash_findings(self, environment, (&tracked, &found), &all, &mut cache, &mut batch)?;
        Ok(oid(tree_id(&outside_claude(&hashed.leaves), self.format())?))
    }

    /// What [`Self::tree_outside_claude`] would answer with exactly the files of a commit or tree.
    ///
    /// # Errors
    /// Fails when the object is missing.
    pub fn tree_outside_claude_of(&self, revision: &Oid) -> Result<Oid> {
        let tree = self.raw_tree(revision)?;
        let entries: Vec<git2::TreeEntry<'_>> = tree.iter().filter(|entry| entry.name_bytes() != b".claude").collect();
        let leaves: Vec<Leaf<'_>> = entries
            .iter()
            .map(|entry| Leaf { path: entry.name_bytes(), mode: entry.filemode_raw().cast_unsigned(), oid: entry.id() })
            .collect();
        Ok(oid(tree_id(&leaves, self.format())?))
    }
}

impl Snapshot<'_> {
    /// The tree of the work tree.
    #[must_use]
    pub fn tree(&self) -> Oid {
        oid(self.tree)
    }

    /// The tree outside `.claude/`, which evidence is bound to.
    #[must_use]
    pub fn evidence(&self) -> Oid {
        oid(self.evidence)
    }

    /// What the trees cannot say.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How much it holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub(in crate::host::git) fn raw_tree(&self) -> git2::Oid {
        self.tree
    }

    /// The staged tree, and those of stages 1 to 3 where a merge left paths open.
    pub(in crate::host::git) fn staged(&self) -> (git2::Oid, &[(u16, git2::Oid)]) {
        (self.carried.index, &self.carried.unmerged)
    }

    /// Reads one of its trees, or one of the repository's.
    pub(in crate::host::git) fn read_tree(&self, id: git2::Oid) -> Result<Vec<u8>> {
        self.batch.read(id)
    }

    /// Writes its objects, synced. No ref points at them yet.
    ///
    /// # Errors
    /// Fails when they cannot be written, or when a large file was changed in the meantime.
    pub fn write(mut self, words: &Words<'_>) -> Result<SideCommit> {
        let batch = &mut self.batch;
        let manifest = batch.add(ObjectType::Blob, self.manifest.to_yaml().into_bytes())?;
        let (file, directory) = (Mode::File.bits(), 0o040_000);
        let stages: Vec<(String, git2::Oid)> =
            self.carried.unmerged.iter().map(|(stage, tree)| (format!("{UNMERGED}/{stage}"), *tree)).collect();
        let mut leaves = vec![
            Leaf { path: STAGED.as_bytes(), mode: directory, oid: self.carried.index },
            Leaf { path: MANIFEST.as_bytes(), mode: file, oid: manifest },
        ];
        leaves.extend(stages.iter().map(|(path, tree)| Leaf { path: path.as_bytes(), mode: directory, oid: *tree }));
        for (name, bytes) in words.files {
            let oid = batch.add(ObjectType::Blob, bytes.to_vec())?;
            leaves.push(Leaf { path: name.as_bytes(), mode: file, oid });
        }
        leaves.sort_unstable_by_key(|leaf| leaf.path);
        let data = batch.tree(&leaves)?;
        let by = by(words.signature);
        let carrier = format!("tree {data}\nauthor {by}\ncommitter {by}\n\nStaged state and manifest of a snapshot\n");
        let carrier = batch.add(ObjectType::Commit, carrier.into_bytes())?;
        let head = words.head.map(|head| format!("parent {head}\n")).unwrap_or_default();
        let text = format!("tree {}\n{head}parent {carrier}\nauthor {by}\ncommitter {by}\n\n{}", self.tree, words.message);
        let commit = batch.add(ObjectType::Commit, text.into_bytes())?;
        let tag = match words.tag {
            Some(name) => {
                let text = format!("object {commit}\ntype commit\ntag {name}\ntagger {by}\n\n{}", words.message);
                Some(batch.add(ObjectType::Tag, text.into_bytes())?)
            }
            None => None,
        };
        batch.finish()?;
        Ok(SideCommit { commit: oid(commit), tag: tag.map(oid) })
    }
}

/// Who and when, as commits and tags say it.
fn by(signature: &Signature) -> String {
    let clean = |text: &str| text.chars().filter(|found| !found.is_control() && !matches!(found, '<' | '>')).collect::<String>();
    let offset = signature.offset_minutes;
    let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    format!(
        "{} <{}> {} {sign}{:02}{:02}",
        clean(&signature.identity.name).trim(),
        clean(&signature.identity.email).trim(),
        signature.at.as_millisecond().div_euclid(1000),
        offset / 60,
        offset % 60
    )
}

fn outside_claude<'a>(leaves: &[Leaf<'a>]) -> Vec<Leaf<'a>> {
    let inside = |path: &[u8]| path.strip_prefix(b".claude").is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    leaves.iter().filter(|leaf| !inside(leaf.path)).copied().collect()
}

/// Every path of the work tree with its content, and what was seen on the way.
struct Hashed<'a> {
    leaves: Vec<Leaf<'a>>,
    /// How many of them the index has.
    tracked: u64,
    /// Tracked paths that are not as the index says.
    changed: u64,
    unreadable: Vec<&'a [u8]>,
    /// Files with the mode that was recorded and their permission bits.
    bits: Vec<(&'a [u8], u32, u32)>,
}

fn hash_findings<'a>(
    repository: &Repository,
    environment: &Environment,
    (tracked, found): (&'a Tracked, &'a Findings),
    id_only: &HashSet<Vec<u8>>,
    cache: &mut StatCache,
    batch: &mut Batch<'_>,
) -> Result<Hashed<'a>> {
    let says_attributes = |path: &[u8]| path == b".gitattributes" || path.ends_with(b"/.gitattributes");
    let in_tree = tracked.entries.iter().any(|entry| says_attributes(&entry.path))
        || found.new.iter().any(|new| says_attributes(&new.path));
    let attributes = Attributes::new(repository, environment, if in_tree { Asked::PerPath } else { Asked::Never })?;
    let file_mode = FileMode::of(repository)?;
    let mut questions: Vec<Question<'_>> = Vec::with_capacity(found.differing.len() + found.new.len());
    for (&at, &what) in &found.differing {
        let entry = &tracked.entries[at];
        questions.push(Question { path: &entry.path, found: what, indexed: Some(entry.id), keep: Keep::Content });
    }
    for new in &found.new {
        let keep = if id_only.contains(&new.path) { Keep::IdOnly } else { Keep::Content };
        questions.push(Question { path: &new.path, found: new.found, indexed: None, keep });
    }
    let answers = hash(repository, &questions, &attributes, cache, batch)?;
    let (tracked_answers, new_answers) = answers.split_at(found.differing.len());
    let differing: HashMap<usize, (Found, Answer)> =
        found.differing.iter().zip(tracked_answers).map(|((&at, &what), &answer)| (at, (what, answer))).collect();

    let gone: HashSet<usize> = found.gone.iter().copied().collect();
    let new_paths: HashSet<&[u8]> = found.new.iter().map(|new| &*new.path).collect();
    let mut hashed = Hashed { leaves: Vec::new(), tracked: 0, changed: 0, unreadable: Vec::new(), bits: Vec::new() };
    let mut modes = vec![0; tracked.entries.len()];
    let record = |what: &Found, indexed| match what {
        Found::File(stat) => file_mode.record(stat.mode, indexed),
        Found::Link(_) => Mode::Link.bits(),
        Found::Repository(_) => Mode::Submodule.bits(),
    };
    for (at, entry) in tracked.entries.iter().enumerate() {
        let path: &[u8] = &entry.path;
        let displaced = tracked.is_not_looked_at(at) && parents(path).any(|parent| new_paths.contains(parent));
        if displaced || gone.contains(&at) {
            hashed.changed += 1;
            continue;
        }
        let (mode, oid) = match differing.get(&at) {
            None => (entry.mode, entry.id),
            Some((what, Answer::Holds(oid))) => (record(what, Some(entry.mode)), *oid),
            Some((_, Answer::Unreadable)) => {
                hashed.unreadable.push(path);
                (entry.mode, entry.id)
            }
            Some((_, Answer::Gone)) => {
                hashed.changed += 1;
                continue;
            }
        };
        modes[at] = mode;
        hashed.changed += u64::from((mode, oid) != (entry.mode, entry.id));
        hashed.leaves.push(Leaf { path, mode, oid });
    }
    hashed.tracked = u64::try_from(hashed.leaves.len()).unwrap_or(u64::MAX);
    hashed.bits.extend(found.bits.iter().map(|&(at, bits)| (&*tracked.entries[at].path, modes[at], bits)));
    for (new, answer) in found.new.iter().zip(new_answers) {
        match answer {
            Answer::Holds(oid) => {
                let mode = record(&new.found, None);
                hashed.leaves.push(Leaf { path: &new.path, mode, oid: *oid });
                if let Found::File(stat) = new.found {
                    hashed.bits.push((&new.path, mode, stat.mode & 0o7777));
                }
            }
            Answer::Unreadable => hashed.unreadable.push(&new.path),
            Answer::Gone => {}
        }
    }
    hashed.leaves.sort_unstable_by_key(|leaf| leaf.path);
    Ok(hashed)
}

fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// What stage 0 of an index holds.
pub(in crate::host::git) fn staged_leaves(tracked: &Tracked) -> Vec<Leaf<'_>> {
    let is_staged = |mark: &Mark| match mark {
        Mark::Plain | Mark::SkipWorktree | Mark::AssumeUnchanged => true,
        Mark::IntentToAdd | Mark::Unmerged => false,
    };
    let staged = tracked.entries.iter().zip(&tracked.marks).filter(|(_, mark)| is_staged(mark));
    staged.map(|(entry, _)| Leaf { path: &entry.path, mode: entry.mode, oid: entry.id }).collect()
}

/// The trees of what a merge left open, with their stages.
fn unmerged(tracked: &Tracked, batch: &mut Batch<'_>) -> Result<Vec<(u16, git2::Oid)>> {
    let mut unmerged = Vec::new();
    for wanted in 1..=3 {
        let leaves: Vec<Leaf<'_>> = tracked
            .unmerged
            .iter()
            .filter(|entry| stage(entry) == wanted)
            .map(|entry| Leaf { path: &entry.path, mode: entry.mode, oid: entry.id })
            .collect();
        if !leaves.is_empty() {
            unmerged.push((wanted, batch.tree(&leaves)?));
        }
    }
    Ok(unmerged)
}

fn manifest(tracked: &Tracked, found: &Findings, hashed: &Hashed<'_>) -> Manifest {
    let marked = |wanted: Mark| {
        let entries = tracked.entries.iter().zip(&tracked.marks).filter(move |(_, mark)| **mark == wanted);
        entries.filter_map(|(entry, _)| TreePath::new(&*entry.path).ok()).collect::<Vec<_>>()
    };
    let is_run = |mode: u32| mode == Mode::Executable.bits();
    let default = UsualBits::default();
    let usual_of = |bits: &mut dyn Iterator<Item = u32>, otherwise: Bits| {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        bits.for_each(|bits| *counts.entry(bits).or_default() += 1);
        counts
            .into_iter()
            .max_by_key(|(bits, count)| (*count, *bits == otherwise.get()))
            .map_or(otherwise, |(bits, _)| Bits::of(bits))
    };
    let of_mode = |run: bool| hashed.bits.iter().filter(move |(_, mode, _)| is_run(*mode) == run).map(|(_, _, bits)| *bits);
    let usual = UsualBits {
        file: usual_of(&mut of_mode(false), default.file),
        executable: usual_of(&mut of_mode(true), default.executable),
        directory: usual_of(&mut found.directory_bits.iter().map(|(_, bits)| *bits), default.directory),
    };
    let files =
        hashed.bits.iter().filter(|(_, mode, bits)| *bits != if is_run(*mode) { usual.executable } else { usual.file }.get());
    let directories = found.directory_bits.iter().filter(|(_, bits)| *bits != usual.directory.get());
    let permissions = files
        .map(|(path, _, bits)| (ListedPath::single(*path), Bits::of(*bits)))
        .chain(directories.map(|(path, bits)| (ListedPath::directory(&**path), Bits::of(*bits))))
        .collect();
    let unreadable =
        hashed.unreadable.iter().map(|path| LeftOut { path: ListedPath::single(*path), why: WhyLeftOut::Unreadable });
    let left_out: BTreeSet<LeftOut> = found.left_out.iter().cloned().chain(unreadable).collect();
    Manifest {
        left_out: left_out.into_iter().collect(),
        ignored: found.ignored.clone(),
        rules: found.rules.clone(),
        usual,
        permissions,
        empty_directories: found.empty.iter().filter_map(|path| TreePath::new(&**path).ok()).collect(),
        skip_worktree: marked(Mark::SkipWorktree),
        assume_unchanged: marked(Mark::AssumeUnchanged),
        intent_to_add: marked(Mark::IntentToAdd),
        ..Manifest::default()
    }
}

/// Untracked paths whose content a snapshot does not take in, and the lines that say so.
#[derive(Default)]
struct Over {
    paths: HashSet<Vec<u8>>,
    lines: Vec<LeftOut>,
}

fn over_limits(new: &[New], limits: Limits) -> Over {
    let mut over = Over::default();
    let size = |new: &New| match new.found {
        Found::File(stat) => stat.size,
        Found::Link(_) | Found::Repository(_) => 0,
    };
    let mut left: Vec<&New> = Vec::with_capacity(new.len());
    for new in new {
        if size(new) > limits.file_bytes {
            let why = WhyLeftOut::TooLarge { bytes: size(new) };
            over.lines.push(LeftOut { path: ListedPath::single(&*new.path), why });
            over.paths.insert(new.path.clone());
        } else {
            left.push(new);
        }
    }
    while left.len() > limits.new_files {
        let excess = left.len() - limits.new_files;
        let mut counts: HashMap<&[u8], usize> = HashMap::new();
        for &new in &left {
            parents(&new.path)
                .filter(|parent| parent.len() >= new.root)
                .for_each(|parent| *counts.entry(parent).or_default() += 1);
        }
        // The directory that costs the least and is enough, else the largest.
        let enough =
            counts.iter().filter(|(_, count)| **count >= excess).min_by_key(|(path, count)| (**count, path.len(), **path));
        let chosen = enough.or_else(|| counts.iter().max_by_key(|(path, count)| (**count, Reverse(path.len()), **path)));
        let Some((&directory, &files)) = chosen else {
            left.sort_unstable_by_key(|&new| (Reverse(size(new)), &new.path));
            for new in left.drain(..excess) {
                let why = WhyLeftOut::TooMany { files: 1 };
                over.lines.push(LeftOut { path: ListedPath::single(&*new.path), why });
                over.paths.insert(new.path.clone());
            }
            break;
        };
        let files = u64::try_from(files).unwrap_or(u64::MAX);
        over.lines.push(LeftOut { path: ListedPath::directory(directory), why: WhyLeftOut::TooMany { files } });
        let inside = |new: &New| new.path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&b'/'));
        let out: Vec<&New> = left.extract_if(.., |new| inside(new)).collect();
        over.paths.extend(out.into_iter().map(|new| new.path.clone()));
    }
    over
}

#[cfg(test)]
mod tests;
