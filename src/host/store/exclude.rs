//! The one block of ours in git's `info/exclude`: what of a live session git is to overlook in this clone.
//!
//! It lies beside git, where neither `rm -rf .claude` nor an older branch takes it away. No other line of the file is ours.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Result,
        store::write::{self, Durability},
    },
    model::page::{self, Comment},
};

/// The name of the block.
pub const BLOCK: &str = "ignored";

/// What is overlooked, from the top of the work tree: pages and sealed files of live sessions, and what is of one machine only.
pub const LINES: &str = "/.claude/sessions/*/*\n/.claude/current_session\n/.claude/settings.local.json\n";

/// The largest exclude file that is touched, in bytes.
const MAX_EXCLUDE: u64 = 1 << 20;

/// The file of the clone whose shared git directory is `common`, or what it links to: the directory is git's own, and a link
/// there was put by its owner.
#[must_use]
pub fn path(common: &Path) -> PathBuf {
    let path = common.join("info/exclude");
    fs::canonicalize(&path).unwrap_or(path)
}

/// What the file says now, and what it says with the block. Each byte stands as the character of that number, so that a file
/// in any encoding comes through unchanged; [`store`] takes the text in that form.
///
/// # Errors
/// Refuses a file that is too large, and markers that do not pair up.
pub fn with_block(common: &Path) -> Result<(Option<String>, String)> {
    let (now, shown) = (read(common)?, path(common).display().to_string());
    let updated = page::update_with(Comment::Hash, now.as_deref(), BLOCK, LINES).map_err(|error| error.refusal(&shown))?;
    Ok((now, updated.text))
}

/// What the file says now, and what it says without the block; none when there is no file. In the form of [`with_block`].
///
/// # Errors
/// As [`with_block`].
pub fn without_block(common: &Path) -> Result<Option<(String, String)>> {
    let Some(now) = read(common)? else { return Ok(None) };
    let shown = path(common).display().to_string();
    let without = page::remove(Comment::Hash, &now, BLOCK).map_err(|error| error.refusal(&shown))?;
    Ok(Some((now, without)))
}

/// Puts the block in place; does nothing when it is there.
///
/// # Errors
/// As [`with_block`]; fails when the file cannot be written.
pub fn ensure(common: &Path) -> Result<()> {
    let (now, wanted) = with_block(common)?;
    if now.as_deref() == Some(wanted.as_str()) {
        return Ok(());
    }
    store(common, &wanted)
}

/// Takes the block out; a file of which nothing is left goes.
///
/// # Errors
/// As [`with_block`]; fails when the file cannot be written.
pub fn remove(common: &Path) -> Result<()> {
    match without_block(common)? {
        Some((now, without)) if now != without && without.is_empty() => write::remove_file(&path(common)),
        Some((now, without)) if now != without => store(common, &without),
        Some(_) | None => Ok(()),
    }
}

/// Replaces the file by `text`, in the form of [`with_block`].
///
/// # Errors
/// Fails when the file cannot be written.
pub fn store(common: &Path, text: &str) -> Result<()> {
    let path = path(common);
    if let Some(directory) = path.parent() {
        write::make_directory(directory)?;
        write::sweep(directory);
    }
    let bytes: Vec<u8> = text.chars().filter_map(|character| u8::try_from(character).ok()).collect();
    write::replace(&path, &bytes, Durability::Derived)
}

fn read(common: &Path) -> Result<Option<String>> {
    let content = write::read_capped(&path(common), MAX_EXCLUDE)?;
    Ok(content.map(|content| content.into_iter().map(char::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_put_in_once_and_taken_out_to_the_byte() {
        for before in [None, Some(&b"# git's own words\n*.log\n"[..]), Some(b"no end \xff\xc3\xa9"), Some(b"dos\r\n")] {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let path = path(folder.path());
            if let Some(before) = before {
                fs::create_dir_all(folder.path().join("info")).expect("a directory");
                fs::write(&path, before).expect("written");
            }
            ensure(folder.path()).expect("it is put in");
            let once = fs::read(&path).expect("there");
            assert!(String::from_utf8_lossy(&once).contains("/.claude/sessions/*/*"));
            ensure(folder.path()).expect("it is there");
            assert_eq!(fs::read(&path).expect("there"), once);
            remove(folder.path()).expect("it is taken out");
            assert_eq!(fs::read(&path).ok().as_deref(), before);
            remove(folder.path()).expect("there is nothing to do");
        }
    }

    #[test]
    fn broken_markers_are_refused_and_the_file_stays() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(folder.path().join("info")).expect("a directory");
        let path = path(folder.path());
        fs::write(&path, "*.log\n# autonomy:end ignored\n").expect("written");
        let error = ensure(folder.path()).expect_err("an end without a beginning");
        assert!(error.to_string().contains("line 2"), "{error}");
        assert_eq!(fs::read(&path).expect("there"), b"*.log\n# autonomy:end ignored\n");
    }
}
