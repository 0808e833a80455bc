//! What the system tells of changes below directories: which directory, and whether anything may have gone untold.
//!
//! Changes that come through another name of a file (a hard link), through a memory map, or from another machine are not
//! told; whoever relies on this has to look for itself now and then. Only Linux tells.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsStr,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init},
    io::Errno,
};

/// Names that change more than the directory they stand in: what is ignored, how files are stored, where a repository begins.
const FAR_REACHING: [&[u8]; 4] = [b".gitignore", b".gitattributes", b".gitmodules", b".git"];

/// What was told since it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::host) struct Heard {
    /// Directories in which something may have changed, without those below them.
    pub(in crate::host) changed: BTreeSet<Vec<u8>>,
    /// Directories that came, went or changed as a whole.
    pub(in crate::host) unknown: BTreeSet<Vec<u8>>,
    /// Whether anything else may have changed.
    pub(in crate::host) is_lost: bool,
}

impl Heard {
    /// Adds what was told later.
    pub(in crate::host) fn take(&mut self, later: Self) {
        self.changed.extend(later.changed);
        self.unknown.extend(later.unknown);
        self.is_lost |= later.is_lost;
    }
}

/// Directories below one that the system tells of.
#[derive(Debug)]
pub(in crate::host) struct Told {
    queue: OwnedFd,
    top: PathBuf,
    places: Mutex<HashMap<i32, Vec<u8>>>,
    is_lost: AtomicBool,
}

impl Told {
    /// For directories below `top`; none where the system does not tell.
    pub(in crate::host) fn below(top: &Path) -> Option<Self> {
        let queue = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self { queue, top: top.to_owned(), places: Mutex::default(), is_lost: AtomicBool::new(false) })
    }

    /// From now on tells of what happens in the directory `path`, which is relative to the top; not below it.
    pub(in crate::host) fn watch(&self, path: &[u8]) {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match add_watch(&self.queue, self.top.join(OsStr::from_bytes(path)), flags) {
            Ok(number) => {
                let before = self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(number, path.to_owned());
                // One directory under two paths is told of under one.
                if before.is_some_and(|before| before != path) {
                    self.is_lost.store(true, Ordering::Relaxed);
                }
            }
            // Then there is nothing in it that could be read, and the directory above tells when that changes.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
            Err(_) => self.is_lost.store(true, Ordering::Relaxed),
        }
    }

    /// What was told since this was asked last.
    pub(in crate::host) fn heard(&self) -> Heard {
        let mut heard = Heard { is_lost: self.is_lost.load(Ordering::Relaxed), ..Heard::default() };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
        let mut reader = Reader::new(&self.queue, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    heard.is_lost = true;
                    break;
                }
            };
            let flags = event.events();
            if flags.contains(ReadFlags::IGNORED) {
                places.remove(&event.wd());
                continue;
            }
            if flags.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT) {
                heard.is_lost = true;
                continue;
            }
            let (Some(place), Some(name)) = (places.get(&event.wd()), event.file_name()) else { continue };
            let name = name.to_bytes();
            if flags.contains(ReadFlags::ISDIR) {
                heard.is_lost |= flags.intersects(ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO);
                let path = if place.is_empty() { name.to_vec() } else { [place, &b"/"[..], name].concat() };
                heard.unknown.insert(path);
            }
            // Git's own directory at the top is no part of the work tree.
            heard.is_lost |= FAR_REACHING.contains(&name) && !(place.is_empty() && name == b".git");
            heard.changed.insert(place.clone());
        }
        self.is_lost.store(heard.is_lost, Ordering::Relaxed);
        heard
    }
}
