//! Which lines of a damaged log still make a chain. It looks at lines only: where they come from is not known here.

use std::collections::BTreeMap;

use crate::model::{event::Event, id::Digest};

/// The longest run of commands that begins at `start`, the hash before the first event, and in which every event continues
/// the one before it, as places in `lines`. Lines that are no events, and a last command that was not written whole, are left
/// out; of two lines that say the same the first is taken.
#[must_use]
pub fn longest(start: &Digest, lines: &[&str]) -> Vec<usize> {
    let read = |(place, line): (usize, &&str)| Some((Event::parse(line).ok()?, Digest::of(line), place));
    let mut events: Vec<(Event, Digest, usize)> = lines.iter().enumerate().filter_map(read).collect();
    // From the last to the first, so that what follows an event is known before it.
    events.sort_by(|left, right| (right.0.seq, left.2).cmp(&(left.0.seq, right.2)));
    let mut best: BTreeMap<(u64, Digest), (usize, usize)> = BTreeMap::new();
    for (index, (event, hash, _)) in events.iter().enumerate() {
        let length = 1 + best.get(&(event.seq + 1, hash.clone())).map_or(0, |(length, _)| *length);
        let known = best.entry((event.seq, event.prev.clone())).or_insert((length, index));
        if known.0 < length {
            *known = (length, index);
        }
    }
    let (mut chain, mut whole, mut next) = (Vec::new(), 0, (1, start.clone()));
    while let Some((_, index)) = best.get(&next) {
        let (event, hash, place) = &events[*index];
        chain.push(*place);
        if event.end {
            whole = chain.len();
        }
        next = (event.seq + 1, hash.clone());
    }
    chain.truncate(whole);
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{actor::Actor, event::Fact, time::Timestamp};

    fn chain(texts: &[&str]) -> Vec<String> {
        let (mut prev, mut lines) = (Digest::of("start"), Vec::new());
        for (seq, text) in (1..).zip(texts) {
            let fact = Fact::ProgressAdded { text: (*text).to_owned(), task: None };
            let at = Timestamp::from_millisecond(1_795_197_600_000).expect("in range");
            let line = Event { seq, at, actor: Actor::Autonomy, fact, prev, end: !text.ends_with('…') }.line().expect("small");
            prev = Digest::of(&line);
            lines.push(line);
        }
        lines
    }

    fn found(lines: &[String]) -> Vec<usize> {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        longest(&Digest::of("start"), &lines)
    }

    #[test]
    fn a_whole_log_is_its_own_longest_chain() {
        assert_eq!(found(&chain(&["one", "two…", "three"])), [0, 1, 2]);
    }

    #[test]
    fn what_follows_a_changed_line_is_cut_to_the_last_whole_command() {
        let mut lines = chain(&["one", "two…", "three", "four"]);
        lines[2] = lines[2].replace("three", "3");
        assert_eq!(found(&lines), [0, 1, 2], "nothing tells that the last line of it was changed");
        let mut lines = chain(&["one", "two…", "three", "four"]);
        lines[1] = lines[1].replace("two", "2");
        assert_eq!(found(&lines), [0]);
        lines[0] = "--- {".to_owned();
        assert_eq!(found(&lines), [0; 0]);
    }

    #[test]
    fn a_copy_of_the_true_line_mends_the_chain_whatever_the_order() {
        let mut lines = chain(&["one", "two…", "three", "four"]);
        let copy = lines[1].clone();
        lines[1] = lines[1].replace("two", "2");
        lines.push(copy);
        assert_eq!(found(&lines), [0, 4, 2, 3]);
        lines.push(lines[0].clone());
        assert_eq!(found(&lines), [0, 4, 2, 3], "the first of two that say the same");
    }
}
