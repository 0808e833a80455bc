//! Hashes what files hold as git would store it, in parallel where no conversion is in the way.
//!
//! Which files are asked about is the walk's business; what becomes of the objects is the batch's.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use git2::{ObjectFormat, ObjectType};
use rayon::prelude::*;

use crate::{
    host::{
        Error, Result,
        git::{
            Repository,
            attributes::{Attributes, Route},
            batch::Batch,
            filters::Store,
            hash as hash_object,
            leak::Lookout,
            raw_oid,
            stat::Stat,
            stat_cache::StatCache,
            walk::Found,
        },
    },
    model::{change::TreePath, conversion::Conversion, secret::Leak},
};

/// A file over so many bytes is not held in memory when nothing converts it.
const LARGE: u64 = 8 << 20;

/// A file or link to be hashed.
pub(in crate::host::git) struct Question<'a> {
    pub(in crate::host::git) path: &'a [u8],
    pub(in crate::host::git) found: Found,
    /// What the index has there.
    pub(in crate::host::git) indexed: Option<git2::Oid>,
    pub(in crate::host::git) keep: Keep,
}

/// Whether the content goes into the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Keep {
    Content,
    IdOnly,
}

/// What is done with new content that holds a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretFiles {
    /// An untracked file is left out and named.
    #[default]
    LeaveOut,
    /// It is taken in and marked.
    TakeIn,
}

/// Secrets in new content, by the number of the question.
pub(in crate::host::git) type Leaking = Vec<(usize, Vec<Leak>)>;

/// What looks for secrets in new content, if anything does.
pub(in crate::host::git) type Looking<'a> = Option<(&'a Lookout<'a>, SecretFiles)>;

/// What came of hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Answer {
    Holds(git2::Oid),
    /// It was removed in the meantime.
    Gone,
    Unreadable,
}

enum Read {
    Bytes(Vec<u8>, git2::Oid),
    /// It holds what the index has.
    Known(git2::Oid),
    Large(git2::Oid),
    Gone,
    Unreadable,
}

/// Answers in the order of the questions, and the secrets in what is new, by question. Content that the repository lacks
/// goes into the batch, but for untracked files with secrets, unless these are taken in.
pub(in crate::host::git) fn hash(
    repository: &Repository,
    questions: &[Question<'_>],
    attributes: &Attributes<'_>,
    looking: Looking<'_>,
    cache: &mut StatCache,
    batch: &mut Batch<'_>,
) -> Result<(Vec<Answer>, Leaking)> {
    let (top, format) = (repository.root(), repository.format());
    let mut answers: Vec<Option<Answer>> = vec![None; questions.len()];
    let (mut plain, mut filtered, mut leaking) = (Vec::new(), Vec::new(), Vec::new());
    let mut keeps = |at: usize, leaks: Vec<Leak>, batch: &Batch<'_>| -> Result<Keep> {
        let question = &questions[at];
        let Some((lookout, secret_files)) = looking.filter(|_| !leaks.is_empty()) else { return Ok(question.keep) };
        let leaks = match question.indexed {
            Some(indexed) => lookout.without_those_in(leaks, &batch.read(indexed)?),
            None => leaks,
        };
        let is_out = !leaks.is_empty() && question.indexed.is_none() && secret_files == SecretFiles::LeaveOut;
        if !leaks.is_empty() {
            leaking.push((at, leaks));
        }
        Ok(if is_out { Keep::IdOnly } else { question.keep })
    };
    for (at, question) in questions.iter().enumerate() {
        let stat = match question.found {
            Found::Repository(head) => {
                answers[at] = Some(Answer::Holds(head));
                continue;
            }
            Found::Link(_) => {
                plain.push(at);
                continue;
            }
            Found::File(stat) => stat,
        };
        let path = TreePath::new(question.path)?;
        let conversion = match attributes.route(&path)? {
            Route::Here(conversion) => conversion,
            Route::Program => {
                match on_disk(top, question.path).symlink_metadata() {
                    Err(error) if error.kind() == ErrorKind::NotFound => answers[at] = Some(Answer::Gone),
                    Err(_) | Ok(_) => filtered.push((at, path)),
                }
                continue;
            }
        };
        if conversion != Conversion::NONE {
            let read = read_file(&on_disk(top, question.path))?.map(|bytes| {
                let indexed = || batch.read(question.indexed?).ok();
                conversion.to_repository(&bytes, indexed).into_owned()
            });
            answers[at] = Some(match read {
                ReadFile::Bytes(bytes) => {
                    let keep = keeps(at, look(looking, question, &bytes), batch)?;
                    store(batch, keep, bytes, format)?
                }
                ReadFile::Gone => Answer::Gone,
                ReadFile::Unreadable => Answer::Unreadable,
            });
        } else if let Some(oid) =
            cache.find(question.path, &stat).filter(|oid| question.keep == Keep::IdOnly || batch.holds(*oid))
        {
            cache.keep(question.path);
            answers[at] = Some(Answer::Holds(oid));
        } else {
            plain.push(at);
        }
    }
    let (mut kept, mut id_only) = (Vec::new(), Vec::new());
    for (at, path) in filtered {
        let question = &questions[at];
        // What is new is judged as it stands there, before its filter makes anything of it; of what is tracked counts what is stored.
        let leaks = match (question.indexed, read_file(&on_disk(top, question.path))?) {
            (None, ReadFile::Bytes(bytes)) => look(looking, question, &bytes),
            _ => Vec::new(),
        };
        if keeps(at, leaks, batch)? == Keep::Content { &mut kept } else { &mut id_only }.push((at, path));
    }
    let paths: Vec<&TreePath> = kept.iter().map(|(_, path)| path).collect();
    for ((at, _), (id, made)) in kept.iter().zip(repository.clean(&paths)?) {
        let (question, id) = (&questions[*at], raw_oid(&id)?);
        if question.indexed.is_some() {
            let stored = made.as_ref().map_or_else(|| batch.read(id).map(Cow::Owned), |made| Ok(Cow::Borrowed(made)))?;
            keeps(*at, look(looking, question, &stored), batch)?;
        }
        if let Some(made) = made {
            batch.add_hashed(ObjectType::Blob, made, id);
        }
        answers[*at] = Some(Answer::Holds(id));
    }
    let paths: Vec<&TreePath> = id_only.iter().map(|(_, path)| path).collect();
    for ((at, _), id) in id_only.iter().zip(repository.hash_by_program(&paths, Store::IdOnly)?) {
        answers[*at] = Some(Answer::Holds(raw_oid(&id)?));
    }
    let reads: Vec<Result<(Read, Vec<Leak>)>> = plain.par_iter().map(|&at| read(top, &questions[at], format, looking)).collect();
    for (at, read) in plain.into_iter().zip(reads) {
        let question = &questions[at];
        let (read, leaks) = read?;
        let is_clean = leaks.is_empty();
        let keep = keeps(at, leaks, batch)?;
        let oid = match read {
            Read::Bytes(bytes, oid) => {
                if keep == Keep::Content {
                    batch.add_hashed(ObjectType::Blob, bytes, oid);
                }
                oid
            }
            Read::Known(oid) => oid,
            Read::Large(oid) => {
                if keep == Keep::Content {
                    batch.add_large(on_disk(top, question.path), oid);
                }
                oid
            }
            Read::Gone => {
                answers[at] = Some(Answer::Gone);
                continue;
            }
            Read::Unreadable => {
                answers[at] = Some(Answer::Unreadable);
                continue;
            }
        };
        // What holds a secret is looked through again each time.
        if let Found::File(stat) = question.found
            && is_clean
        {
            cache.learn(question.path.to_owned(), stat, oid);
        }
        answers[at] = Some(Answer::Holds(oid));
    }
    let answers = answers.into_iter().map(|answer| answer.expect("because every question went one way or the other")).collect();
    Ok((answers, leaking))
}

fn look(looking: Looking<'_>, question: &Question<'_>, bytes: &[u8]) -> Vec<Leak> {
    match (looking, question.keep, question.found) {
        (Some((lookout, _)), Keep::Content, Found::File(_)) => lookout.look(question.path, bytes),
        _ => Vec::new(),
    }
}

fn store(batch: &mut Batch<'_>, keep: Keep, bytes: Vec<u8>, format: ObjectFormat) -> Result<Answer> {
    let oid = hash_object(ObjectType::Blob, &bytes, format)?;
    if keep == Keep::Content {
        batch.add_hashed(ObjectType::Blob, bytes, oid);
    }
    Ok(Answer::Holds(oid))
}

pub(in crate::host::git) fn on_disk(top: &Path, path: &[u8]) -> PathBuf {
    top.join(OsStr::from_bytes(path))
}

fn read(top: &Path, question: &Question<'_>, format: ObjectFormat, looking: Looking<'_>) -> Result<(Read, Vec<Leak>)> {
    let path = on_disk(top, question.path);
    let bytes = match question.found {
        Found::Link(_) => read_link(&path)?,
        Found::File(Stat { size, .. }) if size > LARGE => match git2::Oid::hash_file_ext(ObjectType::Blob, &path, format) {
            Ok(oid) => {
                let leaks = match (looking, question.keep) {
                    (Some((lookout, _)), Keep::Content) => lookout.look_at_file(question.path, &path)?,
                    (Some(_) | None, _) => Vec::new(),
                };
                return Ok((Read::Large(oid), leaks));
            }
            Err(_) => read_file(&path)?,
        },
        Found::File(_) | Found::Repository(_) => read_file(&path)?,
    };
    Ok(match bytes {
        ReadFile::Bytes(bytes) => {
            let oid = hash_object(ObjectType::Blob, &bytes, format)?;
            // What the index has is in the repository already, and many such files are not held together.
            if question.indexed == Some(oid) {
                (Read::Known(oid), Vec::new())
            } else {
                let leaks = look(looking, question, &bytes);
                (Read::Bytes(bytes, oid), leaks)
            }
        }
        ReadFile::Gone => (Read::Gone, Vec::new()),
        ReadFile::Unreadable => (Read::Unreadable, Vec::new()),
    })
}

/// The bytes of a file, when it is there and may be read.
pub(in crate::host::git) enum ReadFile {
    Bytes(Vec<u8>),
    Gone,
    Unreadable,
}

impl ReadFile {
    fn map(self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(change(bytes)),
            Self::Gone => Self::Gone,
            Self::Unreadable => Self::Unreadable,
        }
    }

    fn of(path: &Path, read: std::io::Result<Vec<u8>>) -> Result<Self> {
        match read {
            Ok(bytes) => Ok(Self::Bytes(bytes)),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(Self::Gone),
                ErrorKind::PermissionDenied => Ok(Self::Unreadable),
                _ => Err(Error::at("read", path, error)),
            },
        }
    }
}

fn read_file(path: &Path) -> Result<ReadFile> {
    ReadFile::of(path, fs::read(path))
}

fn read_link(path: &Path) -> Result<ReadFile> {
    match fs::read_link(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(ReadFile::Gone),
        read => ReadFile::of(path, read.map(|target| target.into_os_string().into_vec())),
    }
}
