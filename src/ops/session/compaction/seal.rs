//! Sealing: the bytes are kept, then one command of the log names them all, then the files stand in the session's folder.
//!
//! A command that dies in between leaves a compaction that is whole or none.

use std::path::Path;

use crate::{
    host::{
        Result,
        store::{layout, sealed},
        transaction::Transaction,
    },
    model::{
        compaction::{self, BRIEFING, Cause, MANIFEST, Manifest, Measure, VERSION, numbers},
        event::Fact,
        id::{CheckpointName, Digest, SessionId},
        quote,
        refusal::Refusal,
        yaml,
    },
    ops::session::compaction::gather::Gathered,
};

/// How often another number is tried because another process was faster.
const ROUNDS: usize = 16;

/// What a compaction is sealed with.
pub(super) struct Sealing<'a> {
    pub(super) session: &'a SessionId,
    pub(super) gathered: &'a Gathered,
    pub(super) briefing: &'a str,
    pub(super) cause: Cause,
    pub(super) checkpoint: Option<CheckpointName>,
    /// What the briefing stands for, but for the briefing itself.
    pub(super) measure: Measure,
}

/// Seals it under the next number.
///
/// # Errors
/// Fails when bytes, log or files cannot be written.
pub(super) fn seal(transaction: &mut Transaction<'_>, sealing: &Sealing<'_>) -> Result<Manifest> {
    let mut keys: Vec<(String, Digest)> = Vec::new();
    for (key, text) in &sealing.gathered.texts {
        keys.push((compaction::file(key), transaction.keep(text.as_bytes())?));
    }
    let length = quote::length(sealing.briefing);
    let measure = Measure { briefing: Some(length as u64), ..sealing.measure };
    let client = transaction.workspace().client().cloned();
    let briefing = transaction.keep(sealing.briefing.as_bytes())?;
    keys.push((BRIEFING.to_owned(), briefing.clone()));
    for _ in 0..ROUNDS {
        let number = next(&numbers(transaction.state()));
        let manifest = Manifest {
            version: VERSION,
            session: sealing.session.clone(),
            compaction: number,
            sealed: transaction.at(),
            cause: sealing.cause,
            seq: transaction.state().seq,
            checkpoint: sealing.checkpoint.clone(),
            transcript: measure.transcript,
            context: measure.context,
            briefing: length,
            briefing_sha256: briefing.clone(),
            keys: sealing.gathered.entries.clone(),
            missing: sealing.gathered.missing.clone(),
        };
        let content = yaml::write(&manifest)?;
        let whole = (MANIFEST.to_owned(), transaction.keep(content.as_bytes())?);
        let folder = compaction::folder(&layout::session_folder(sealing.session), number);
        let files: Vec<(String, Digest)> =
            keys.iter().chain([&whole]).map(|(file, digest)| (format!("{folder}/{file}"), digest.clone())).collect();
        let mut facts: Vec<Fact> =
            files.iter().map(|(file, bytes)| Fact::FileSealed { file: file.clone(), bytes: bytes.clone() }).collect();
        let checkpoint = sealing.checkpoint.clone();
        let (cause, client) = (sealing.cause, client.clone());
        facts.push(Fact::CompactionSealed { compaction: number, cause, checkpoint, client, measure });
        let is_ours = transaction.append(|state| {
            let free = next(&numbers(state)) == number;
            Ok((if free { facts.clone() } else { Vec::new() }, free))
        })?;
        if is_ours {
            place(transaction, &files)?;
            return Ok(manifest);
        }
    }
    Err(Refusal::conflict("cannot seal the compaction: others seal at the same time").retryable().into())
}

fn next(numbers: &[u32]) -> u32 {
    numbers.last().map_or(1, |last| last + 1)
}

fn place(transaction: &Transaction<'_>, files: &[(String, Digest)]) -> Result<()> {
    let directory = transaction.directory();
    sealed::place(transaction.workspace(), Path::new(&directory), files)
}

/// Puts the files of compaction `number` where they are missing.
///
/// # Errors
/// Fails when one cannot be written.
pub(super) fn put_back(transaction: &Transaction<'_>, session: &SessionId, number: u32) -> Result<()> {
    let folder = format!("{}/", compaction::folder(&layout::session_folder(session), number));
    let sealed = transaction.state().sealed.iter().filter(|(path, _)| path.starts_with(&folder));
    let files: Vec<(String, Digest)> = sealed.map(|(path, digest)| (path.clone(), digest.clone())).collect();
    place(transaction, &files)
}
