//! Whole files by their paths: written anew, read up to a cap, taken away; and the directories that they lie in.
//!
//! What lies in the work tree, where others may put links, is written through [`Place`].

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

pub use crate::host::store::place::Durability;
use crate::{
    host::{
        Doing, Error, Result, failpoint,
        store::place::{Place, Stands, TEMPORARY, too_large},
    },
    model::refusal::Refusal,
};

/// Makes `directory` and its parents, and syncs the parent of each that is new.
///
/// # Errors
/// Fails when the file system does not allow it.
pub fn make_directory(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_directory(parent)?;
    }
    match fs::create_dir(directory) {
        Ok(()) => directory.parent().map_or(Ok(()), sync_directory),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(error).doing("make the directory", directory),
    }
}

/// Makes the entries of `directory` durable.
///
/// # Errors
/// Fails when the disk does.
pub fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|handle| handle.sync_all()).doing("sync the directory", directory)
}

/// Replaces the file at `path`, or makes it; its directory must be there.
///
/// # Errors
/// Fails when the file system does not allow it; what was there before is then still there.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    Place::at(path)?.put(content, durability)
}

/// Lets everybody who may read a file run it.
///
/// # Errors
/// Fails when the file system does not allow it.
pub fn make_executable(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).doing("look at", path)?.permissions().mode();
    fs::set_permissions(path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2))).doing("make a program of", path)
}

/// Removes the temporary files in `directory` whose writers are gone: git would show them to the user.
pub fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let writer = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY)).and_then(|rest| rest.split('-').next());
        if let Some(writer) = writer.and_then(|writer| writer.parse::<u32>().ok())
            && writer != std::process::id()
            && !Path::new("/proc").join(writer.to_string()).exists()
            && Path::new("/proc/self").exists()
        {
            // What cannot be removed now is named by `verify`.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// The path of `relative` below `root`; refuses a symbolic link on the way or at its end.
///
/// # Errors
/// Refuses links and paths that leave `root`.
pub fn inside(root: &Path, relative: &str) -> Result<PathBuf> {
    let mut path = root.to_owned();
    for part in relative.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err(Refusal::usage(format!("`{}` is not a path below `{}`", relative.escape_debug(), root.display())).into());
        }
        path.push(part);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(Refusal::environment(format!(
                "`{}` is a symbolic link, and autonomy does not write through links",
                path.display()
            ))
            .hint("replace the link by a plain file or directory")
            .into());
        }
    }
    Ok(path)
}

/// Whether anything is at `path`, even a link that leads nowhere.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether nothing lies in `directory`, or it is not there yet.
///
/// # Errors
/// Fails when it cannot be read, and when it is no directory.
pub fn is_empty(directory: &Path) -> Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).doing("list", directory),
    }
}

/// Reads a file of at most `cap` bytes; none when it is not there.
///
/// # Errors
/// Refuses a larger file and anything that is not a plain file.
pub fn read_capped(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::at("read", path, error)),
    };
    if !found.is_file() {
        return Err(Refusal::environment(format!("`{}` is not a plain file", path.display())).into());
    }
    if found.len() > cap {
        return Err(too_large(path, found.len(), cap));
    }
    match read_whole(path, usize::try_from(found.len()).doing("read", path)?) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::at("read", path, error)),
    }
}

/// Reads a file of about `expected` bytes, in one call where it has no more than these: a read that does not fill what it
/// is given was the last one, for plain files and those below `/proc`.
///
/// # Errors
/// Fails when it is not there or cannot be read.
pub fn read_whole(path: &Path, expected: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut content, mut filled) = (vec![0; expected + 1], 0);
    loop {
        match file.read(&mut content[filled..]) {
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if filled < content.len() {
            content.truncate(filled);
            return Ok(content);
        }
        content.resize(2 * filled, 0);
    }
}

/// Takes the file at `path` away; one that is gone already is.
///
/// # Errors
/// Fails when it cannot be removed.
pub fn remove_file(path: &Path) -> Result<()> {
    failpoint::reach("write.remove").doing("remove", path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).doing("remove", path),
        Ok(()) | Err(_) => {}
    }
    failpoint::reach("write.removed").doing("remove", path)
}

/// Takes the plain file `relative` below `root` away, and the directories that are empty then, up to `root`.
///
/// # Errors
/// Refuses links and paths that leave `root`; fails when the file cannot be removed.
pub fn remove(root: &Path, relative: &str) -> Result<()> {
    let Some(place) = Place::below(root, relative)? else { return Ok(()) };
    failpoint::reach("write.remove_below").doing("remove", place.path())?;
    match place.stands()? {
        Stands::Nothing => {}
        Stands::Link => return inside(root, relative).map(drop),
        Stands::File(_) | Stands::Other => place.remove()?,
    }
    failpoint::reach("write.removed_below").doing("remove", place.path())?;
    remove_empty(root, relative)
}

/// Takes the directories away that `relative` lies in below `root`, from the innermost, as long as they are empty.
///
/// # Errors
/// Refuses links and paths that leave `root`.
pub fn remove_empty(root: &Path, relative: impl AsRef<[u8]>) -> Result<()> {
    let mut path = relative.as_ref();
    while let Some(slash) = path.iter().rposition(|&byte| byte == b'/') {
        path = &path[..slash];
        if !Place::below(root, path)?.is_some_and(|place| place.remove_if_empty()) {
            break;
        }
    }
    Ok(())
}

/// The plain files below `relative`, from `root`, in order; links are not followed.
///
/// # Errors
/// Fails when a directory cannot be read.
pub fn files_below(root: &Path, relative: &str) -> Result<Vec<String>> {
    let top = root.join(relative);
    if !top.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(&top).sort_by_file_name() {
        let entry = entry.doing("look through", &top)?;
        if !entry.file_type().is_dir() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            files.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_leaves_nothing_beside_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("page.md");
        replace(&path, b"one", Durability::Synced).expect("new");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        replace(&path, b"two", Durability::Derived).expect("again");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
    }

    #[test]
    fn links_and_ways_out_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::symlink("/etc", folder.path().join("tasks")).expect("a link");
        for bad in ["tasks/x.md", "../x", "a//b", "./a"] {
            assert!(inside(folder.path(), bad).is_err(), "{bad} was taken");
            assert!(Place::make_way(folder.path(), bad).is_err(), "{bad} was taken");
        }
        assert!(Place::make_way(folder.path(), "a/b.md").is_ok());
    }
}
