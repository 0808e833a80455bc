//! Three-way merge of a text: what two sides did to a common base, line by line.
//!
//! Bytes in, bytes out: no file is read, and nothing says where the three versions come from. Where both sides changed the
//! same lines, or lines side by side, nobody is right: that is an overlap.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Larger texts are not merged, because comparing them could take minutes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// How the three versions are called between conflict markers.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The first side.
    pub ours: &'a str,
    /// What both began from.
    pub base: &'a str,
    /// The second side.
    pub theirs: &'a str,
}

/// A text that was put together from two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The text; overlaps hold both sides and the base between conflict markers.
    pub text: Vec<u8>,
    /// How many overlaps it has.
    pub overlaps: usize,
}

/// Whether git would take these bytes for a binary file.
#[must_use]
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8_000).any(|byte| *byte == 0)
}

/// A stretch of the base, and what a side has in its place.
type Hunk = (Range<usize>, Range<usize>);

fn hunks(base: &[&[u8]], side: &[&[u8]]) -> Vec<Hunk> {
    let changed = capture_diff_slices(Algorithm::Myers, base, side).into_iter().filter(|op| op.tag() != DiffTag::Equal);
    changed.map(|op| (op.old_range(), op.new_range())).fold(Vec::new(), |mut hunks: Vec<Hunk>, (old, new)| {
        match hunks.last_mut() {
            Some(last) if last.0.end == old.start && last.1.end == new.start => (last.0.end, last.1.end) = (old.end, new.end),
            Some(_) | None => hunks.push((old, new)),
        }
        hunks
    })
}

/// The hunks of one side that are still to come.
struct Side<'a> {
    lines: Vec<&'a [u8]>,
    hunks: std::iter::Peekable<std::vec::IntoIter<Hunk>>,
}

impl<'a> Side<'a> {
    fn of(base: &[&[u8]], text: &'a [u8]) -> Self {
        let lines = lines(text);
        let hunks = hunks(base, &lines).into_iter().peekable();
        Self { lines, hunks }
    }

    /// Takes the hunks that lie in the region or touch it, and widens it to hold them.
    fn take(&mut self, region: &mut Range<usize>, taken: &mut Vec<Hunk>) -> bool {
        let before = taken.len();
        while let Some(hunk) = self.hunks.next_if(|(old, _)| old.start <= region.end) {
            region.end = region.end.max(hunk.0.end);
            taken.push(hunk);
        }
        taken.len() > before
    }

    /// What the side has in place of the region, of which it changed `taken`.
    fn text(&self, region: &Range<usize>, taken: &[Hunk]) -> Vec<u8> {
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Vec::new() };
        let start = first.1.start - (first.0.start - region.start);
        let end = last.1.end + (region.end - last.0.end);
        self.lines[start..end].concat()
    }
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Merges what `ours` and `theirs` did to `base`.
#[must_use]
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8], labels: Labels<'_>) -> Merged {
    let original = lines(base);
    let (mut our, mut their) = (Side::of(&original, ours), Side::of(&original, theirs));
    let mut merged = Merged { text: Vec::with_capacity(ours.len().max(theirs.len())), overlaps: 0 };
    let mut at = 0;
    loop {
        let next = |side: &mut Side<'_>| side.hunks.peek().map(|(old, _)| old.start);
        let Some(start) = [next(&mut our), next(&mut their)].into_iter().flatten().min() else { break };
        merged.text.extend(original[at..start].concat());
        let mut region = start..start;
        let (mut by_us, mut by_them) = (Vec::new(), Vec::new());
        while our.take(&mut region, &mut by_us) | their.take(&mut region, &mut by_them) {}
        let (ours, theirs) = (our.text(&region, &by_us), their.text(&region, &by_them));
        if by_them.is_empty() || ours == theirs && !by_us.is_empty() {
            merged.text.extend(ours);
        } else if by_us.is_empty() {
            merged.text.extend(theirs);
        } else {
            merged.overlaps += 1;
            let parts = [
                (format!("<<<<<<< {}\n", labels.ours), ours),
                (format!("||||||| {}\n", labels.base), original[region.clone()].concat()),
                ("=======\n".to_owned(), theirs),
            ];
            for (marker, text) in parts {
                merged.text.extend(marker.into_bytes());
                let is_open = text.last().is_some_and(|last| *last != b'\n');
                merged.text.extend(text);
                merged.text.extend(is_open.then_some(b'\n'));
            }
            merged.text.extend(format!(">>>>>>> {}\n", labels.theirs).into_bytes());
        }
        at = region.end;
    }
    merged.text.extend(original[at..].concat());
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABELS: Labels<'_> = Labels { ours: "now", base: "left", theirs: "checkpoint" };

    fn merged(base: &str, ours: &str, theirs: &str) -> (String, usize) {
        let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), LABELS);
        (String::from_utf8(merged.text).expect("text in, text out"), merged.overlaps)
    }

    #[test]
    fn edits_in_different_places_are_both_in() {
        let base = "a\nb\nc\nd\ne\n";
        assert_eq!(merged(base, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n"), ("A\nb\nc\nd\nE\nf\n".into(), 0));
        assert_eq!(merged(base, "b\nc\nd\ne\n", "a\nb\nc\nnew\nd\ne\n"), ("b\nc\nnew\nd\ne\n".into(), 0));
        assert_eq!(merged(base, base, ""), (String::new(), 0));
        assert_eq!(merged(base, "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n"), ("a\nB\nc\nd\ne\n".into(), 0), "both did the same");
    }

    #[test]
    fn edits_of_the_same_lines_are_an_overlap_with_all_three_versions() {
        insta::assert_snapshot!(merged("a\nb\nc", "a\nours\nc", "a\ntheirs\nc").0, @r"
        a
        <<<<<<< now
        ours
        ||||||| left
        b
        =======
        theirs
        >>>>>>> checkpoint
        c
        ");
        assert_eq!(merged("a\nb\n", "A\nb\n", "a\nB\n").1, 1, "lines side by side belong together");
        assert_eq!(merged("", "x\n", "y\n").1, 1);
        let (text, overlaps) = merged("end", "ours", "theirs");
        assert_eq!((text.lines().count(), overlaps), (7, 1), "an open last line does not swallow a marker: {text}");
    }

    fn some_lines() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0..5_u8, 0..12)
    }

    fn text(lines: &[u8]) -> Vec<u8> {
        lines.iter().flat_map(|line| [b'a' + line, b'\n']).collect()
    }

    proptest! {
        #[test]
        fn a_side_that_did_nothing_changes_nothing(base in some_lines(), side in some_lines()) {
            let (base, side) = (text(&base), text(&side));
            let alone = Merged { text: side.clone(), overlaps: 0 };
            prop_assert_eq!(merge(&base, &side, &base, LABELS), alone.clone());
            prop_assert_eq!(merge(&base, &base, &side, LABELS), alone.clone());
            prop_assert_eq!(merge(&base, &side, &side, LABELS), alone);
        }

        #[test]
        fn disjoint_edits_are_both_in(head in some_lines(), tail in some_lines(), ours in some_lines(), theirs in some_lines()) {
            // What lies between is in neither part, so that no line of it can be taken for an edited one.
            let whole = |head: &[u8], tail: &[u8]| [text(head), b"-\n=\n-\n".to_vec(), text(tail)].concat();
            let merged = merge(&whole(&head, &tail), &whole(&ours, &tail), &whole(&head, &theirs), LABELS);
            prop_assert_eq!(merged, Merged { text: whole(&ours, &theirs), overlaps: 0 });
        }

        #[test]
        fn who_is_called_ours_does_not_matter(base in some_lines(), one in some_lines(), other in some_lines()) {
            let (base, one, other) = (text(&base), text(&one), text(&other));
            let there = merge(&base, &one, &other, LABELS);
            let back = merge(&base, &other, &one, LABELS);
            prop_assert_eq!(there.overlaps, back.overlaps);
            if there.overlaps == 0 {
                prop_assert_eq!(there.text, back.text);
            }
        }
    }
}
