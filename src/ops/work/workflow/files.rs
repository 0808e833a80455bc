//! The files of the workflows of a work tree: their texts, what they say, and what of them has to be trusted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::{
        Result,
        store::{
            overview::Overview,
            record::{self, Stored},
        },
        workspace::Workspace,
    },
    model::{
        document::utf8,
        id::{self, Candidate, Digest},
        refusal::Refusal,
        trust::{Declaration, Kind},
        workflow::{FOLDER, Workflow, among::Workflows, read},
    },
};

/// What lies in the folder, by the names of the files without their ending.
pub struct Files {
    /// The workflows.
    pub good: Workflows,
    /// Why files are none.
    pub bad: BTreeMap<String, Refusal>,
    texts: BTreeMap<String, String>,
}

impl Files {
    /// Reads all of them.
    ///
    /// # Errors
    /// Fails when the folder cannot be read; a file that is wrong is among those that are bad.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let mut files = Self { good: Workflows::new(), bad: BTreeMap::new(), texts: BTreeMap::new() };
        for (stem, text) in texts(workspace)? {
            let file = path(&stem);
            match text.and_then(|text| Ok((read::read(&file, &stem, &text)?, text))) {
                Ok((workflow, text)) => {
                    files.good.insert(stem.clone(), workflow);
                    files.texts.insert(stem, text);
                }
                Err(refusal) => drop(files.bad.insert(stem, refusal)),
            }
        }
        Ok(files)
    }

    /// The name of the file of the workflow that `given` means.
    ///
    /// # Errors
    /// Refuses an unknown one, with the nearest.
    pub fn stem(&self, given: &str) -> Result<String, Refusal> {
        let good = self.good.iter().map(|(stem, workflow)| Candidate { name: stem, title: &workflow.name });
        let candidates: Vec<Candidate<'_>> =
            good.chain(self.bad.keys().map(|stem| Candidate { name: stem, title: "" })).collect();
        if candidates.is_empty() {
            return Err(Refusal::usage(format!("there is no workflow `{}`", given.escape_debug()))
                .hint(format!("there is none at all in `{FOLDER}/`; `docs/workflows.md` of autonomy shows one")));
        }
        Ok(candidates[id::resolve("workflow", given, &candidates)?].name.to_owned())
    }

    /// The workflow that `given` means, with the name of its file.
    ///
    /// # Errors
    /// Refuses an unknown one, and one that is wrong.
    pub fn whole(&self, given: &str) -> Result<(String, &Workflow), Refusal> {
        let stem = self.stem(given)?;
        match (self.good.get(&stem), self.bad.get(&stem)) {
            (Some(workflow), _) => Ok((stem, workflow)),
            (None, Some(refusal)) => Err(refusal.clone()),
            (None, None) => Err(Refusal::usage(format!("there is no workflow `{stem}`"))),
        }
    }

    /// The digest of a file's text.
    #[must_use]
    pub fn digest(&self, stem: &str) -> Option<Digest> {
        self.texts.get(stem).map(Digest::of)
    }

    /// What these files would run, as it has to be trusted.
    #[must_use]
    pub fn declarations(&self, stems: &BTreeSet<String>) -> Vec<Declaration> {
        let texts = stems.iter().filter_map(|stem| self.texts.get_key_value(stem));
        texts.map(|(stem, text)| Declaration::new(Kind::Workflow, stem, text)).collect()
    }
}

/// What all files would run, as it has to be trusted; one that is no text is none.
///
/// # Errors
/// Fails when the folder cannot be read.
pub fn declarations(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let texts = texts(workspace)?.into_iter();
    Ok(texts.filter_map(|(stem, text)| Some(Declaration::new(Kind::Workflow, &stem, &text.ok()?))).collect())
}

fn texts(workspace: &Workspace) -> Result<Vec<(String, Result<String, Refusal>)>> {
    let folder = format!("{FOLDER}/");
    let stored = record::list(workspace, &Overview::read(workspace)?, FOLDER)?.into_iter();
    let named = stored.filter_map(|Stored { path, bytes, .. }| {
        let name = path.strip_prefix(&folder).filter(|name| !name.contains('/'))?;
        Some((name.strip_suffix(".yaml")?.to_owned(), utf8(&path, bytes)))
    });
    Ok(named.collect())
}

/// The file of a workflow, from the top of the work tree.
#[must_use]
pub fn path(stem: &str) -> String {
    format!("{FOLDER}/{stem}.yaml")
}

/// The name of a workflow's file without its ending.
#[must_use]
pub fn stem(path: &str) -> Option<&str> {
    path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".yaml")
}
