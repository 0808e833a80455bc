//! What HEAD and the index hold under `.claude/`: small questions that nearly every command asks.
//!
//! Reads only; larger questions about history are asked elsewhere.

use std::path::Path;

use crate::{
    host::{
        Error, Result,
        git::{Repository, diff::directory_in, hash, oid, raw_oid},
    },
    model::id::Oid,
};

impl Repository {
    /// The directory at the top of HEAD's tree that `path` lies in, and the rest of the path.
    fn at_head<'p>(&self, path: &'p str) -> Result<Option<(git2::Tree<'_>, &'p str)>> {
        let (directory, rest) = path.split_once('/').unwrap_or((path, ""));
        let Some(commit) = self.head()?.commit().cloned() else { return Ok(None) };
        let read = |error| Error::while_doing(format!("read `{path}` at HEAD"), error);
        let tree = self.raw.find_commit(raw_oid(&commit)?).map_err(read)?.tree_id();
        let odb = self.raw.odb().map_err(read)?;
        let top = odb.read(tree).map_err(read)?;
        let Some(id) = directory_in(top.data(), tree.as_bytes().len(), directory.as_bytes()) else { return Ok(None) };
        Ok(Some((self.raw.find_tree(id).map_err(read)?, rest)))
    }

    /// The bytes of the file at `path`, which is below a directory, in HEAD's tree; none where it holds no such file.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn file_at_head(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((tree, rest)) = self.at_head(path)? else { return Ok(None) };
        let read = |error| Error::while_doing(format!("read `{path}` at HEAD"), error);
        match tree.get_path(Path::new(rest)) {
            Ok(entry) if entry.kind() == Some(git2::ObjectType::Blob) => {
                Ok(Some(self.raw.find_blob(entry.id()).map_err(read)?.content().to_vec()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(read(error)),
        }
    }

    /// The paths of all files below `folder` in HEAD's tree; names that are not UTF-8 are none of ours and left out.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn files_at_head(&self, folder: &str) -> Result<Vec<String>> {
        let Some((tree, rest)) = self.at_head(folder)? else { return Ok(Vec::new()) };
        let read = |error| Error::while_doing(format!("list `{folder}` at HEAD"), error);
        let below = if rest.is_empty() {
            tree
        } else {
            match tree.get_path(Path::new(rest)) {
                Ok(entry) => entry.to_object(&self.raw).and_then(|object| object.peel_to_tree()).map_err(read)?,
                Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(read(error)),
            }
        };
        let mut found = Vec::new();
        below
            .walk(git2::TreeWalkMode::PreOrder, |parent, entry| {
                if let (Some(git2::ObjectType::Blob), Ok(name)) = (entry.kind(), std::str::from_utf8(entry.name_bytes())) {
                    found.push(format!("{folder}/{parent}{name}"));
                }
                git2::TreeWalkResult::Ok
            })
            .map_err(read)?;
        Ok(found)
    }

    /// The plain files that the index holds, in order; links and submodules are none, and names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Fails when the index cannot be read.
    pub fn tracked_files(&self) -> Result<Vec<String>> {
        let plain =
            |entry: git2::IndexEntry| (entry.mode & 0o170_000 == 0o100_000).then(|| String::from_utf8(entry.path).ok()).flatten();
        let mut paths: Vec<String> = self.index()?.iter().filter_map(plain).collect();
        // A file that is not merged is there once for each side.
        paths.dedup();
        Ok(paths)
    }

    /// Whether git tracks the file at `path`: the index or HEAD's tree holds it.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn tracks(&self, path: &str) -> Result<bool> {
        let index = self.index()?;
        if index.get_path(Path::new(path), 0).is_some() {
            return Ok(true);
        }
        let Some((tree, rest)) = self.at_head(path)? else { return Ok(false) };
        match tree.get_path(Path::new(rest)) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(false),
            Err(error) => Err(Error::while_doing(format!("look for `{path}` at HEAD"), error)),
        }
    }

    /// Whether the user's own rules ignore the records under `.claude/`, so that nothing there is to be committed.
    ///
    /// # Errors
    /// Fails when the ignore rules cannot be read.
    pub fn ignores_claude(&self) -> Result<bool> {
        self.raw
            .is_path_ignored(Path::new(".claude/tasks/record.md"))
            .map_err(|error| Error::while_doing("read the ignore rules", error))
    }

    /// The id that git gives these bytes as a blob; nothing is written.
    ///
    /// # Errors
    /// Fails when the bytes cannot be hashed.
    pub fn blob_id(&self, bytes: &[u8]) -> Result<Oid> {
        Ok(oid(hash(git2::ObjectType::Blob, bytes, self.format())?))
    }
}
