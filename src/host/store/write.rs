//! Writing whole files: temporary file in the same directory, sync where a promise rests on it, rename.
//!
//! Never through a symbolic link below the given root: a link in the way is refused, because it may lead out of the repository.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    host::{Doing, Error, Result, failpoint},
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
const TEMPORARY: &str = ".autonomy-";

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
    let directory = path.parent().unwrap_or(Path::new("."));
    let prefix = format!("{TEMPORARY}{}-", std::process::id());
    // A file that is there keeps its permissions; a new one has what the user's mask leaves.
    let kept = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.permissions());
    let usual = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(&prefix).permissions(usual).tempfile_in(directory);
    let mut temporary = made.doing("make a temporary file in", directory)?;
    failpoint::reach("write.temporary").doing("write", path)?;
    temporary.as_file_mut().write_all(content).doing("write", path)?;
    if let Some(permissions) = kept {
        temporary.as_file().set_permissions(permissions).doing("set the permissions of", path)?;
    }
    if durability == Durability::Synced {
        temporary.as_file().sync_data().doing("sync", path)?;
    }
    failpoint::reach("write.rename").doing("write", path)?;
    if durability == Durability::Rendered && exchange(temporary.path(), path) {
        return Ok(());
    }
    temporary.persist(path).map_err(|failed| failed.error).doing("write", path)?;
    if durability == Durability::Synced {
        sync_directory(directory)?;
    }
    Ok(())
}

/// Puts a temporary file in the place of another, which takes its name and goes with it. A file system that is told to
/// rename over a file may first write the new content to the disk; it does not when two files change names.
fn exchange(temporary: &Path, path: &Path) -> bool {
    let here = rustix::fs::CWD;
    rustix::fs::renameat_with(here, temporary, here, path, rustix::fs::RenameFlags::EXCHANGE).is_ok()
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

/// The path of `relative` below `root`, after making its directories; refuses a symbolic link on the way or at its end.
///
/// # Errors
/// Refuses links and paths that leave `root`; fails when directories cannot be made.
pub fn prepare_below(root: &Path, relative: &str) -> Result<PathBuf> {
    let path = inside(root, relative)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).doing("make the directory", parent)?;
    }
    Ok(path)
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
        return Err(Refusal::usage(format!(
            "`{}` has {} bytes, more than the {cap} that such a file may have",
            path.display(),
            found.len()
        ))
        .hint("make it smaller; nothing was changed")
        .into());
    }
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::at("read", path, error)),
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
    let path = inside(root, relative)?;
    remove_file(&path)?;
    for parent in path.ancestors().skip(1).take_while(|parent| *parent != root) {
        // Only an empty directory can be removed so; a full one stays.
        if fs::remove_dir(parent).is_err() {
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
            assert!(prepare_below(folder.path(), bad).is_err(), "{bad} was taken");
        }
        assert!(prepare_below(folder.path(), "a/b.md").is_ok());
    }
}
