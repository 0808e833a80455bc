//! Writes new objects as one pack with its index (gitformat-pack(5)), synced, so that few syncs make all of them safe.
//!
//! Whole objects only, deflated side by side on all cores: libgit2's own writer looks for deltas and reads everything back,
//! which takes many times as long. Reading packs, and making them smaller, is git's.

use std::{
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use git2::{ObjectFormat, ObjectType};
use rayon::prelude::*;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::{
    host::{Doing as _, Error, Result, failpoint, git::Tried as _, store::layout::Private},
    model::refusal::{Code, Refusal},
};

/// From this offset on an index would need its table of long offsets; what does not fit goes into a further pack.
const LONGEST: usize = 1 << 31;

/// How many objects one thread deflates at the least: setting zlib up costs as much as a small object.
const EACH: usize = 16;

/// An object that is to be packed.
pub(in crate::host::git) struct Object {
    pub(in crate::host::git) kind: ObjectType,
    pub(in crate::host::git) bytes: Vec<u8>,
    pub(in crate::host::git) oid: git2::Oid,
}

/// An object as it stands in a pack.
pub(in crate::host::git) struct Entry {
    pub(in crate::host::git) oid: git2::Oid,
    /// With its header, deflated.
    pub(in crate::host::git) bytes: Vec<u8>,
    /// The CRC of these bytes.
    pub(in crate::host::git) check: u32,
}

/// Where packs are written.
pub(in crate::host::git) struct Packs {
    /// The directory that holds the repository's packs.
    pub(in crate::host::git) directory: PathBuf,
    /// Where it is noted which of them are ours.
    pub(in crate::host::git) notes: PathBuf,
}

impl Packs {
    /// Those of a repository.
    pub(in crate::host::git) fn of(repository: &git2::Repository) -> Self {
        let common = repository.commondir();
        Self { directory: common.join("objects/pack"), notes: Private::of(common).packs() }
    }
}

/// Writes the objects into the repository's packs; `beside` is done while the last sync is waited for.
///
/// # Errors
/// Fails when a file cannot be written; then no pack is there that git would read.
pub(in crate::host::git) fn write<T: Send>(packs: &Packs, objects: &[Object], beside: impl FnOnce() -> T + Send) -> Result<T> {
    let deflate = || Compress::new(Compression::fast(), true);
    let entries = objects.par_iter().with_min_len(EACH).map_init(deflate, entry);
    let entries: Vec<Entry> = entries.collect::<Result<_>>()?;
    Ok(write_entries(packs, &entries, beside)?.1)
}

/// Writes objects that are deflated already; hands back the names of the packs.
///
/// # Errors
/// As [`write()`].
pub(in crate::host::git) fn write_entries<T: Send>(
    packs: &Packs,
    entries: &[Entry],
    beside: impl FnOnce() -> T + Send,
) -> Result<(Vec<String>, T)> {
    let directory = &packs.directory;
    fs::create_dir_all(directory).doing("make the directory", directory)?;
    fs::create_dir_all(&packs.notes).doing("make the directory", &packs.notes)?;
    let mut names = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let mut length = 0;
        let fits = rest.iter().take_while(|entry| {
            length += entry.bytes.len();
            length < LONGEST
        });
        let count = fits.count().max(1);
        let (now, later) = rest.split_at(count);
        names.push(put(packs, now)?);
        rest = later;
    }
    let sync = || File::open(directory).and_then(|opened| opened.sync_all()).doing("sync the directory", directory);
    let (synced, done) = rayon::join(sync, beside);
    synced.map(|()| (names, done))
}

/// One pack: first its objects, then the index that makes git see it.
fn put(packs: &Packs, entries: &[Entry]) -> Result<String> {
    let directory = &packs.directory;
    let count = u32::try_from(entries.len()).doing("count the objects for a pack in", directory)?;
    let format = entries.first().map_or(ObjectFormat::Sha1, |entry| entry.oid.object_format());
    let mut pack = Checked::new(format);
    pack.add(b"PACK");
    pack.number(2);
    pack.number(count);
    let mut placed: Vec<(&Entry, u32)> = Vec::with_capacity(entries.len());
    for entry in entries {
        placed.push((entry, u32::try_from(pack.bytes.len()).doing("place an object of a pack in", directory)?));
        pack.add(&entry.bytes);
    }
    let (pack, name) = pack.finish();
    placed.sort_unstable_by_key(|(entry, _)| entry.oid);

    let mut index = Checked::new(format);
    index.add(b"\xfftOc");
    index.number(2);
    let mut up_to = 0;
    for first in 0..=u8::MAX {
        up_to += placed[up_to..].partition_point(|(entry, _)| entry.oid.as_bytes()[0] <= first);
        index.number(u32::try_from(up_to).doing("count the objects of a pack in", directory)?);
    }
    for (entry, _) in &placed {
        index.add(entry.oid.as_bytes());
    }
    for (entry, _) in &placed {
        index.number(entry.check);
    }
    for (_, offset) in &placed {
        index.number(*offset);
    }
    index.add(&name);
    let (index, _) = index.finish();

    let name = git2::Oid::from_bytes(&name).tried("name a pack")?;
    let (pack, index) = rayon::join(|| synced(directory, &pack), || synced(directory, &index));
    let (pack, index) = (pack?, index?);
    failpoint::reach("objects.packed").doing("write a pack into", directory)?;
    let name = format!("pack-{name}");
    // Noted first: a note without a pack goes when packs are gathered, a pack without a note would stay for ever.
    let note = packs.notes.join(&name);
    File::create(&note).doing("write", &note)?;
    for (file, ending) in [(pack, "pack"), (index, "idx")] {
        let place = directory.join(format!("{name}.{ending}"));
        file.persist(&place).map_err(|failed| failed.error).doing("write", &place)?;
    }
    Ok(name)
}

/// A file's bytes that end with a checksum of themselves.
struct Checked {
    bytes: Vec<u8>,
    format: ObjectFormat,
}

impl Checked {
    fn new(format: ObjectFormat) -> Self {
        Self { bytes: Vec::new(), format }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u32) {
        self.add(&number.to_be_bytes());
    }

    fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        let sum = match self.format {
            ObjectFormat::Sha1 => Sha1::digest(&self.bytes).to_vec(),
            ObjectFormat::Sha256 => Sha256::digest(&self.bytes).to_vec(),
        };
        self.add(&sum);
        (self.bytes, sum)
    }
}

/// A file that nobody knows yet, under the temporary name that `git prune` sweeps.
fn synced(directory: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    // As git's own, and what the user's mask takes from that: nobody may write into a pack.
    let read_only = Permissions::from_mode(0o444);
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix("tmp_pack_").permissions(read_only).tempfile_in(directory);
    let mut file = made.doing("make a temporary file in", directory)?;
    file.as_file_mut().write_all(bytes).doing("write a pack into", directory)?;
    file.as_file().sync_data().doing("sync a pack in", directory)?;
    Ok(file)
}

fn entry(deflate: &mut Compress, object: &Object) -> Result<Entry> {
    let doing = || format!("pack the object {}", object.oid);
    let kind: u8 = match object.kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Blob => 3,
        ObjectType::Tag => 4,
        ObjectType::Any => return Err(Refusal::new(Code::Bug, format!("cannot {}: it has no kind", doing())).into()),
    };
    let mut bytes = header(kind, object.bytes.len());
    deflate.reset();
    let (mut rest, mut status) = (object.bytes.as_slice(), Status::Ok);
    while status != Status::StreamEnd {
        bytes.reserve(rest.len() + 64);
        let before = deflate.total_in();
        status =
            deflate.compress_vec(rest, &mut bytes, FlushCompress::Finish).map_err(|error| Error::while_doing(doing(), error))?;
        let taken = usize::try_from(deflate.total_in() - before).unwrap_or(rest.len());
        rest = &rest[taken..];
    }
    let mut check = Crc::new();
    check.update(&bytes);
    Ok(Entry { oid: object.oid, check: check.sum(), bytes })
}

/// Kind and length: four bits of the length beside the kind, then seven a byte, the lowest first.
fn header(kind: u8, length: usize) -> Vec<u8> {
    let low = |number: usize, bits: u32| (number & ((1 << bits) - 1)).to_le_bytes()[0];
    let (mut byte, mut rest) = (kind << 4 | low(length, 4), length >> 4);
    let mut bytes = Vec::new();
    while rest > 0 {
        bytes.push(byte | 0x80);
        (byte, rest) = (low(rest, 7), rest >> 7);
    }
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn object(bytes: Vec<u8>, format: ObjectFormat) -> Object {
        let oid = git2::Oid::hash_object_ext(ObjectType::Blob, &bytes, format).expect("hashed");
        Object { kind: ObjectType::Blob, bytes, oid }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn git_finds_every_object_of_a_pack_and_no_fault_in_it(
            mut contents in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..300), 1..60),
            long in 0_usize..300_000,
            format in prop_oneof![Just(ObjectFormat::Sha1), Just(ObjectFormat::Sha256)],
        ) {
            contents.insert(b"long".iter().copied().cycle().take(long).collect());
            let folder = tempfile::tempdir().expect("a temporary directory");
            let mut wanted = git2::RepositoryInitOptions::new();
            let repository = git2::Repository::init_opts(folder.path(), wanted.object_format(format)).expect("made");
            let objects: Vec<Object> = contents.into_iter().map(|bytes| object(bytes, format)).collect();
            write(&Packs::of(&repository), &objects, || ()).expect("written");
            for object in &objects {
                let found = repository.find_blob(object.oid).expect("libgit2 finds it");
                prop_assert_eq!(found.content(), object.bytes.as_slice());
            }
            let checked = Command::new("git").args(["fsck", "--full", "--strict"]).current_dir(folder.path()).output().expect("run");
            prop_assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}
