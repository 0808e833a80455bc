//! Refuses a tree that was not meant to be a repository, such as a home directory, before anything of it is read or written.
//!
//! What a snapshot leaves out of a tree of a usual size is decided elsewhere.

use std::collections::BTreeMap;

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{
            Repository,
            entries::Tracked,
            walk::{Findings, Found, walk_at_most},
        },
    },
    model::{manifest::ListedPath, refusal::Refusal, settings::value::Size},
};

/// So many places are named that hold the most.
const NAMED: usize = 3;

/// The largest tree that a snapshot is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Files, links and directories that are neither tracked nor ignored.
    pub files: usize,
    /// Bytes of files that are untracked or changed.
    pub bytes: u64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { files: 100_000, bytes: 10_000_000_000 }
    }
}

impl Repository {
    /// Refuses a work tree that is larger than the limits; stops looking as soon as that is known.
    ///
    /// # Errors
    /// Refuses it with figures; fails when something cannot be read.
    pub fn check_extent(&self, environment: &Environment, extent: Extent) -> Result<()> {
        let tracked = Tracked::read(self)?;
        let found = walk_at_most(self, environment, &tracked, &[], extent.files)?;
        Ok(check(&found, extent)?)
    }
}

/// Refuses what was found when it is more than the limits.
pub(in crate::host::git) fn check(found: &Findings, extent: Extent) -> Result<(), Refusal> {
    if found.is_cut || found.new.len() + found.new_directories.len() > extent.files {
        return Err(too_many(found, extent.files));
    }
    let size = |what: &Found| match what {
        Found::File(stat) => stat.size,
        Found::Link(_) | Found::Repository(_) => 0,
    };
    let new = found.new.iter().map(|new| size(&new.found));
    let bytes: u64 = found.differing.values().map(size).chain(new).sum();
    if bytes <= extent.bytes {
        return Ok(());
    }
    let most = most(found.new.iter().map(|new| (&*new.path, size(&new.found))));
    let most: Vec<String> = most.into_iter().map(|(place, bytes)| format!("{place} {} MB", bytes / 1_000_000)).collect();
    let words = format!(
        "cannot take a snapshot: {} MB here would have to be read ({}), more than the {} of `snapshot.most_bytes`",
        bytes / 1_000_000,
        most.join(", "),
        Size(extent.bytes)
    );
    Err(Refusal::environment(words).hint(way_out("most_bytes", &Size(bytes.next_multiple_of(1_000_000_000)).to_string())))
}

fn too_many(found: &Findings, limit: usize) -> Refusal {
    let inside = found.new_directories.iter().map(|directory| [directory, &b"/"[..]].concat()).collect::<Vec<_>>();
    let most = most(found.new.iter().map(|new| &*new.path).chain(inside.iter().map(|path| &**path)).map(|path| (path, 1)));
    let most: Vec<String> = most.into_iter().map(|(place, files)| format!("{place} at least {files}")).collect();
    let words = format!(
        "cannot take a snapshot: more than {limit} files and directories here are neither tracked nor ignored ({}), the most of \
         `snapshot.most_files`",
        most.join(", ")
    );
    Refusal::environment(words).hint(way_out("most_files", &(limit * 2).to_string()))
}

fn way_out(key: &str, value: &str) -> String {
    format!(
        "`git rev-parse --show-toplevel` says what is taken for a repository; ignore what is not part of it in `.gitignore`, or \
         `autonomy config set --user snapshot.{key} {value}`"
    )
}

/// The names at the top that hold the most, the first before all.
fn most<'a>(all: impl Iterator<Item = (&'a [u8], u64)>) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&[u8], u64> = BTreeMap::new();
    for (path, weight) in all {
        let end = path.iter().position(|&byte| byte == b'/').map_or(path.len(), |at| at + 1);
        *sums.entry(&path[..end]).or_default() += weight;
    }
    let mut sums: Vec<(&[u8], u64)> = sums.into_iter().collect();
    sums.sort_by_key(|(place, weight)| (std::cmp::Reverse(*weight), *place));
    sums.into_iter().take(NAMED).map(|(place, weight)| (format!("`{}`", ListedPath::single(place)), weight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::{Knowledge, Limits, fixture::Fixture};

    #[test]
    fn a_tree_over_the_limits_is_refused_with_what_holds_the_most() {
        let fixture = Fixture::new();
        fixture.write(".gitignore", "/ignored\n");
        for number in 0..30 {
            fixture.write(&format!("much/deep/{number}"), "x".repeat(100_000));
            fixture.write(&format!("ignored/{number}"), "x");
        }
        for name in ["a", "b", "few/c"] {
            fixture.write(name, "x");
        }
        let (repository, environment) = (fixture.repository(), fixture.environment());
        let extent = |files, bytes| Extent { files, bytes };
        repository.check_extent(&environment, extent(37, 4_000_000)).unwrap();
        for (extent, words) in [
            (extent(36, 4_000_000), "more than 36 files and directories here are neither tracked nor ignored (`much/` at least "),
            (extent(37, 2_000_000), "3 MB here would have to be read (`much/` 3 MB, "),
        ] {
            let limits = Limits { extent, ..Limits::default() };
            let mut knowledge = Knowledge::default();
            for refused in [
                repository.check_extent(&environment, extent).unwrap_err(),
                repository.snapshot(&environment, &limits, &[]).map(drop).unwrap_err(),
                repository.snapshot_knowing(&environment, &limits, &[], &mut knowledge).map(drop).unwrap_err(),
            ] {
                let refusal = refused.refusal();
                assert!(refusal.message.contains(words), "{refusal}");
                assert!(refusal.hint.is_some_and(|hint| hint.contains("autonomy config set --user snapshot.most_")));
            }
        }
    }

    #[test]
    fn directories_without_a_file_count_too_and_no_more_are_looked_into_than_it_takes() {
        let fixture = Fixture::new();
        for number in 0..500 {
            std::fs::create_dir_all(fixture.root().join(format!("hollow/{}/{number}", number % 10))).unwrap();
        }
        let (repository, environment) = (fixture.repository(), fixture.environment());
        let refused = repository.check_extent(&environment, Extent { files: 40, ..Extent::default() }).unwrap_err().refusal();
        assert!(refused.message.contains("more than 40 files and directories here"), "{refused}");
        let tracked = Tracked::read(&repository).unwrap();
        let found = walk_at_most(&repository, &environment, &tracked, &[], 40).unwrap();
        assert!(found.is_cut && found.new_directories.len() < 400, "{} were seen", found.new_directories.len());
        repository.check_extent(&environment, Extent { files: 511, ..Extent::default() }).unwrap();
        // One who knows the tree hears of what grows in it, and looks no further either.
        let limits = |files| Limits { extent: Extent { files, ..Extent::default() }, ..Limits::default() };
        let mut knowledge = Knowledge::default();
        repository.snapshot_knowing(&environment, &limits(520), &[], &mut knowledge).map(drop).unwrap();
        for number in 0..20 {
            fixture.write(&format!("later/{number}"), "x");
        }
        let refused = repository.snapshot_knowing(&environment, &limits(520), &[], &mut knowledge).map(drop).unwrap_err();
        assert!(refused.refusal().message.contains("more than 520 files and directories here"), "{refused}");
        repository.snapshot_knowing(&environment, &limits(600), &[], &mut knowledge).map(drop).unwrap();
    }
}
