//! Content that only the git program converts: through filter programs and into other encodings, many paths in one call.
//!
//! A filter of the person's own configuration runs as under git. One that the repository's configuration names runs only as a
//! person trusted it. Which paths are converted that way is said by `attributes`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    host::{
        Doing as _, Result,
        git::{
            Repository, Tried as _,
            program::{Allowed, Call, filters_of, refused},
            raw_oid,
        },
        process::{Finished, Stop},
        trust::TrustStore,
    },
    model::{
        change::{Side, TreePath},
        id::Oid,
        refusal::{Code, Refusal},
        trust::{Declaration, Kind},
    },
};

/// Whether objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Store {
    Write,
    IdOnly,
}

/// Files as git would write them, or its objects, in a directory that goes when this is dropped.
pub(in crate::host::git) struct Smudged {
    directory: PathBuf,
}

impl Drop for Smudged {
    fn drop(&mut self) {
        // What stays behind is taken away with the drafts of ended processes.
        drop(fs::remove_dir_all(&self.directory));
    }
}

impl Smudged {
    /// The content of a file that was asked for.
    pub(in crate::host::git) fn read(&self, path: &TreePath) -> Result<Vec<u8>> {
        let file = path.join_to(&self.files());
        fs::read(&file).doing("read what a filter made in", &file)
    }

    fn files(&self) -> PathBuf {
        self.directory.join("files")
    }
}

impl Repository {
    /// The filter programs that the repository's own configuration names, each with what it says, one line a program.
    ///
    /// # Errors
    /// Fails when git's configuration cannot be read.
    pub fn own_filters(&self) -> Result<BTreeMap<String, String>> {
        let doing = "read the filters of the git configuration";
        let config = self.raw.config().tried(doing)?;
        let mut filters: BTreeMap<String, String> = BTreeMap::new();
        let mut entries = config.entries(Some("^filter\\..*\\.(clean|smudge|process)$")).tried(doing)?;
        while let Some(entry) = entries.next() {
            let entry = entry.tried(doing)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let name = text(entry.name_bytes());
            let is_own = matches!(entry.level(), git2::ConfigLevel::Local | git2::ConfigLevel::Worktree);
            if let (true, Some((filter, part))) = (is_own, name.trim_start_matches("filter.").rsplit_once('.')) {
                let value = if entry.has_value() { text(entry.value_bytes()) } else { String::new() };
                filters.entry(filter.to_owned()).or_default().push_str(&format!("{part} = {value}\n"));
            }
        }
        Ok(filters)
    }

    /// Whether a filter of this name may run: it is the person's own, or trusted as it is now.
    pub(in crate::host::git) fn filter_may_run(&self, name: &str) -> Result<bool> {
        let Some(content) = self.own_filters()?.remove(name) else { return Ok(true) };
        let declaration = Declaration::new(Kind::Filter, name, &content);
        let store = TrustStore::of(&self.environment, self.raw.commondir())?;
        Ok(store.is_trusted(Kind::Filter, name, &declaration.digest))
    }

    /// The ids of the blobs that git makes of these files of the work tree, in their order.
    pub(in crate::host::git) fn hash_by_program(&self, paths: &[&TreePath], store: Store) -> Result<Vec<Oid>> {
        if paths.is_empty() { Ok(Vec::new()) } else { self.hash(paths, store, Vec::new()) }
    }

    fn hash(&self, paths: &[&TreePath], store: Store, variables: Vec<(&'static str, String)>) -> Result<Vec<Oid>> {
        let write: &[&str] = match store {
            Store::Write => &["-w"],
            Store::IdOnly => &[],
        };
        // Git reads quoted names in the form that paths have as text.
        let input: String = paths.iter().flat_map(|path| [path.to_string(), "\n".to_owned()]).collect();
        let finished = self.filter(&[&["hash-object"], write, &["--stdin-paths"]].concat(), input.into_bytes(), variables)?;
        let ids: Vec<Oid> = finished.stdout.text().lines().map(Oid::new).collect::<Result<_, Refusal>>()?;
        if ids.len() == paths.len() {
            return Ok(ids);
        }
        Err(Refusal::new(Code::Environment, format!("git hashed {} of {} files", ids.len(), paths.len())).into())
    }

    /// The ids of the blobs that git makes of these files of the work tree, in their order, with the content of those that the
    /// repository lacks. It gets none of them by this: git writes to a directory that goes again.
    pub(in crate::host::git) fn clean(&self, paths: &[&TreePath]) -> Result<Vec<(Oid, Option<Vec<u8>>)>> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let beside = Smudged { directory: self.draft_path()? };
        let objects = beside.files();
        fs::create_dir_all(&objects).doing("create", &objects)?;
        let own = self.raw.commondir().join("objects").to_string_lossy().into_owned();
        // Quoted, for a colon ends a path there.
        let own = format!("\"{}\"", own.replace('\\', "\\\\").replace('"', "\\\""));
        let variables =
            vec![("GIT_OBJECT_DIRECTORY", objects.to_string_lossy().into_owned()), ("GIT_ALTERNATE_OBJECT_DIRECTORIES", own)];
        let ids = self.hash(paths, Store::Write, variables)?;
        let doing = "read what a filter made";
        let made = git2::Odb::new_ext(self.format()).tried(doing)?;
        made.add_disk_alternate(&objects.to_string_lossy()).tried(doing)?;
        let content = |id: Oid| {
            let bytes = match made.read(raw_oid(&id)?) {
                Ok(object) => Some(object.data().to_vec()),
                Err(error) if error.code() == git2::ErrorCode::NotFound => None,
                Err(error) => return Err(error).tried(doing),
            };
            Ok((id, bytes))
        };
        ids.into_iter().map(content).collect()
    }

    /// Has git write files as it would into the work tree, but elsewhere.
    pub(in crate::host::git) fn smudge(&self, wanted: &[(&TreePath, &Side)]) -> Result<Smudged> {
        let smudged = Smudged { directory: self.draft_path()? };
        fs::create_dir_all(smudged.files()).doing("create", &smudged.files())?;
        let index = smudged.directory.join("index");
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for (path, side) in wanted {
            entries.extend_from_slice(format!("{:o} {} 0\t", side.mode.bits(), raw_oid(&side.oid)?).as_bytes());
            entries.extend_from_slice(path.as_bytes());
            entries.push(0);
            names.extend_from_slice(path.as_bytes());
            names.push(0);
        }
        let variables = vec![("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        self.filter(&["-c", "core.splitIndex=false", "update-index", "-z", "--index-info"], entries, variables.clone())?;
        let prefix = format!("--prefix={}/", smudged.files().display());
        self.filter(&["checkout-index", "--quiet", &prefix, "-z", "--stdin"], names, variables)?;
        Ok(smudged)
    }

    fn filter(&self, arguments: &[&str], input: Vec<u8>, variables: Vec<(&'static str, String)>) -> Result<Finished> {
        let mut barred = filters_of(&self.raw)?;
        barred.sort();
        barred.dedup();
        let mut off = Vec::new();
        for name in barred {
            if !self.filter_may_run(&name)? {
                off.push(name);
            }
        }
        let call = Call { arguments: arguments.to_vec(), allowed: Allowed::Filters, variables, input };
        let finished = self.run_git_without(off, &call, &self.environment, &Stop::default())?;
        if finished.exit.is_success() {
            return Ok(finished);
        }
        let what = format!("a conversion of files by git ended with {}", finished.exit);
        Err(refused(Code::Environment, &what, &finished).into())
    }
}

#[cfg(test)]
mod tests {
    use crate::host::{
        clock::Clock,
        git::{
            Limits, Words,
            fixture::{Fixture, path, signature},
        },
        trust::TrustStore,
    };
    use crate::model::trust::{Declaration, Kind};

    use super::*;

    /// A repository whose own configuration names a filter: capitals in the repository.
    fn filtered() -> Fixture {
        let fixture = Fixture::new();
        fixture.git(&["config", "filter.small.clean", "tr a-z A-Z"]);
        fixture.git(&["config", "filter.small.smudge", "tr A-Z a-z"]);
        fixture.write(".gitattributes", "*.small filter=small\n*.wide working-tree-encoding=UTF-16LE\n");
        fixture.commit_file("a.small", "one\n");
        fixture
    }

    fn trust(fixture: &Fixture) {
        let repository = fixture.repository();
        let mut store = TrustStore::of(&fixture.environment(), repository.raw.commondir()).unwrap();
        let declarations: Vec<Declaration> = repository
            .own_filters()
            .unwrap()
            .iter()
            .map(|(name, content)| Declaration::new(Kind::Filter, name, content))
            .collect();
        store.trust(&declarations, "Ada", &Clock::fixed(signature().at, 1)).unwrap();
    }

    #[test]
    fn a_filter_of_the_repository_runs_only_as_a_person_trusted_it() {
        let fixture = filtered();
        fixture.write("a.small", "two\n");
        let taken = || {
            let (repository, environment) = (fixture.repository(), fixture.environment());
            repository.snapshot(&environment, &Limits::default(), &[]).map(|snapshot| snapshot.tree())
        };
        let refusal = taken().unwrap_err().to_string();
        assert!(refusal.contains("`a.small` goes through the filter `small`"), "{refusal}");
        trust(&fixture);
        let tree = taken().unwrap();
        fixture.git(&["add", "-A"]);
        assert_eq!(tree.as_str(), fixture.git(&["write-tree"]));
        fixture.write("a.small", "three\n");
        fixture.git(&["config", "filter.small.clean", "touch ran; cat"]);
        assert!(taken().is_err(), "another program is not the one that was trusted");
        assert!(!fixture.root().join("ran").exists());
    }

    #[test]
    fn what_a_filter_makes_is_looked_through_before_the_repository_has_it() {
        let fixture = filtered();
        trust(&fixture);
        let token = ["GHP", "_", "Q7ZK2MX9PLW4TRB8SVN3CJD6FHG1YTA5UEO0"].concat();
        fixture.git(&["config", "filter.small.clean", "tr a-z A-Z | sed s/GHP/ghp/"]);
        trust(&fixture);
        fixture.write("a.small", format!("one\nlogin with {}\n", token.to_lowercase()));
        let objects = || fixture.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
        let before = objects();
        let (repository, environment) = (fixture.repository(), fixture.environment());
        let snapshot = repository.snapshot(&environment, &Limits::default(), &[]).unwrap();
        let marked: Vec<String> = snapshot.manifest().secrets.iter().map(|leak| format!("{}:{}", leak.path, leak.line)).collect();
        assert_eq!(marked, ["a.small:2"]);
        drop(snapshot);
        assert_eq!(objects(), before, "a snapshot that is not written leaves no object");
        let snapshot = repository.snapshot(&environment, &Limits::default(), &[]).unwrap();
        let (tree, signature) = (snapshot.tree(), signature());
        let words =
            Words { message: "x\n", signature: &signature, head: None, tag: None, files: &[], pinned: "refs/autonomy/pending" };
        snapshot.write(&repository, &words).unwrap();
        let stored = fixture.git(&["show", &format!("{tree}:a.small")]);
        assert_eq!(stored, format!("ONE\nLOGIN WITH {}", token.replace("GHP", "ghp")));
        fixture.git(&["add", "-A"]);
        assert_eq!(tree.as_str(), fixture.git(&["write-tree"]));
    }

    #[test]
    fn many_files_are_hashed_and_written_as_git_does_it() {
        let fixture = filtered();
        trust(&fixture);
        let names = ["a.small", "new\nline \"quoted\".small", "b.wide", "plain"];
        for (name, content) in names.iter().zip(["two\n", "three\n", "w\0i\0d\0e\0", "as it is\n"]) {
            fixture.write(name, content);
        }
        let repository = fixture.repository();
        let paths: Vec<TreePath> = names.iter().map(|name| path(name)).collect();
        let ids = repository.hash_by_program(&paths.iter().collect::<Vec<_>>(), Store::Write).unwrap();
        fixture.git(&["add", "-A"]);
        let index = repository.index().unwrap();
        let sides: Vec<Side> = ids.into_iter().map(|oid| Side { mode: crate::model::change::Mode::File, oid }).collect();
        for (path, side) in paths.iter().zip(&sides) {
            assert_eq!(index.get_path(&path.join_to("".as_ref()), 0).unwrap().id.to_string(), side.oid.as_str(), "{path}");
        }
        let smudged = repository.smudge(&paths.iter().zip(&sides).collect::<Vec<_>>()).unwrap();
        for path in &paths {
            assert_eq!(smudged.read(path).unwrap(), fs::read(path.join_to(fixture.root())).unwrap(), "{path}");
        }
    }
}
