//! Noticing that files were changed, by whatever the system tells, else by looking.
//!
//! A hint and no more: what changed, and whether it matters, is for the caller to look at. Nothing is read but names, sizes
//! and times.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, SystemTime},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::host::clock::Clock;

/// How long it has to be quiet after a change: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// How long quiet is waited for at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Nothing.
    Nothing,
    /// Something may have changed.
    Change,
}

/// Directories under watch, without what lies in directories below them.
#[derive(Debug)]
pub struct Watch {
    wanted: Vec<PathBuf>,
    /// Those that the system tells of, by device and inode; the others are looked at.
    told: BTreeMap<PathBuf, (u64, u64)>,
    watcher: Option<RecommendedWatcher>,
    events: Receiver<()>,
    seen: Vec<Looks>,
}

/// How a directory looks from outside.
type Looks = BTreeSet<(PathBuf, u64, Option<SystemTime>)>;

impl Watch {
    /// Watches `directories`, which need not be there yet.
    #[must_use]
    pub fn over(directories: Vec<PathBuf>) -> Self {
        let (sender, events) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is no change, and an error may hide one.
            if event.as_ref().map_or(true, |event| !event.kind.is_access()) {
                // Nobody listens any more when the watch is gone.
                sender.send(()).ok();
            }
        });
        let (told, seen) = (BTreeMap::new(), Vec::new());
        let mut watch = Self { wanted: directories, told, watcher: watcher.ok(), events, seen };
        watch.listen();
        watch.seen = watch.looks();
        watch
    }

    /// Waits at most `lapse` for a change, then until it is quiet.
    pub fn wait(&mut self, lapse: Duration) -> Noticed {
        let told = match self.events.recv_timeout(lapse) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                Clock::sleep(lapse);
                false
            }
        };
        if told {
            let begun = Clock::instant();
            while begun.elapsed() < PATIENCE && self.events.recv_timeout(QUIET).is_ok() {}
        }
        let came_or_went = self.listen();
        let looks = self.looks();
        let looked = looks != self.seen;
        self.seen = looks;
        if told || came_or_went || looked { Noticed::Change } else { Noticed::Nothing }
    }

    /// Has the system tell of the directories that are there by now; says whether they are others than before.
    fn listen(&mut self) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let before = self.told.clone();
        // One that was replaced is another one to the system.
        self.told.retain(|directory, known| place(directory).as_ref() == Some(known));
        for directory in &self.wanted {
            if !self.told.contains_key(directory)
                && let Some(place) = place(directory)
                && watcher.watch(directory, RecursiveMode::NonRecursive).is_ok()
            {
                self.told.insert(directory.clone(), place);
            }
        }
        self.told != before
    }

    /// Looks at the directories that the system does not tell of.
    fn looks(&self) -> Vec<Looks> {
        self.wanted
            .iter()
            .map(|directory| if self.told.contains_key(directory) { Looks::new() } else { look(directory) })
            .collect()
    }
}

/// Device and inode of a directory.
fn place(directory: &Path) -> Option<(u64, u64)> {
    let known = fs::metadata(directory).ok().filter(fs::Metadata::is_dir)?;
    Some((known.dev(), known.ino()))
}

fn look(directory: &Path) -> Looks {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let looks = entries.filter_map(|entry| {
        let known = entry.metadata().ok()?;
        Some((entry.path(), known.len(), known.modified().ok()))
    });
    looks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    #[test]
    fn a_change_is_noticed_and_reading_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let (here, later) = (folder.path().join("here"), folder.path().join("later"));
        fs::create_dir(&here).expect("made");
        fs::write(here.join("file"), "1").expect("written");
        let mut watch = Watch::over(vec![here.clone(), later.clone()]);
        fs::read(here.join("file")).expect("read");
        assert_eq!(watch.wait(SHORT), Noticed::Nothing);
        fs::write(here.join("file"), "2").expect("written");
        assert_eq!(watch.wait(LONG), Noticed::Change);
        assert_eq!(watch.wait(SHORT), Noticed::Nothing);
        fs::create_dir(&later).expect("made");
        fs::write(later.join("file"), "1").expect("written");
        assert_eq!(watch.wait(SHORT), Noticed::Change);
        fs::remove_file(later.join("file")).expect("removed");
        assert_eq!(watch.wait(LONG), Noticed::Change);
    }

    #[test]
    fn without_the_systems_help_it_looks_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut watch = Watch::over(vec![folder.path().to_owned()]);
        watch.watcher = None;
        watch.told.clear();
        watch.seen = watch.looks();
        assert_eq!(watch.wait(SHORT), Noticed::Nothing);
        fs::write(folder.path().join("file"), "1").expect("written");
        assert_eq!(watch.wait(SHORT), Noticed::Change);
    }
}
