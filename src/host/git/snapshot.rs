//! The work tree as a commit on no branch: its tree, the staged tree, and what trees cannot say.
//!
//! The index, HEAD, all refs and every file stay as they are. What a snapshot is for, and which ref holds it, is decided
//! above.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use git2::{ObjectFormat, ObjectType};

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{
            Repository, Signature, Tried as _,
            attributes::{Asked, Attributes},
            batch::{Batch, Leaf, tree_id},
            content::{Answer, Keep, Looking, Question, SecretFiles, hash},
            diff::differences,
            entries::{Mark, Tracked},
            extent::{self, Extent},
            ground::FileMode,
            leak::{Lookout, Markers},
            oid, raw_oid,
            refs::{Draft, Pin},
            stat_cache::StatCache,
            trees::{Edit, Trees},
            walk::{Findings, Found, New, Seen, walk, walk_at_most},
        },
    },
    model::{
        change::{Change, Mode, TreePath},
        checkpoint::Counts,
        id::Oid,
        manifest::{Bits, LeftOut, ListedPath, Manifest, UsualBits, WhyLeftOut},
        secret::{Allowed, Leak, is_named},
    },
};

/// How much untracked content a snapshot takes in.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest untracked file, in bytes.
    pub file_bytes: u64,
    /// The most untracked files.
    pub new_files: usize,
    /// What becomes of untracked files that hold secrets.
    pub secret_files: SecretFiles,
    /// Secrets that are none.
    pub allowed: Allowed,
    /// The largest tree that a snapshot is taken of.
    pub extent: Extent,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 5_000_000,
            new_files: 2_000,
            secret_files: SecretFiles::default(),
            allowed: Allowed::default(),
            extent: Extent::default(),
        }
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

impl SideCommit {
    /// Writes the objects of the batch and pins the snapshot that they are, by a ref below `pinned` that is called as the commit.
    pub(in crate::host::git) fn finish(&self, repository: &Repository, batch: &mut Batch<'_>, pinned: &str) -> Result<()> {
        let to = self.tag.as_ref().unwrap_or(&self.commit).clone();
        let pin = Pin::new(repository, format!("{pinned}/{}", self.commit), to);
        let draft = batch.finish(|| pin.write())?;
        pin.place(repository, draft.transpose()?.unwrap_or(Draft::None))
    }
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
    /// Below which it is pinned by a ref that is called as the commit.
    pub pinned: &'a str,
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
    /// Refuses a changed path that goes through a filter that nobody has trusted, by name; fails when something cannot be read.
    pub fn snapshot(&self, environment: &Environment, limits: &Limits, also: &[TreePath]) -> Result<Snapshot<'_>> {
        let tracked = Tracked::read(self)?;
        let found = walk_at_most(self, environment, &tracked, also, limits.extent.files)?;
        self.snapshot_of(environment, limits, &tracked, &found)
    }

    /// The snapshot of what a walk found.
    pub(in crate::host::git) fn snapshot_of(
        &self,
        environment: &Environment,
        limits: &Limits,
        tracked: &Tracked,
        found: &Findings,
    ) -> Result<Snapshot<'_>> {
        extent::check(found, limits.extent)?;
        let mut over = over_limits(&found.new, limits);
        let lookout = Lookout::new(environment, &limits.allowed, Markers::Believed);
        let mut batch = Batch::new(self)?;
        let mut cache = StatCache::read(self);
        let looking = Some((&lookout, limits.secret_files));
        let hashed = hash_findings(self, environment, (tracked, found), (&over.paths, looking), &mut cache, &mut batch)?;
        cache.write();
        over.add_secrets(&hashed, limits.secret_files);

        let trees = Trees::of(tracked, &mut batch)?;
        let kept: Vec<Edit<'_>> = hashed.edits.iter().filter(|edit| !over.paths.contains(edit.path)).copied().collect();
        let built = trees.with(&kept)?;
        // Where no limit held, the tree that was just built has all that evidence is bound to.
        let evidence = if over.paths.is_empty() {
            evidence(&built.top, self.format())
        } else {
            evidence(&trees.with(&hashed.edits)?.top, self.format())
        }?;
        let tree = built.add_to(&mut batch)?;
        let carried = Carried { index: trees.staged(), unmerged: unmerged(tracked, &mut batch)? };
        let secrets = self.marked(&hashed, &over, carried.index, &lookout, &batch)?;
        let manifest = manifest(tracked, found, &hashed, FileMode::of(self)?, (over.lines, secrets));
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let untracked = hashed.new.saturating_sub(count(over.paths.len()));
        let counts = Counts {
            paths: hashed.tracked + untracked,
            changed: hashed.changed,
            untracked,
            left_out: count(manifest.left_out.len()),
            ignored: count(manifest.ignored.len()),
            secrets: count(manifest.secrets.len()),
        };
        Ok(Snapshot { batch, tree, evidence, carried, manifest, counts })
    }

    /// The secrets that the snapshot holds and HEAD does not: in files that changed, and in what was staged.
    fn marked(
        &self,
        hashed: &Hashed<'_>,
        over: &Over,
        index: git2::Oid,
        lookout: &Lookout<'_>,
        batch: &Batch<'_>,
    ) -> Result<Vec<Leak>> {
        let taken_in = hashed.new_leaks.iter().filter(|leak| !over.paths.contains(leak.path.as_bytes()));
        let mut marked: BTreeSet<Leak> = hashed.leaks.iter().chain(taken_in).cloned().collect();
        // The commit names its tree; the tree itself may be damaged, which is no concern of a snapshot that is equal to it.
        let tree = |head: &Oid| self.raw.find_commit(raw_oid(head)?).tried("read HEAD").map(|commit| commit.tree_id());
        let head = self.head()?.commit().map(tree).transpose()?;
        if head != Some(index) {
            let staged = differences(&|id| batch.read(id), head, Some(index))?;
            marked.extend(self.added_secrets(&staged, lookout)?);
        }
        Ok(marked.into_iter().collect())
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
        let hashed = hash_findings(self, environment, (&tracked, &found), (&all, None), &mut cache, &mut batch)?;
        Ok(oid(evidence(&Trees::of(&tracked, &mut batch)?.with(&hashed.edits)?.top, self.format())?))
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

    /// What a commit or tree has otherwise than this snapshot: `before` is the snapshot, `after` the commit.
    ///
    /// # Errors
    /// Fails when an object is missing.
    pub fn changes_to(&self, repository: &Repository, revision: &Oid) -> Result<Vec<Change>> {
        let after = repository.raw_tree(revision)?.id();
        differences(&|id| self.read_tree(id), Some(self.tree), Some(after))
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
    pub fn write(mut self, repository: &Repository, words: &Words<'_>) -> Result<SideCommit> {
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
        let side = SideCommit { commit: oid(commit), tag: tag.map(oid) };
        side.finish(repository, batch, words.pinned)?;
        Ok(side)
    }
}

/// Who and when, as commits and tags say it.
pub(in crate::host::git) fn by(signature: &Signature) -> String {
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

/// The id that evidence is bound to, of a tree with these entries.
fn evidence(top: &[Leaf<'_>], format: ObjectFormat) -> Result<git2::Oid> {
    let outside: Vec<Leaf<'_>> = top.iter().filter(|leaf| leaf.path != b".claude").copied().collect();
    tree_id(&outside, format)
}

/// What the work tree has otherwise than the index, by path, and what was seen on the way.
struct Hashed<'a> {
    edits: Vec<Edit<'a>>,
    /// How many paths of the index are there.
    tracked: u64,
    /// How many paths are there that the index does not have.
    new: u64,
    /// Tracked paths that are not as the index says.
    changed: u64,
    unreadable: Vec<&'a [u8]>,
    /// Secrets that tracked files have and the index does not.
    leaks: Vec<Leak>,
    /// Secrets in untracked files.
    new_leaks: Vec<Leak>,
}

fn hash_findings<'a>(
    repository: &Repository,
    environment: &Environment,
    (tracked, found): (&'a Tracked, &'a Findings),
    (id_only, looking): (&HashSet<Vec<u8>>, Looking<'_>),
    cache: &mut StatCache,
    batch: &mut Batch<'_>,
) -> Result<Hashed<'a>> {
    let asked = if found.says_attributes { Asked::PerPath } else { Asked::Never };
    let attributes = Attributes::new(repository, environment, asked)?;
    let file_mode = FileMode::of(repository)?;
    let mut questions: Vec<Question<'_>> = Vec::with_capacity(found.differing.len() + found.new.len());
    for (&at, &what) in &found.differing {
        let entry = tracked.get(at);
        questions.push(Question { path: entry.path, found: what, indexed: Some(entry.oid), keep: Keep::Content });
    }
    for new in &found.new {
        let keep = if id_only.contains(&new.path) { Keep::IdOnly } else { Keep::Content };
        questions.push(Question { path: &new.path, found: new.found, indexed: None, keep });
    }
    let (answers, leaking) = hash(repository, &questions, &attributes, looking, cache, batch)?;
    let (tracked_answers, new_answers) = answers.split_at(found.differing.len());

    let (mut leaks, mut new_leaks) = (Vec::new(), Vec::new());
    for (at, own) in leaking {
        if at < found.differing.len() { leaks.extend(own) } else { new_leaks.extend(own) }
    }
    let mut hashed = Hashed { edits: Vec::new(), tracked: 0, new: 0, changed: 0, unreadable: Vec::new(), leaks, new_leaks };
    let record = |what: &Found, indexed| match what {
        Found::File(stat) => file_mode.record(stat.mode, indexed),
        Found::Link(_) => Mode::Link.bits(),
        Found::Repository(_) => Mode::Submodule.bits(),
    };
    // What the index has as not looked at goes where something new stands in place of a directory above it.
    let displaced = found.new.iter().flat_map(|new| {
        let below = tracked.below(&[&new.path[..], b"/"].concat(), 0..tracked.len());
        below.filter(|at| tracked.is_not_looked_at(*at))
    });
    for at in found.gone.iter().copied().chain(displaced) {
        hashed.edits.push(Edit { path: tracked.path(at), becomes: None });
    }
    let mut gone = hashed.edits.len();
    for ((&at, what), answer) in found.differing.iter().zip(tracked_answers) {
        let entry = tracked.get(at);
        let indexed = (entry.mode, entry.oid);
        let becomes = match answer {
            Answer::Holds(oid) => Some((record(what, Some(entry.mode)), *oid)),
            Answer::Unreadable => {
                hashed.unreadable.push(entry.path);
                Some(indexed)
            }
            Answer::Gone => None,
        };
        gone += usize::from(becomes.is_none());
        hashed.changed += u64::from(becomes.is_some_and(|becomes| becomes != indexed));
        if becomes != Some(indexed) || !entry.mark.is_staged() {
            hashed.edits.push(Edit { path: entry.path, becomes });
        }
    }
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    hashed.changed += count(gone);
    hashed.tracked = count(tracked.len() - gone);
    // What was not reached, for want of the right to, stays as the index has it.
    for at in tracked.not_staged() {
        if !found.differing.contains_key(&at) && found.gone.binary_search(&at).is_err() {
            let entry = tracked.get(at);
            hashed.edits.push(Edit { path: entry.path, becomes: Some((entry.mode, entry.oid)) });
        }
    }
    for (new, answer) in found.new.iter().zip(new_answers) {
        match answer {
            Answer::Holds(oid) => {
                hashed.new += 1;
                hashed.edits.push(Edit { path: &new.path, becomes: Some((record(&new.found, None), *oid)) });
            }
            Answer::Unreadable => hashed.unreadable.push(&new.path),
            Answer::Gone => {}
        }
    }
    hashed.edits.sort_unstable_by_key(|edit| edit.path);
    Ok(hashed)
}

fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// The trees of what a merge left open, with their stages.
fn unmerged(tracked: &Tracked, batch: &mut Batch<'_>) -> Result<Vec<(u16, git2::Oid)>> {
    let mut unmerged = Vec::new();
    for wanted in 1..=3 {
        let leaves: Vec<Leaf<'_>> = tracked
            .unmerged
            .iter()
            .filter(|stage| stage.number == wanted)
            .map(|stage| Leaf { path: &stage.path, mode: stage.mode, oid: stage.oid })
            .collect();
        if !leaves.is_empty() {
            unmerged.push((wanted, batch.tree(&leaves)?));
        }
    }
    Ok(unmerged)
}

fn manifest(
    tracked: &Tracked,
    found: &Findings,
    hashed: &Hashed<'_>,
    file_mode: FileMode,
    (over, secrets): (Vec<LeftOut>, Vec<Leak>),
) -> Manifest {
    let (mut skip_worktree, mut assume_unchanged, mut intent_to_add) = (Vec::new(), Vec::new(), Vec::new());
    for at in tracked.marked() {
        let list = match tracked.mark(at) {
            Mark::Plain | Mark::Unmerged => continue,
            Mark::SkipWorktree => &mut skip_worktree,
            Mark::AssumeUnchanged => &mut assume_unchanged,
            Mark::IntentToAdd => &mut intent_to_add,
        };
        // A directory that a sparse index keeps as one entry ends with a slash.
        let path = tracked.path(at);
        list.extend(TreePath::new(path.strip_suffix(b"/").unwrap_or(path)).ok());
    }
    let new_files = || {
        found.new.iter().filter_map(|new| match new.found {
            Found::File(stat) => {
                let is_run = file_mode.record(stat.mode, None) == Mode::Executable.bits();
                Some((&*new.path, is_run, stat.mode & 0o7777))
            }
            Found::Link(_) | Found::Repository(_) => None,
        })
    };
    let mut tallies = [Tally::default(), Tally::default(), Tally::default()];
    let [files, executables, directories] = &mut tallies;
    for seen in &found.bits {
        if seen.is_run { &mut *executables } else { &mut *files }.add(seen.bits);
    }
    new_files().for_each(|(_, is_run, bits)| if is_run { &mut *executables } else { &mut *files }.add(bits));
    found.directory_bits.iter().for_each(|(_, bits)| directories.add(*bits));
    let default = UsualBits::default();
    let usual = UsualBits {
        file: files.most(default.file),
        executable: executables.most(default.executable),
        directory: directories.most(default.directory),
    };
    let is_unusual = |is_run: bool, bits: u32| bits != if is_run { usual.executable } else { usual.file }.get();
    let unread: HashSet<&[u8]> = hashed.unreadable.iter().copied().collect();
    // A mode that could not be recorded says nothing about the bits.
    let is_listed =
        |seen: &&Seen| is_unusual(seen.is_run, seen.bits) || (!unread.is_empty() && unread.contains(tracked.path(seen.at)));
    let is_listed_new = |new: &(&[u8], bool, u32)| is_unusual(new.1, new.2) || unread.contains(new.0);
    let files = found.bits.iter().filter(is_listed).map(|seen| (tracked.path(seen.at), seen.bits));
    let files = files.chain(new_files().filter(is_listed_new).map(|(path, _, bits)| (path, bits)));
    let directories = found.directory_bits.iter().filter(|(_, bits)| *bits != usual.directory.get());
    let permissions = files
        .map(|(path, bits)| (ListedPath::single(path), Bits::of(bits)))
        .chain(directories.map(|(path, bits)| (ListedPath::directory(&**path), Bits::of(*bits))))
        .collect();
    let unreadable =
        hashed.unreadable.iter().map(|path| LeftOut { path: ListedPath::single(*path), why: WhyLeftOut::Unreadable });
    let left_out: BTreeSet<LeftOut> = found.left_out.iter().cloned().chain(unreadable).chain(over).collect();
    Manifest {
        left_out: left_out.into_iter().collect(),
        ignored: found.ignored.clone(),
        rules: found.rules.clone(),
        usual,
        permissions,
        empty_directories: found.empty.iter().filter_map(|path| TreePath::new(&**path).ok()).collect(),
        skip_worktree,
        assume_unchanged,
        intent_to_add,
        secrets,
        ..Manifest::default()
    }
}

/// How often permission bits were seen.
#[derive(Default)]
struct Tally(Vec<(u32, usize)>);

impl Tally {
    fn add(&mut self, bits: u32) {
        match self.0.iter_mut().find(|(known, _)| *known == bits) {
            Some((_, count)) => *count += 1,
            None => self.0.push((bits, 1)),
        }
    }

    /// The bits that were seen most often; `otherwise` where several were or none.
    fn most(&self, otherwise: Bits) -> Bits {
        let most = self.0.iter().max_by_key(|(bits, count)| (*count, *bits == otherwise.get(), *bits));
        most.map_or(otherwise, |(bits, _)| Bits::of(*bits))
    }
}

/// Untracked paths whose content a snapshot does not take in, and the lines that say so.
#[derive(Default)]
struct Over {
    paths: HashSet<Vec<u8>>,
    lines: Vec<LeftOut>,
}

impl Over {
    /// Adds the untracked files in which secrets were found, unless these are taken in.
    fn add_secrets(&mut self, hashed: &Hashed<'_>, secret_files: SecretFiles) {
        if secret_files == SecretFiles::TakeIn {
            return;
        }
        for leak in &hashed.new_leaks {
            if self.paths.insert(leak.path.as_bytes().to_owned()) {
                let why = WhyLeftOut::Secret { rule: leak.rule.clone(), line: Some(leak.line) };
                self.lines.push(LeftOut { path: ListedPath::single(leak.path.as_bytes()), why });
            }
        }
    }
}

fn over_limits(new: &[New], limits: &Limits) -> Over {
    let mut over = Over::default();
    let is_kept_apart = |new: &New| {
        limits.secret_files == SecretFiles::LeaveOut
            && matches!(new.found, Found::File(_))
            && is_named(&new.path)
            && !TreePath::new(&*new.path).is_ok_and(|path| limits.allowed.holds_path(&path))
    };
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
        } else if is_kept_apart(new) {
            let why = WhyLeftOut::Secret { rule: "file-name".to_owned(), line: None };
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
