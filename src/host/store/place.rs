//! A file below a directory, reached without following a link, and changed through the directory that was reached: whoever swaps
//! a directory for a link meanwhile leads nothing elsewhere.
//!
//! What is in a file, and whether it may be changed, is not known here.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, RenameFlags},
    io::Errno,
};

use crate::{
    host::{Doing as _, Error, Result, failpoint},
    model::refusal::Refusal,
};

/// Whether a promise rests on the bytes being on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// They are on the disk when the call returns.
    Synced,
    /// They can be made again.
    Derived,
    /// They can be made again, and an empty file in their place would be noticed.
    Rendered,
}

/// How the name of a temporary file begins; its writer's process number follows.
pub(in crate::host) const TEMPORARY: &str = ".autonomy-";

/// A name in a directory that is held open.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    name: OsString,
    shown: PathBuf,
}

/// What stands at a place, as far as it matters to whoever changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Nothing.
    Nothing,
    /// A plain file, with its permission bits.
    File(u32),
    /// A symbolic link.
    Link,
    /// A directory, a pipe, a socket or a device.
    Other,
}

/// What is done where a directory on the way is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Make,
    Stop,
}

impl Place {
    /// The place `relative` below `root`, with its directories made; refuses a symbolic link on the way.
    ///
    /// # Errors
    /// Refuses links and paths that leave `root`; fails when directories cannot be made.
    pub fn make_way(root: &Path, relative: impl AsRef<[u8]>) -> Result<Self> {
        let place = Self::walk(root, relative.as_ref(), Missing::Make)?;
        place.ok_or_else(|| Error::at("make the directory", root, io::Error::from(io::ErrorKind::NotFound)))
    }

    /// The place `relative` below `root`; none when a directory on the way is missing.
    ///
    /// # Errors
    /// Refuses links on the way and paths that leave `root`.
    pub fn below(root: &Path, relative: impl AsRef<[u8]>) -> Result<Option<Self>> {
        Self::walk(root, relative.as_ref(), Missing::Stop)
    }

    /// The place `path`, whose directory is there; links on the way are followed.
    ///
    /// # Errors
    /// Fails when the directory cannot be opened.
    pub fn at(path: &Path) -> Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| Refusal::usage(format!("`{}` names no file", path.display())))?;
        Ok(Self { directory: open_directory(parent)?, name: name.to_owned(), shown: path.to_owned() })
    }

    fn walk(root: &Path, relative: &[u8], missing: Missing) -> Result<Option<Self>> {
        let parts: Vec<&OsStr> = relative.split(|&byte| byte == b'/').map(OsStr::from_bytes).collect();
        if parts.iter().any(|part| matches!(part.as_bytes(), b"" | b"." | b"..")) {
            let shown = String::from_utf8_lossy(relative);
            return Err(Refusal::usage(format!("`{}` is not a path below `{}`", shown.escape_debug(), root.display())).into());
        }
        let Some((name, parents)) = parts.split_last() else { return Ok(None) };
        let mut directory = match open_directory(root) {
            Ok(directory) => directory,
            Err(_) if missing == Missing::Stop && !root.exists() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut shown = root.to_owned();
        for part in parents {
            shown.push(part);
            let opened = match enter(&directory, part) {
                Err(Errno::NOENT) if missing == Missing::Stop => return Ok(None),
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&directory, *part, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(Error::at("make the directory", &shown, io::Error::from(error))),
                    }
                    enter(&directory, part)
                }
                opened => opened,
            };
            directory = match opened {
                Ok(opened) => opened,
                Err(Errno::LOOP | Errno::NOTDIR) if stands(&directory, part) == Ok(Stands::Link) => return Err(through(&shown)),
                Err(Errno::NOTDIR) if missing == Missing::Stop => return Ok(None),
                Err(error) => return Err(Error::at("open the directory", &shown, io::Error::from(error))),
            };
        }
        Ok(Some(Self { directory, name: (*name).to_owned(), shown: shown.join(name) }))
    }

    /// Where it is, for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// What stands there.
    ///
    /// # Errors
    /// Fails when it cannot be looked at.
    pub fn stands(&self) -> Result<Stands> {
        stands(&self.directory, &self.name).map_err(|error| Error::at("look at", &self.shown, io::Error::from(error)))
    }

    /// Reads the plain file of at most `cap` bytes; none when nothing is there.
    ///
    /// # Errors
    /// Refuses a larger file and anything that is not a plain file.
    pub fn read(&self, cap: u64) -> Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(Errno::LOOP) => return Err(through(&self.shown)),
            Err(Errno::NXIO) => return Err(self.no_file()),
            Err(error) => return Err(Error::at("read", &self.shown, io::Error::from(error))),
        };
        let found = file.metadata().doing("look at", &self.shown)?;
        if !found.is_file() {
            return Err(self.no_file());
        }
        let mut content = Vec::new();
        if found.len() <= cap {
            file.take(cap.saturating_add(1)).read_to_end(&mut content).doing("read", &self.shown)?;
        }
        let length = found.len().max(u64::try_from(content.len()).unwrap_or(u64::MAX));
        if length > cap {
            return Err(too_large(&self.shown, length, cap));
        }
        Ok(Some(content))
    }

    fn no_file(&self) -> Error {
        Refusal::environment(format!("`{}` is not a plain file", self.shown.display())).into()
    }

    /// Replaces the file, or makes it.
    ///
    /// # Errors
    /// Refuses what is no plain file; fails when the file system does not allow it. What was there before is then still there.
    pub fn replace(&self, content: &[u8], durability: Durability) -> Result<()> {
        match self.stands()? {
            Stands::Nothing | Stands::File(_) => self.put(content, durability),
            Stands::Link => Err(through(&self.shown)),
            Stands::Other => Err(self.no_file()),
        }
    }

    /// The same where a link may stand, which is replaced and not followed.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub fn put(&self, content: &[u8], durability: Durability) -> Result<()> {
        let path = &self.shown;
        // A file that is there keeps its permissions; a new one has what the user's mask leaves.
        let kept = match self.stands()? {
            Stands::File(bits) => Some(Mode::from_raw_mode(bits)),
            Stands::Nothing | Stands::Link | Stands::Other => None,
        };
        let (temporary, mut file) = self.temporary()?;
        failpoint::reach("write.temporary").doing("write", path)?;
        file.write_all(content).doing("write", path)?;
        if let Some(bits) = kept {
            rustix::fs::fchmod(&file, bits).map_err(io::Error::from).doing("set the permissions of", path)?;
        }
        if durability == Durability::Synced {
            file.sync_data().doing("sync", path)?;
        }
        failpoint::reach("write.rename").doing("write", path)?;
        temporary.take_place(durability)?;
        if durability == Durability::Synced {
            rustix::fs::fsync(&self.directory).map_err(io::Error::from).doing("sync the directory of", path)?;
        }
        Ok(())
    }

    fn temporary(&self) -> Result<(Temporary<'_>, File)> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("{TEMPORARY}{}-{number}", std::process::id()));
            match rustix::fs::openat(&self.directory, &name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => return Ok((Temporary { place: self, name }, File::from(file))),
                // Left by a process of the same number that died.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(Error::at("make a temporary file for", &self.shown, io::Error::from(error))),
            }
        }
    }

    /// Makes a symbolic link in place of the file or link that is there.
    ///
    /// # Errors
    /// Fails when the file system does not allow it.
    pub fn link(&self, target: &str) -> Result<()> {
        let path = &self.shown;
        let (temporary, _) = self.temporary()?;
        rustix::fs::unlinkat(&self.directory, &temporary.name, AtFlags::empty()).map_err(io::Error::from).doing("make", path)?;
        rustix::fs::symlinkat(target, &self.directory, &temporary.name).map_err(io::Error::from).doing("make the link", path)?;
        temporary.take_place(Durability::Derived)
    }

    /// What the symbolic link here points to.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn target(&self) -> Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.directory, &self.name, Vec::new());
        let target = target.map_err(io::Error::from).doing("read the link", &self.shown)?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Sets the permission bits of the plain file here.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn set_bits(&self, bits: u32) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())
            .and_then(|file| rustix::fs::fchmod(&file, Mode::from_raw_mode(bits)))
            .map_err(io::Error::from)
            .doing("set the permissions of", &self.shown)
    }

    /// Takes the file or link here away.
    ///
    /// # Errors
    /// Fails when there is none, or when it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        let removed = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        removed.map_err(io::Error::from).doing("remove", &self.shown)
    }

    /// Takes the directory here away, if it is empty.
    pub fn remove_if_empty(&self) -> bool {
        rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::REMOVEDIR).is_ok()
    }
}

/// A file that is to take a place, and goes when it does not come to that.
struct Temporary<'a> {
    place: &'a Place,
    name: OsString,
}

impl Temporary<'_> {
    fn take_place(self, durability: Durability) -> Result<()> {
        let (directory, name) = (self.place.directory.as_fd(), &self.place.name);
        // A file system that is told to rename over a file may first write the new content to the disk; it does not when two
        // files change names. The other one then goes with the temporary name.
        if durability == Durability::Rendered
            && rustix::fs::renameat_with(directory, &self.name, directory, name, RenameFlags::EXCHANGE).is_ok()
        {
            return Ok(());
        }
        let renamed = rustix::fs::renameat(directory, &self.name, directory, name);
        renamed.map_err(io::Error::from).doing("write", &self.place.shown)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // After a rename there is none; what cannot be removed is swept later.
        rustix::fs::unlinkat(&self.place.directory, &self.name, AtFlags::empty()).ok();
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from).doing("open the directory", path)
}

fn enter(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

fn stands(directory: &OwnedFd, name: &OsStr) -> std::result::Result<Stands, Errno> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Stands::File(found.st_mode & 0o7777),
            FileType::Symlink => Stands::Link,
            _ => Stands::Other,
        }),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Stands::Nothing),
        Err(error) => Err(error),
    }
}

fn through(path: &Path) -> Error {
    Refusal::environment(format!("`{}` is a symbolic link, and autonomy does not write through links", path.display()))
        .hint("replace the link by a plain file or directory")
        .into()
}

/// The refusal of a file that is larger than such a file may be.
pub(in crate::host::store) fn too_large(path: &Path, length: u64, cap: u64) -> Error {
    Refusal::usage(format!("`{}` has {length} bytes, more than the {cap} that such a file may have", path.display()))
        .hint("make it smaller; nothing was changed")
        .into()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        sync::atomic::AtomicBool,
    };

    use super::*;

    fn ground() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir(&root).and_then(|()| fs::create_dir(&outside)).expect("folders");
        fs::write(outside.join("file"), "theirs").expect("a file");
        (folder, root, outside)
    }

    fn is_untouched(outside: &Path) -> bool {
        let names: Vec<_> = fs::read_dir(outside).expect("is there").map(|entry| entry.expect("an entry").file_name()).collect();
        names == ["file"] && fs::read(outside.join("file")).expect("is there") == b"theirs"
    }

    #[test]
    fn a_link_in_any_part_of_a_path_is_refused_wherever_it_leads() {
        for target in ["../outside", "../outside/file", "nowhere", "/", "a", "."] {
            for (part, relative) in [("a", "a/b/c"), ("a/b", "a/b/c"), ("a/b/file", "a/b/file")] {
                let (_folder, root, outside) = ground();
                if let Some((parents, _)) = part.rsplit_once('/') {
                    fs::create_dir_all(root.join(parents)).expect("parents");
                }
                symlink(target, root.join(part)).expect("a link");
                let wrote = Place::make_way(&root, relative).and_then(|place| place.replace(b"ours", Durability::Synced));
                let refusal = wrote.expect_err("a link is in the way").to_string();
                assert!(refusal.contains("is a symbolic link"), "{target} at {part}: {refusal}");
                let read = Place::below(&root, relative).and_then(|place| place.map_or(Ok(None), |place| place.read(10)));
                assert!(read.is_err(), "{target} at {part}: read through it");
                assert!(is_untouched(&outside), "{target} at {part}");
            }
        }
    }

    #[test]
    fn another_name_of_a_file_keeps_its_content_and_what_is_no_file_stays() {
        let (_folder, root, outside) = ground();
        fs::hard_link(outside.join("file"), root.join("file")).expect("a second name");
        let place = Place::make_way(&root, "file").expect("a place");
        place.replace(b"ours", Durability::Derived).expect("writes");
        assert!(is_untouched(&outside) && fs::read(root.join("file")).expect("is there") == b"ours");
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("a pipe");
        fs::create_dir(root.join("folder")).expect("a folder");
        for name in ["pipe", "folder"] {
            let place = Place::make_way(&root, name).expect("a place");
            assert!(place.replace(b"ours", Durability::Derived).is_err() && place.read(10).is_err(), "{name}");
            assert_eq!(place.stands().expect("looks"), Stands::Other, "{name}");
        }
        assert_eq!(fs::read_dir(&root).expect("is there").count(), 3, "nothing is left beside them");
    }

    #[test]
    fn what_is_replaced_keeps_its_bits_and_a_failure_leaves_what_was_there() {
        let (_folder, root, _) = ground();
        let place = Place::make_way(&root, "a/b").expect("a place");
        place.replace(b"one", Durability::Rendered).expect("new");
        place.set_bits(0o600).expect("sets");
        place.replace(b"two", Durability::Rendered).expect("again");
        assert_eq!(
            (place.read(10).expect("reads"), place.stands().expect("looks")),
            (Some(b"two".to_vec()), Stands::File(0o600))
        );
        let failed = failpoint::with("write.rename=eio", || place.replace(b"three", Durability::Synced));
        assert!(failed.is_err() && fs::read(root.join("a/b")).expect("is there") == b"two");
        assert_eq!(fs::read_dir(root.join("a")).expect("is there").count(), 1, "the temporary file went");
        assert!(place.read(2).expect_err("too large").to_string().contains("more than the 2"));
        assert_eq!(fs::metadata(root.join("a/b")).expect("is there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn whoever_swaps_a_directory_for_a_link_leads_nothing_outside() {
        let (_folder, root, outside) = ground();
        fs::create_dir(root.join("a")).expect("a folder");
        symlink(&outside, root.join("b")).expect("a link");
        let stop = AtomicBool::new(false);
        let (mut wrote, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                let (one, two) = (root.join("a"), root.join("b"));
                while !stop.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &two, RenameFlags::EXCHANGE)
                        .expect("swaps");
                }
            });
            while wrote + refused < 10_000 || wrote == 0 || refused == 0 {
                let outcome = Place::make_way(&root, "a/c/ours").and_then(|place| place.replace(b"ours", Durability::Derived));
                match outcome {
                    Ok(()) => wrote += 1,
                    Err(_) => refused += 1,
                }
            }
            stop.store(true, Ordering::Relaxed);
            swapper.join().expect("ends");
        });
        assert!(is_untouched(&outside), "{wrote} were written, {refused} refused");
    }
}
