//! Gathers our own small packs into one now and then, so that git does not get slower with every snapshot.
//!
//! The user's packs, and those that git has made of ours, are never touched, and no object is dropped. The new pack is on the
//! disk before the first of the old ones goes, and whoever reads one of those finds its objects in the new one.

use std::{collections::BTreeMap, fs, io, path::Path};

use flate2::Crc;

use crate::host::{
    Doing as _, Result, failpoint,
    git::pack::{Entry, Packs, write_entries},
};

/// More packs than these are gathered.
const MOST: usize = 32;

/// So many bytes are gathered at once at the most: they are all held in memory.
const BYTES: u64 = 64 << 20;

/// Gathers the packs that are noted as ours, if they are many.
pub(in crate::host::git) fn gather(packs: &Packs) -> Result<()> {
    let noted = fs::read_dir(&packs.notes).doing("list", &packs.notes)?;
    if noted.count() <= MOST {
        return Ok(());
    }
    // An index over many packs, or a bitmap, would name packs that are gone.
    let is_named = ["multi-pack-index", "multi-pack-index.d"].iter().any(|name| packs.directory.join(name).exists());
    let chosen = small(packs)?;
    if is_named || chosen.len() < MOST / 2 {
        return Ok(());
    }
    let mut entries = BTreeMap::new();
    for name in &chosen {
        // One that is not as we write them, or that somebody takes away right now, ends it.
        let Some(found) = read(&packs.directory, name)? else { return Ok(()) };
        entries.extend(found.into_iter().map(|entry| (entry.oid, entry)));
    }
    let entries: Vec<Entry> = entries.into_values().collect();
    let (new, ()) = write_entries(packs, &entries, || ())?;
    failpoint::reach("packs.gathered").doing("gather the packs in", &packs.directory)?;
    for name in chosen.iter().filter(|name| !new.contains(name)) {
        // In git's order: a pack that no index leads to is not looked for.
        for ending in ["idx", "rev", "pack"] {
            remove(&packs.directory.join(format!("{name}.{ending}")))?;
        }
        remove(&packs.notes.join(name))?;
    }
    Ok(())
}

/// Our packs that nothing else rests on, the smallest first, as many as are gathered at once.
fn small(packs: &Packs) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for note in fs::read_dir(&packs.notes).doing("list", &packs.notes)? {
        let note = note.doing("list", &packs.notes)?;
        let Ok(name) = note.file_name().into_string() else { continue };
        let beside = |ending: &str| packs.directory.join(format!("{name}.{ending}"));
        match beside("pack").metadata() {
            Ok(_) if ["keep", "bitmap", "promisor", "mtimes"].iter().any(|ending| beside(ending).exists()) => {}
            Ok(pack) => found.push((pack.len(), name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => remove(&note.path())?,
            Err(error) => return Err(error).doing("look at", &beside("pack")),
        }
    }
    found.sort();
    let mut bytes = 0;
    let fits = found.into_iter().take_while(|(length, _)| {
        bytes += length;
        bytes <= BYTES
    });
    Ok(fits.map(|(_, name)| name).collect())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("take away", path),
        _ => Ok(()),
    }
}

/// The objects of a pack as they stand in it; none when it is not one of whole objects, is damaged, or is gone.
fn read(directory: &Path, name: &str) -> Result<Option<Vec<Entry>>> {
    let bytes = |ending: &str| {
        let path = directory.join(format!("{name}.{ending}"));
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read", &path),
        }
    };
    let (Some(index), Some(pack)) = (bytes("idx")?, bytes("pack")?) else { return Ok(None) };
    // The name ends with the checksum of the pack, which says how long an id is.
    let id_length = name.strip_prefix("pack-").map_or(0, str::len) / 2;
    Ok(entries(&index, &pack, id_length))
}

fn entries(index: &[u8], pack: &[u8], id_length: usize) -> Option<Vec<Entry>> {
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    let body = index.strip_prefix(b"\xfftOc\0\0\0\x02")?;
    let (fan_out, rest) = body.split_at_checked(256 * 4)?;
    let count = usize::try_from(number(&fan_out[255 * 4..])?).ok()?;
    let (ids, rest) = rest.split_at_checked(count * id_length)?;
    let (checks, rest) = rest.split_at_checked(count * 4)?;
    let (offsets, _) = rest.split_at_checked(count * 4)?;
    let end = pack.len().checked_sub(id_length)?;
    let mut placed = Vec::with_capacity(count);
    for at in 0..count {
        let oid = git2::Oid::from_bytes(&ids[at * id_length..(at + 1) * id_length]).ok()?;
        let offset = usize::try_from(number(&offsets[at * 4..(at + 1) * 4])?).ok()?;
        placed.push((offset, oid, number(&checks[at * 4..(at + 1) * 4])?));
    }
    placed.sort_unstable();
    let mut found = Vec::with_capacity(count);
    for (at, &(offset, oid, check)) in placed.iter().enumerate() {
        let bytes = pack.get(offset..placed.get(at + 1).map_or(end, |(next, ..)| *next))?;
        let mut sum = Crc::new();
        sum.update(bytes);
        // Kinds 1 to 4 are whole objects; the others rest on another object.
        if sum.sum() != check || !matches!(bytes.first()? >> 4 & 7, 1..=4) {
            return None;
        }
        found.push(Entry { oid, bytes: bytes.to_vec(), check });
    }
    Some(found)
}

#[cfg(test)]
mod tests;
