//! Compares the work tree with the index: in parallel, by `lstat`, reading no content.
//!
//! What git itself would add is found here; what a path holds is hashed elsewhere. Nothing is written.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::{CStr, OsStr},
    fs,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, FileType, Mode as Permissions, OFlags, RawDir, fstat, openat, statat},
    io::Errno,
};

use crate::{
    host::{
        Doing as _, Error, Result,
        environment::Environment,
        git::{
            Repository,
            entries::Tracked,
            ground::{Ground, outermost},
            open::{commit_of_nested, open_raw},
            stat::Stat,
        },
        told::{Heard, Told},
    },
    model::{
        change::TreePath,
        ignore::{Rules, Standing},
        manifest::{LeftOut, ListedPath, OuterRules, WhyLeftOut},
    },
};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Found {
    File(Stat),
    Link(Stat),
    /// Another repository at a commit.
    Repository(git2::Oid),
}

/// A path that the index does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct New {
    pub(in crate::host::git) path: Vec<u8>,
    pub(in crate::host::git) found: Found,
    /// How much of the path is the outermost directory that holds nothing tracked; the whole path when there is none.
    pub(in crate::host::git) root: usize,
}

/// The permission bits of the file of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Seen {
    pub(in crate::host::git) at: usize,
    pub(in crate::host::git) bits: u32,
    /// Whether git records that it can be run.
    pub(in crate::host::git) is_run: bool,
}

impl Seen {
    fn of(at: usize, stat: &Stat, recorded: u32) -> Self {
        Self { at, bits: stat.mode & 0o7777, is_run: recorded == 0o100_755 }
    }
}

/// What the walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::host::git) struct Findings {
    /// Entries of the index whose content or kind may differ, by their number.
    pub(in crate::host::git) differing: BTreeMap<usize, Found>,
    /// Entries of the index that are not there any more.
    pub(in crate::host::git) gone: Vec<usize>,
    pub(in crate::host::git) new: Vec<New>,
    pub(in crate::host::git) ignored: Vec<ListedPath>,
    pub(in crate::host::git) left_out: Vec<LeftOut>,
    pub(in crate::host::git) empty: Vec<Vec<u8>>,
    /// Permission bits of entries of the index that are there.
    pub(in crate::host::git) bits: Vec<Seen>,
    pub(in crate::host::git) directory_bits: Vec<(Vec<u8>, u32)>,
    pub(in crate::host::git) rules: Vec<OuterRules>,
    /// Whether attributes are said somewhere: a `.gitattributes` is there, or the index has one.
    pub(in crate::host::git) says_attributes: bool,
    /// Directories with nothing tracked in them that were looked into.
    pub(in crate::host::git) new_directories: Vec<Vec<u8>>,
    /// Whether there is more than was looked for, so that this is not all.
    pub(in crate::host::git) is_cut: bool,
    /// Whether another repository lies here, in which a commit changes what is found.
    holds_repository: bool,
}

/// The name of the files that say attributes.
const ATTRIBUTES: &[u8] = b".gitattributes";

impl Findings {
    fn take(&mut self, other: Self) {
        self.differing.extend(other.differing);
        self.gone.extend(other.gone);
        self.new.extend(other.new);
        self.ignored.extend(other.ignored);
        self.left_out.extend(other.left_out);
        self.empty.extend(other.empty);
        self.bits.extend(other.bits);
        self.directory_bits.extend(other.directory_bits);
        self.new_directories.extend(other.new_directories);
        self.says_attributes |= other.says_attributes;
        self.is_cut |= other.is_cut;
    }

    fn sort(&mut self) {
        self.gone.sort_unstable();
        self.new.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        self.ignored.sort_unstable();
        self.left_out.sort_unstable();
        self.empty.sort_unstable();
        self.directory_bits.sort_unstable();
        self.new_directories.sort_unstable();
    }

    fn leave_out(&mut self, path: ListedPath, why: WhyLeftOut) {
        self.left_out.push(LeftOut { path, why });
    }
}

/// What was found in one directory, and what it takes to look there again.
pub(in crate::host::git) struct Part {
    within: Within,
    rules: Rules,
    found: Findings,
}

impl Part {
    pub(in crate::host::git) fn found(&self) -> &Findings {
        &self.found
    }
}

/// Parts by the path of their directory.
type Parts = BTreeMap<Vec<u8>, Part>;

struct Walk<'a> {
    tracked: &'a Tracked,
    root: OwnedFd,
    top: &'a Path,
    environment: &'a Environment,
    ground: &'a Ground,
    /// Where the system is asked to tell of changes.
    told: Option<&'a Told>,
    /// Directories that are not looked at on the way.
    known: Option<&'a Parts>,
    keep: Keep,
    /// One for each thread.
    found: Vec<Mutex<Yield>>,
    failed: Mutex<Option<Error>>,
    /// How many new files, links and directories are looked for at the most, and how many were seen.
    most: usize,
    seen: AtomicUsize,
}

/// How what is found is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Together,
    /// By directory.
    Apart,
}

/// What one thread has found.
#[derive(Default)]
struct Yield {
    together: Findings,
    apart: Vec<(Vec<u8>, Part)>,
}

impl<'a> Walk<'a> {
    fn new(
        repository: &'a Repository,
        tracked: &'a Tracked,
        ground: &'a Ground,
        told: Option<&'a Told>,
        keep: Keep,
    ) -> Result<Self> {
        let top = repository.root();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &Path| rustix::fs::open(path, flags, Permissions::empty());
        let root = open(top).map_err(std::io::Error::from).doing("open", top)?;
        let environment = &repository.environment;
        let found = (0..rayon::current_num_threads()).map(|_| Mutex::default()).collect();
        let (failed, seen) = (Mutex::default(), AtomicUsize::default());
        Ok(Self { tracked, root, top, environment, ground, told, known: None, keep, found, failed, most: usize::MAX, seen })
    }
}

/// One directory to walk.
struct Place<'a> {
    /// Empty at the top, else with a slash behind it.
    path: Vec<u8>,
    /// The entries of the index that lie in it.
    entries: std::ops::Range<usize>,
    rules: Rules,
    within: Within,
    walk: &'a Walk<'a>,
}

/// What a directory lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// It holds tracked files.
    Tracked,
    /// It holds tracked files, but rules ignore it and all else in it.
    Ignored,
    /// Nothing in it is tracked; so much of its path is the outermost such directory.
    New(usize),
}

/// An entry of the index as seen from the directory it lies in.
enum Child {
    File(usize),
    Directory(std::ops::Range<usize>),
}

/// Walks the work tree. What lies below `also` is found even where rules ignore it.
pub(in crate::host::git) fn walk(
    repository: &Repository,
    environment: &Environment,
    tracked: &Tracked,
    also: &[TreePath],
) -> Result<Findings> {
    walk_at_most(repository, environment, tracked, also, usize::MAX)
}

/// The same, but it ends early where more than `most` files, links and directories are neither tracked nor ignored: then what
/// was found says so.
pub(in crate::host::git) fn walk_at_most(
    repository: &Repository,
    environment: &Environment,
    tracked: &Tracked,
    also: &[TreePath],
    most: usize,
) -> Result<Findings> {
    let ground = Ground::of(repository, environment)?;
    let walk = Walk { most, ..Walk::new(repository, tracked, &ground, None, Keep::Together)? };
    walk_top(&walk);
    whole(repository, tracked, &ground, std::iter::once(walk.finish()?.together), also)
}

/// As [`walk_at_most`], keeping apart what is found in each directory. `told` hears of each directory before it is read.
pub(in crate::host::git) fn walk_in_parts(
    repository: &Repository,
    tracked: &Tracked,
    ground: &Ground,
    told: Option<&Told>,
    most: usize,
) -> Result<Parts> {
    let walk = Walk { most, ..Walk::new(repository, tracked, ground, told, Keep::Apart)? };
    walk_top(&walk);
    let mut parts = Parts::new();
    walk.finish()?.add_to(&mut parts);
    Ok(parts)
}

impl Yield {
    /// Adds what was kept apart, and says at the top where this is not all.
    fn add_to(self, parts: &mut Parts) {
        parts.extend(self.apart);
        if let Some(top) = parts.get_mut(&b""[..]) {
            top.found.is_cut |= self.together.is_cut;
        }
    }
}

fn walk_top(walk: &Walk<'_>) {
    let place = Place {
        path: Vec::new(),
        entries: 0..walk.tracked.len(),
        rules: outermost(&walk.ground.rules, walk.ground.case),
        within: Within::Tracked,
        walk,
    };
    rayon::scope(|scope| place.enter(scope));
}

/// Looks again in the directories that were heard of, and in those that are new there: at `most` so many new files there.
pub(in crate::host::git) fn walk_again(
    repository: &Repository,
    (tracked, ground): (&Tracked, &Ground),
    told: &Told,
    parts: &mut Parts,
    heard: &Heard,
    most: usize,
) -> Result<()> {
    for gone in &heard.unknown {
        let is_below =
            |path: &Vec<u8>| path.strip_prefix(&gone[..]).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
        let below = parts.range(gone.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(gone));
        for path in below.filter(|path| is_below(path)).cloned().collect::<Vec<_>>() {
            parts.remove(&path);
        }
    }
    let walk = Walk { known: Some(parts), most, ..Walk::new(repository, tracked, ground, Some(told), Keep::Apart)? };
    let again = parts.iter().filter(|(path, part)| part.found.holds_repository || heard.changed.contains(*path));
    rayon::scope(|scope| {
        for (path, part) in again {
            let mut path = path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            let entries = tracked.below(&path, 0..tracked.len());
            Place { path, entries, rules: part.rules.clone(), within: part.within, walk: &walk }.enter_by(scope);
        }
    });
    let found = walk.finish()?;
    found.add_to(parts);
    Ok(())
}

/// What was found everywhere, with what lies below `also` even where rules ignore it.
pub(in crate::host::git) fn whole(
    repository: &Repository,
    tracked: &Tracked,
    ground: &Ground,
    parts: impl Iterator<Item = Findings>,
    also: &[TreePath],
) -> Result<Findings> {
    let mut found = Findings { rules: ground.rules.clone(), ..Findings::default() };
    parts.for_each(|part| found.take(part));
    if !also.is_empty() {
        for path in also {
            include(Walk::new(repository, tracked, ground, None, Keep::Together)?, path, &mut found)?;
        }
    }
    found.sort();
    Ok(found)
}

/// Adds what rules ignore below the directory `path`.
fn include(walk: Walk<'_>, path: &TreePath, found: &mut Findings) -> Result<()> {
    let stands = |path: &TreePath| fs::symlink_metadata(path.join_to(walk.top)).is_ok_and(|found| found.is_dir());
    if !stands(path) || !path.parents().all(|parent| stands(&parent)) {
        return Ok(());
    }
    let mut prefix = path.as_bytes().to_owned();
    let within = Within::New(prefix.len());
    prefix.push(b'/');
    let entries = walk.tracked.below(&prefix, 0..walk.tracked.len());
    let place = Place { path: prefix, entries, rules: Rules::default(), within, walk: &walk };
    rayon::scope(|scope| place.enter(scope));
    let more = walk.finish()?.together;
    found.ignored.retain(|listed| !listed.path().is_some_and(|listed| listed.is_below(path)));
    let known: HashSet<&[u8]> = found.new.iter().map(|new| &*new.path).collect();
    let new: Vec<New> = more.new.into_iter().filter(|new| !known.contains(&*new.path)).collect();
    found.new.extend(new);
    let left_out: Vec<LeftOut> = more.left_out.into_iter().filter(|left| !found.left_out.contains(left)).collect();
    found.left_out.extend(left_out);
    Ok(())
}

impl Walk<'_> {
    /// What all threads have found, in no order.
    fn finish(self) -> Result<Yield> {
        let mut all = Yield::default();
        all.together.is_cut = self.seen.into_inner() > self.most;
        for own in self.found {
            let Yield { together, apart } = own.into_inner().unwrap_or_else(PoisonError::into_inner);
            all.together.take(together);
            all.apart.extend(apart);
        }
        self.failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(all), Err)
    }
}

/// An open directory and what is in it.
struct Opened {
    directory: OwnedFd,
    names: Names,
}

/// Names of a directory, kept in one piece.
struct Names {
    text: Vec<u8>,
    /// Where each begins, and what it names.
    list: Vec<(usize, FileType)>,
}

impl Names {
    fn push(&mut self, name: &CStr, kind: FileType) {
        self.list.push((self.text.len(), kind));
        self.text.extend_from_slice(name.to_bytes_with_nul());
    }

    fn all(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        self.list.iter().filter_map(|&(start, kind)| Some((CStr::from_bytes_until_nul(&self.text[start..]).ok()?, kind)))
    }
}

impl<'a> Place<'a> {
    fn enter<'scope>(self, scope: &rayon::Scope<'scope>)
    where
        'a: 'scope,
    {
        let walk = self.walk;
        if walk.seen.load(Ordering::Relaxed) > walk.most {
            return;
        }
        if let Some(told) = walk.told {
            told.watch(self.name());
        }
        let visit = |found: &mut Findings| {
            if let Err(error) = self.visit(found, scope) {
                walk.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        };
        let own = &walk.found[rayon::current_thread_index().unwrap_or(0)];
        let own = || own.lock().unwrap_or_else(PoisonError::into_inner);
        match walk.keep {
            // Held while the directory is read: a thread reads one at a time.
            Keep::Together => visit(&mut own().together),
            Keep::Apart => {
                let mut found = Findings::default();
                visit(&mut found);
                own().apart.push((self.name().to_owned(), Part { within: self.within, rules: self.rules, found }));
            }
        }
    }

    fn name(&self) -> &[u8] {
        self.path.strip_suffix(b"/").unwrap_or(&self.path)
    }

    fn shown(&self) -> PathBuf {
        self.walk.top.join(OsStr::from_bytes(&self.path))
    }

    fn open(&self) -> rustix::io::Result<Opened> {
        let path: &[u8] = if self.path.is_empty() { b"." } else { &self.path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(&self.walk.root, path, flags, Permissions::empty())?;
        // Room for most directories at once.
        let mut names = Names { text: Vec::with_capacity(2 << 10), list: Vec::with_capacity(64) };
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut entries = RawDir::new(&directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b".." | b".git") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match lstat(&directory, name)? {
                    Some(stat) => stat.file_type(),
                    None => continue,
                },
                kind => kind,
            };
            names.push(name, kind);
        }
        Ok(Opened { directory, names })
    }

    fn visit<'scope>(&self, found: &mut Findings, scope: &rayon::Scope<'scope>) -> Result<()>
    where
        'a: 'scope,
    {
        let Opened { directory, names } = match self.open() {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR) => {
                self.all_gone(self.entries.clone(), found);
                return Ok(());
            }
            Err(Errno::ACCESS) if !self.path.is_empty() => {
                found.leave_out(ListedPath::directory(self.name()), WhyLeftOut::Unreadable);
                found.says_attributes |= self.say_attributes(self.entries.clone());
                return Ok(());
            }
            Err(error) => return Err(Error::at("read the directory", &self.shown(), std::io::Error::from(error))),
        };
        if !self.path.is_empty() {
            if names.list.is_empty() {
                found.empty.push(self.name().to_owned());
            }
            let stat = fstat(&directory).map_err(std::io::Error::from).doing("look at", &self.shown())?;
            found.directory_bits.push((self.name().to_owned(), stat.st_mode & 0o7777));
        }
        let rules = self.rules_here(&directory, &names)?;
        let mut children = self.children();
        found.says_attributes |= children.iter().any(|(name, _)| *name == ATTRIBUTES);
        for (name, kind) in names.all() {
            let known = children
                .binary_search_by(|(child, _)| (*child).cmp(name.to_bytes()))
                .ok()
                .map(|at| std::mem::replace(&mut children[at].1, Child::Directory(0..0)));
            match known {
                Some(Child::File(at)) => {
                    if !self.tracked_file(&directory, name, at, found)? {
                        self.unknown(&directory, (name, kind), &rules, found, scope)?;
                    }
                }
                Some(Child::Directory(entries)) if kind == FileType::Directory => {
                    self.tracked_directory(name.to_bytes(), entries, &rules).spawn(scope);
                }
                Some(Child::Directory(entries)) => {
                    self.all_gone(entries, found);
                    self.unknown(&directory, (name, kind), &rules, found, scope)?;
                }
                None => self.unknown(&directory, (name, kind), &rules, found, scope)?,
            }
        }
        for (_, child) in children {
            match child {
                Child::File(at) => self.all_gone(at..at + 1, found),
                Child::Directory(entries) => self.all_gone(entries, found),
            }
        }
        Ok(())
    }

    /// The entries of the index that lie here, by name; a directory's stand together.
    fn children(&self) -> Vec<(&'a [u8], Child)> {
        let tracked = self.walk.tracked;
        let depth = self.path.len();
        let mut children = Vec::with_capacity(self.entries.len().min(64));
        let mut at = self.entries.start;
        while at < self.entries.end {
            let path: &'a [u8] = tracked.path(at);
            let rest = &path[depth..];
            match rest.iter().position(|&byte| byte == b'/') {
                None => {
                    children.push((rest, Child::File(at)));
                    at += 1;
                }
                Some(length) => {
                    let prefix = &path[..=depth + length];
                    let end = tracked.end_of(prefix, at..self.entries.end);
                    children.push((&rest[..length], Child::Directory(at..end)));
                    at = end;
                }
            }
        }
        children.sort_unstable_by_key(|(name, _)| *name);
        children
    }

    fn rules_here(&self, directory: &OwnedFd, names: &Names) -> Result<Rules> {
        let holds = names.all().any(|(name, kind)| name.to_bytes() == b".gitignore" && kind == FileType::RegularFile);
        if !holds || self.within == Within::Ignored {
            return Ok(self.rules.clone());
        }
        let shown = || self.shown().join(".gitignore");
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(directory, c".gitignore", flags, Permissions::empty()).map_err(std::io::Error::from);
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut fs::File::from(file.doing("read", &shown())?), &mut text).doing("read", &shown())?;
        Ok(self.rules.within(self.name(), &text, self.walk.ground.case))
    }

    /// Compares an entry of the index with what stands at its path; false when something else stands there.
    fn tracked_file(&self, directory: &OwnedFd, name: &CStr, at: usize, found: &mut Findings) -> Result<bool> {
        let tracked = self.walk.tracked;
        let indexed = tracked.mode(at);
        let Some(stat) = self.look(directory, name)? else {
            self.all_gone(at..at + 1, found);
            return Ok(true);
        };
        if tracked.is_not_looked_at(at) {
            if stat.file_type() == FileType::RegularFile {
                found.bits.push(Seen::of(at, &stat, indexed));
            }
            return Ok(true);
        }
        match stat.file_type() {
            FileType::RegularFile => {
                let mode = self.walk.ground.file_mode.record(stat.mode, Some(indexed));
                found.bits.push(Seen::of(at, &stat, mode));
                if mode != indexed || !tracked.is_clean(at, &stat) {
                    found.differing.insert(at, Found::File(stat));
                }
            }
            FileType::Symlink => {
                if indexed != 0o120_000 || !tracked.is_clean(at, &stat) {
                    found.differing.insert(at, Found::Link(stat));
                }
            }
            FileType::Directory if indexed == 0o160_000 => {
                found.holds_repository = true;
                if let Nested::At(head) = self.nested(directory, name)
                    && head != tracked.get(at).oid
                {
                    found.differing.insert(at, Found::Repository(head));
                }
            }
            _ => {
                self.all_gone(at..at + 1, found);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn tracked_directory(&self, name: &[u8], entries: std::ops::Range<usize>, rules: &Rules) -> Self {
        let path = self.join(name);
        let within = match self.within {
            Within::Tracked if rules.ignore(&path, Standing::Directory) => Within::Ignored,
            Within::Tracked | Within::Ignored | Within::New(_) => self.within,
        };
        self.below(path, entries, rules, within)
    }

    /// Something that the index does not have.
    fn unknown<'scope>(
        &self,
        directory: &OwnedFd,
        (name, kind): (&CStr, FileType),
        rules: &Rules,
        found: &mut Findings,
        scope: &rayon::Scope<'scope>,
    ) -> Result<()>
    where
        'a: 'scope,
    {
        found.says_attributes |= name.to_bytes() == ATTRIBUTES;
        let path = self.join(name.to_bytes());
        let is_directory = kind == FileType::Directory;
        let listed = |path: &[u8]| if is_directory { ListedPath::directory(path) } else { ListedPath::single(path) };
        let standing = if is_directory { Standing::Directory } else { Standing::Other };
        if self.within == Within::Ignored || rules.ignore(&path, standing) {
            found.ignored.push(listed(&path));
            return Ok(());
        }
        let bad_link = kind == FileType::Symlink && name.to_bytes().eq_ignore_ascii_case(b".gitmodules");
        if bad_link || TreePath::new(name.to_bytes()).is_err() {
            found.leave_out(listed(&path), WhyLeftOut::BadName);
            return Ok(());
        }
        let root = match self.within {
            Within::New(root) => root,
            Within::Tracked | Within::Ignored => path.len(),
        };
        match kind {
            FileType::RegularFile => {
                if let Some(stat) = self.look(directory, name)? {
                    self.walk.seen.fetch_add(1, Ordering::Relaxed);
                    found.new.push(New { path, found: Found::File(stat), root });
                }
            }
            FileType::Symlink => {
                if let Some(stat) = self.look(directory, name)? {
                    self.walk.seen.fetch_add(1, Ordering::Relaxed);
                    found.new.push(New { path, found: Found::Link(stat), root });
                }
            }
            FileType::Directory => match self.nested(directory, name) {
                Nested::None => {
                    self.walk.seen.fetch_add(1, Ordering::Relaxed);
                    found.new_directories.push(path.clone());
                    self.below(path, 0..0, rules, Within::New(root)).spawn(scope);
                }
                Nested::At(head) => {
                    found.holds_repository = true;
                    found.new.push(New { path, found: Found::Repository(head), root });
                }
                Nested::Empty => {
                    found.holds_repository = true;
                    found.leave_out(listed(&path), WhyLeftOut::EmptyRepository);
                }
            },
            _ => found.leave_out(listed(&path), WhyLeftOut::NotAFile),
        }
        Ok(())
    }

    fn say_attributes(&self, mut entries: std::ops::Range<usize>) -> bool {
        entries.any(|at| self.walk.tracked.path(at).rsplit(|&byte| byte == b'/').next() == Some(ATTRIBUTES))
    }

    fn all_gone(&self, entries: std::ops::Range<usize>, found: &mut Findings) {
        found.says_attributes |= self.say_attributes(entries.clone());
        found.gone.extend(entries.filter(|&at| !self.walk.tracked.is_not_looked_at(at)));
    }

    fn join(&self, name: &[u8]) -> Vec<u8> {
        let mut path = Vec::with_capacity(self.path.len() + name.len() + 1);
        path.extend_from_slice(&self.path);
        path.extend_from_slice(name);
        path
    }

    fn below(&self, mut path: Vec<u8>, entries: std::ops::Range<usize>, rules: &Rules, within: Within) -> Self {
        path.push(b'/');
        Self { path, entries, rules: rules.clone(), within, walk: self.walk }
    }

    fn spawn<'scope>(self, scope: &rayon::Scope<'scope>)
    where
        'a: 'scope,
    {
        if !self.walk.known.is_some_and(|known| known.contains_key(self.name())) {
            self.enter_by(scope);
        }
    }

    fn enter_by<'scope>(self, scope: &rayon::Scope<'scope>)
    where
        'a: 'scope,
    {
        scope.spawn(move |scope| self.enter(scope));
    }

    fn look(&self, directory: &OwnedFd, name: &CStr) -> Result<Option<Stat>> {
        lstat(directory, name).map_err(|error| {
            let path = self.shown().join(OsStr::from_bytes(name.to_bytes()));
            Error::at("look at", &path, std::io::Error::from(error))
        })
    }

    /// Whether the directory `name` is the top of another repository.
    fn nested(&self, directory: &OwnedFd, name: &CStr) -> Nested {
        let mut marker = name.to_bytes().to_owned();
        marker.extend_from_slice(b"/.git");
        if statat(directory, &*marker, AtFlags::SYMLINK_NOFOLLOW).is_err() {
            return Nested::None;
        }
        let path = self.shown().join(OsStr::from_bytes(name.to_bytes()));
        // A `.git` that is no repository hides nothing.
        if open_raw(&path).is_err_and(|error| error.code() == git2::ErrorCode::NotFound) {
            return Nested::None;
        }
        match commit_of_nested(&path, self.walk.environment) {
            Ok(Some(commit)) => Nested::At(commit),
            Ok(None) | Err(_) => Nested::Empty,
        }
    }
}

enum Nested {
    None,
    At(git2::Oid),
    Empty,
}

fn lstat(directory: impl AsFd, name: &CStr) -> rustix::io::Result<Option<Stat>> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Stat::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}
