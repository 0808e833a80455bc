//! What filter programs make of many paths, asked for in one call before each path is looked at by itself.
//!
//! An answer counts only for the very file, or the very blob, that was asked about; whatever has no answer is asked for alone.

use std::collections::HashMap;

use crate::{
    host::{
        Result,
        git::{
            Repository,
            filters::{Smudged, Store},
            stat::Stat,
        },
    },
    model::{
        change::{Side, TreePath},
        id::Oid,
    },
};

/// Answers of filter programs.
#[derive(Default)]
pub(in crate::host::git) struct Ahead {
    ids: HashMap<TreePath, (Stat, Oid)>,
    made: Option<(HashMap<TreePath, Oid>, Smudged)>,
}

impl Ahead {
    /// Asks for the ids of files as they stand, each with what was seen of it. What fails is left to be asked for alone.
    pub(in crate::host::git) fn ask_ids(&mut self, repository: &Repository, files: Vec<(TreePath, Stat)>) {
        let paths: Vec<&TreePath> = files.iter().map(|(path, _)| path).collect();
        if paths.len() > 1
            && let Ok(ids) = repository.hash_by_program(&paths, Store::IdOnly)
        {
            self.ids.extend(files.into_iter().zip(ids).map(|((path, stat), id)| (path, (stat, id))));
        }
    }

    /// Asks for the content that blobs get in the work tree. What fails is left to be asked for alone.
    pub(in crate::host::git) fn ask_content(&mut self, repository: &Repository, wanted: &[(&TreePath, &Side)]) {
        self.made = None;
        if wanted.len() > 1
            && let Ok(smudged) = repository.smudge(wanted)
        {
            let sides = wanted.iter().map(|(path, side)| ((*path).clone(), side.oid.clone())).collect();
            self.made = Some((sides, smudged));
        }
    }

    /// The id of a file that still is as it was seen.
    pub(in crate::host::git) fn id(&self, path: &TreePath, stat: &Stat) -> Option<Oid> {
        self.ids.get(path).filter(|(seen, _)| seen == stat).map(|(_, id)| id.clone())
    }

    /// What a blob becomes at a path.
    ///
    /// # Errors
    /// Fails when a filter does.
    pub(in crate::host::git) fn content(&self, repository: &Repository, path: &TreePath, side: &Side) -> Result<Vec<u8>> {
        let known = self.made.as_ref().filter(|(sides, _)| sides.get(path) == Some(&side.oid));
        match known.and_then(|(_, smudged)| smudged.read(path).ok()) {
            Some(content) => Ok(content),
            None => repository.smudge(&[(path, side)])?.read(path),
        }
    }
}
