//! How much a conversation holds, by the end of its client's transcript. Nobody's words are read.

use std::path::Path;

use crate::{
    host::{Result, handover},
    model::{
        compaction::Measure,
        transcript::{Held, held},
    },
};

/// How many bytes of the end are read at first, and at most: one answer of a tool may be long.
const END: (u64, u64) = (64 << 10, 16 << 20);

/// How large a transcript is, and how much its conversation holds; nothing where that cannot be told.
pub(super) fn measure(transcript: Option<&Path>) -> Measure {
    transcript.and_then(|path| read(path).ok().flatten()).map(|(measure, _)| measure).unwrap_or_default()
}

/// The same with what the end of the transcript tells; none where there is no transcript.
///
/// # Errors
/// Fails when it cannot be read.
pub(super) fn read(transcript: &Path) -> Result<Option<(Measure, Held)>> {
    let (mut length, most) = END;
    loop {
        let Some((end, all)) = handover::end_of(transcript, length)? else { return Ok(None) };
        let held = held(&end);
        if held == Held::Unknown && length < all.min(most) {
            length = length.saturating_mul(16);
            continue;
        }
        let context = match held {
            Held::Tokens(tokens) => Some(tokens),
            Held::Cut | Held::Unknown => None,
        };
        return Ok(Some((Measure { briefing: None, transcript: Some(all), context }, held)));
    }
}
