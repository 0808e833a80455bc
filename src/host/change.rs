//! Reads both sides of what differs, as facts that its risk is judged by.
//!
//! What a program says is read by `source::code`; what a difference means is not asked here.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::{
    host::{
        Result,
        git::Repository,
        source::code::{self, LONGEST},
        store::place,
        workspace::Workspace,
    },
    model::{
        change::{Change as PathChange, ChangeKind as Kind, Mode, Side, TreePath},
        id::Oid,
        risk::{
            Change,
            file::{FileChange, Version},
        },
    },
};

/// The largest file that is looked into, in bytes.
const MAX_FILE: u64 = LONGEST as u64;
/// How many files are looked into; of what is over, only the paths count.
const MAX_FILES: usize = 5_000;
/// How many files are held in memory at once.
const AT_ONCE: usize = 128;
/// How many messages of a range are read, the newest first.
const MAX_MESSAGES: usize = 1_000;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// What differs between two commits.
    Commits {
        /// The first.
        from: Oid,
        /// The second.
        to: Oid,
    },
    /// What differs between the trees of two commits, whatever their messages say.
    Trees {
        /// The first; none for the empty tree.
        from: Option<Oid>,
        /// The second.
        to: Oid,
        /// The only paths that are looked at; all when none are said.
        paths: Option<BTreeSet<TreePath>>,
    },
    /// What differs between HEAD and the index.
    Staged,
    /// What differs between HEAD and the work tree, with new files that are not ignored.
    WorkTree,
}

/// Where a path differs: what HEAD or the first commit has, and where the other side is.
struct Place {
    path: TreePath,
    before: Option<Side>,
    after: After,
}

enum After {
    Stored(Option<Side>),
    OnDisk,
}

/// What one side of a path is.
enum Content {
    Nothing,
    Unread,
    Bytes(Vec<u8>),
}

/// Reads what differs.
///
/// # Errors
/// Fails when git's data cannot be read. What cannot be read of the work tree counts as not looked into.
pub fn read(workspace: &Workspace, span: &Span) -> Result<Change> {
    let git = workspace.git()?;
    let between = |changes: Vec<PathChange>| changes.into_iter().map(Place::from).collect();
    let places: Vec<Place> = match span {
        Span::Commits { from, to } => between(git.changes(Some(from), to)?),
        Span::Trees { from, to, paths } => {
            let is_wanted = |change: &PathChange| paths.as_ref().is_none_or(|paths| paths.contains(&change.path));
            between(git.changes(from.as_ref(), to)?.into_iter().filter(is_wanted).collect())
        }
        Span::Staged => between(git.staged_changes()?),
        Span::WorkTree => in_work_tree(git)?,
    };
    let moved = moved(&places);
    let mut files = Vec::with_capacity(places.len());
    for (number, some) in places.chunks(AT_ONCE).enumerate() {
        let mut read = Vec::with_capacity(some.len());
        for place in some {
            let is_over = number * AT_ONCE >= MAX_FILES;
            read.push(if moved.contains(&place.path) {
                None
            } else if is_over || place.is_submodule() {
                Some((Content::Unread, Content::Unread))
            } else {
                Some((stored(git, place.before.as_ref())?, place.after(workspace, git)?))
            });
        }
        let both: Vec<_> = some.iter().zip(read).collect();
        files.par_extend(
            both.into_par_iter().filter_map(|(place, read)| Some(FileChange { blob: place.blob(), ..look(place, read)? })),
        );
    }
    let messages = match span {
        Span::Commits { from, to } => {
            git.commits(Some(from), to, MAX_MESSAGES)?.into_iter().map(|commit| commit.message).collect()
        }
        Span::Trees { .. } | Span::Staged | Span::WorkTree => Vec::new(),
    };
    Ok(Change { files, messages })
}

/// Reads what differs in each of `spans`, several at once, and what `look` makes of it.
///
/// # Errors
/// As [`read`].
pub fn read_each<T: Send>(workspace: &Workspace, spans: &[Span], look: impl Fn(Change) -> T + Sync) -> Result<Vec<T>> {
    let each = spans.len().div_ceil(rayon::current_num_threads()).max(1);
    // What a workspace has read is of one thread.
    let shares: Vec<(Workspace, &[Span])> = spans.chunks(each).map(|share| (workspace.anew(), share)).collect();
    let of_share = |(workspace, share): (Workspace, &[Span])| -> Result<Vec<T>> {
        share.iter().map(|span| read(&workspace, span).map(&look)).collect()
    };
    let found: Vec<Vec<T>> = shares.into_par_iter().map(of_share).collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// What differs at a place of which both sides were read; none of one whose content lies elsewhere now.
fn look(place: &Place, read: Option<(Content, Content)>) -> Option<FileChange> {
    let path = place.path.to_string();
    let Some((before, after)) = read else { return Some(FileChange::moved(&path)) };
    let kind = match (&before, &after) {
        (Content::Nothing, Content::Nothing) => return None,
        (Content::Nothing, _) => Kind::Added,
        (_, Content::Nothing) => Kind::Deleted,
        // What is staged may be taken back on disk.
        (Content::Bytes(before), Content::Bytes(after)) if before == after => match place.after {
            After::Stored(_) => Kind::Mode,
            After::OnDisk => return None,
        },
        _ => Kind::Modified,
    };
    let version = |content: Content| match content {
        Content::Nothing => Version::Nothing,
        Content::Unread => Version::Unread,
        Content::Bytes(bytes) => {
            let facts = Box::new(code::read(&path, &bytes));
            Version::Read { facts, text: String::from_utf8_lossy(&bytes).into_owned() }
        }
    };
    Some(FileChange::between(&path, kind, &version(before), &version(after)))
}

impl From<PathChange> for Place {
    fn from(change: PathChange) -> Self {
        Self { path: change.path, before: change.before, after: After::Stored(change.after) }
    }
}

impl Place {
    fn after(&self, workspace: &Workspace, git: &Repository) -> Result<Content> {
        match &self.after {
            After::Stored(side) => stored(git, side.as_ref()),
            After::OnDisk => Ok(on_disk(workspace, &self.path)),
        }
    }

    /// The blob that stands there now, where git holds one.
    fn blob(&self) -> Option<Oid> {
        match &self.after {
            After::Stored(side) => side.as_ref().map(|side| side.oid.clone()),
            After::OnDisk => None,
        }
    }

    fn is_submodule(&self) -> bool {
        let after = match &self.after {
            After::Stored(side) => side.as_ref(),
            After::OnDisk => None,
        };
        self.before.iter().chain(after).any(|side| side.mode == Mode::Submodule)
    }
}

/// The paths of files that lie elsewhere now with the same content, before and now.
fn moved(places: &[Place]) -> BTreeSet<TreePath> {
    let sides = |wanted: fn(&Place) -> Option<&Side>| {
        let mut sides: BTreeMap<&Side, Vec<&TreePath>> = BTreeMap::new();
        for place in places {
            if let Some(side) = wanted(place) {
                sides.entry(side).or_default().push(&place.path);
            }
        }
        sides
    };
    let gone = sides(|place| place.before.as_ref().filter(|_| matches!(place.after, After::Stored(None))));
    let new = sides(|place| match &place.after {
        After::Stored(Some(side)) if place.before.is_none() => Some(side),
        After::Stored(_) | After::OnDisk => None,
    });
    let both = gone.iter().filter_map(|(side, paths)| Some((paths, new.get(side)?)));
    both.flat_map(|(before, now)| before.iter().chain(now)).map(|path| (*path).clone()).collect()
}

fn stored(git: &Repository, side: Option<&Side>) -> Result<Content> {
    let Some(side) = side else { return Ok(Content::Nothing) };
    Ok(git.blob_at_most(&side.oid, MAX_FILE)?.map_or(Content::Unread, Content::Bytes))
}

/// Paths of which the work tree may hold something else than HEAD.
fn in_work_tree(git: &Repository) -> Result<Vec<Place>> {
    let head = git.head()?.commit().cloned();
    let place = |path: TreePath| {
        let before = head.as_ref().map_or(Ok(None), |head| git.side_at(head, &path))?;
        Ok(Place { path, before, after: After::OnDisk })
    };
    git.status()?.paths().into_iter().map(place).collect()
}

fn on_disk(workspace: &Workspace, path: &TreePath) -> Content {
    let place = place::Place::below(workspace.root(), path.as_bytes());
    match place.and_then(|place| place.map_or(Ok(None), |place| place.read(MAX_FILE))) {
        Ok(Some(bytes)) => Content::Bytes(bytes),
        Ok(None) => Content::Nothing,
        Err(_) => Content::Unread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_elsewhere_with_the_same_content_moved() {
        let side = |digit: &str| Some(Side { mode: Mode::File, oid: Oid::new(digit.repeat(40)).expect("forty digits") });
        let place =
            |path: &str, before, after| Place { path: TreePath::new(path).expect("a path"), before, after: After::Stored(after) };
        let places = [
            place("draft", side("1"), None),
            place("rules", None, side("1")),
            place("copy", None, side("2")),
            place("gone", side("3"), None),
            place("edited", side("2"), side("4")),
        ];
        let found: Vec<String> = moved(&places).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["draft", "rules"]);
        let change = look(&places[1], None).expect("its path counts");
        assert_eq!((change.path.as_str(), change.added), ("rules", 0));
        let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
        let on_disk = Place { after: After::OnDisk, ..place("a", side("1"), None) };
        assert!(look(&on_disk, Some((bytes("a"), bytes("a")))).is_none(), "what was taken back differs in nothing");
        let kind = |before, after| look(&places[4], Some((before, after))).expect("it differs").kind;
        assert_eq!(kind(bytes("a"), bytes("a")), Kind::Mode);
        assert_eq!((kind(bytes("a"), Content::Nothing), kind(Content::Nothing, bytes("a"))), (Kind::Deleted, Kind::Added));
    }
}
