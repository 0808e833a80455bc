//! Lines and caps, whatever comes in.

use super::*;

fn lines_of(pieces: &[&[u8]]) -> (Vec<String>, u64) {
    let (mut lines, mut out) = (Lines::default(), Vec::new());
    let mut each = |line: &str| {
        out.push(line.to_owned());
        Ok(())
    };
    for piece in pieces {
        lines.push(piece, &mut each).expect("keeps");
    }
    lines.finish(&mut each).expect("keeps");
    (out, lines.dropped)
}

#[test]
fn lines_are_the_same_however_the_bytes_arrive() {
    let (whole, _) = lines_of(&[b"one\r\ntwo\n\nlast"]);
    assert_eq!(whole, ["one", "two", "", "last"]);
    assert_eq!(lines_of(&[b"on", b"e\r", b"\ntwo", b"\n", b"\nlast"]).0, whole);
    assert_eq!(lines_of(&[b"caf\xc3", b"\xa9\n\xff\xfe\n"]).0, ["café", "\u{fffd}\u{fffd}"]);
}

#[test]
fn a_line_without_end_costs_no_more_memory_than_the_cap() {
    let block = vec![b'x'; 1 << 20];
    let pieces: Vec<&[u8]> = std::iter::repeat_n(block.as_slice(), 6).chain([b"\nnext\n".as_slice()]).collect();
    let (lines, dropped) = lines_of(&pieces);
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 4]);
    assert_eq!(dropped, 2 << 20);
}

#[test]
fn the_beginning_and_the_end_are_kept_and_the_gap_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/out");
    let mut keeper = Keeper::new(40, Some(path.clone())).expect("opens");
    for number in 0..100 {
        keeper.keep(&format!("line {number}")).expect("keeps");
    }
    let captured = keeper.finish(0).expect("ends");
    insta::assert_snapshot!(captured.text(), @"
    line 0
    line 1
    [… 760 bytes left out …]
    line 98
    line 99
    ");
    assert_eq!(captured.last_line(), Some("line 99"));
    assert_eq!(fs::read_to_string(path).expect("is there"), captured.text());
}

#[test]
fn little_output_is_kept_whole() {
    let mut keeper = Keeper::new(1000, None).expect("opens");
    keeper.keep("only").expect("keeps");
    let captured = keeper.finish(0).expect("ends");
    assert_eq!((captured.text().as_ref(), captured.last_line(), captured.dropped), ("only\n", Some("only"), 0));
}
