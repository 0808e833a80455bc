//! A snapshot that is there already gets other words and a tag: a further side commit with the same tree and the same parents.
//!
//! The first one stays as it is.

use git2::ObjectType;

use crate::{
    host::{
        Result,
        git::{Repository, SideCommit, Signature, batch::Batch, oid, snapshot::by},
    },
    model::id::Oid,
};

impl Repository {
    /// Writes it, synced, and pins it as [`Snapshot::write`](crate::host::git::Snapshot::write) does.
    ///
    /// # Errors
    /// Fails when the snapshot cannot be read or the objects cannot be written.
    pub fn retell(&self, snapshot: &Oid, message: &str, signature: &Signature, tag: &str, pinned: &str) -> Result<SideCommit> {
        let (tree, by) = (self.tree_of(snapshot)?, by(signature));
        let parents: Vec<String> = self.commit(snapshot)?.parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let parents = parents.concat();
        let mut batch = Batch::new(self)?;
        let text = format!("tree {tree}\n{parents}author {by}\ncommitter {by}\n\n{message}");
        let commit = batch.add(ObjectType::Commit, text.into_bytes())?;
        let text = format!("object {commit}\ntype commit\ntag {tag}\ntagger {by}\n\n{message}");
        let tag = batch.add(ObjectType::Tag, text.into_bytes())?;
        let side = SideCommit { commit: oid(commit), tag: Some(oid(tag)) };
        side.finish(self, &mut batch, pinned)?;
        Ok(side)
    }
}
