//! Bytes of records and of people's text, beside the log under their digest, until the session retires.

use std::path::Path;

use crate::{
    host::{
        Result,
        store::{
            layout,
            write::{self, Durability},
        },
    },
    model::{id::Digest, refusal::Refusal},
};

/// The most bytes that are kept as one piece: the cap of a markdown file.
pub const CAP: u64 = 16 * 1024 * 1024;

/// Keeps `content` beside the log in `directory`, durably; the same bytes are kept once.
///
/// # Errors
/// Fails when they cannot be written.
pub fn keep(directory: &Path, content: &[u8]) -> Result<Digest> {
    let digest = Digest::of(content);
    let path = layout::bytes(directory, &digest);
    if !path.is_file() {
        if let Some(parent) = path.parent() {
            write::make_directory(parent)?;
        }
        write::replace(&path, content, Durability::Synced)?;
    }
    Ok(digest)
}

/// The bytes with this digest; none when they are not kept here.
///
/// # Errors
/// Refuses bytes that no longer have their digest.
pub fn get(directory: &Path, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let path = layout::bytes(directory, digest);
    match write::read_capped(&path, CAP)? {
        Some(content) if Digest::of(&content) == *digest => Ok(Some(content)),
        Some(_) => Err(Refusal::environment(format!("`{}` no longer holds the bytes that it is named after", path.display()))
            .hint("`autonomy verify` shows what is damaged")
            .into()),
        None => Ok(None),
    }
}
