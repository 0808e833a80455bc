//! Files stay small: a median of what ships, a limit that counts tests and comments too, and a list of large ones whose numbers may only fall.

use super::{Fault, Source, hold, program, refuses};

/// Half of the files have at most so many lines that are neither blank nor comment nor test.
const MEDIAN: usize = 150;
const LIMIT: usize = 800;

/// Files above the limit, each with the number it may not pass; what shrinks by a tenth is written down here.
const KNOWN: &[(&str, usize)] = &[];

fn files_are_small(sources: &[Source]) -> Vec<Fault> {
    limited(sources, KNOWN)
}

fn limited(sources: &[Source], known: &[(&str, usize)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        lengths.push(source.product.lines().filter(|line| !line.trim().is_empty()).count());
        let allowed = known.iter().find(|(path, _)| *path == source.path).map(|(_, allowed)| *allowed);
        match allowed {
            None if lines > LIMIT => {
                faults.push(Fault::new(&source.path, format!("{lines} lines; none has more than {LIMIT}")));
            }
            Some(allowed) if lines > allowed => {
                faults.push(Fault::new(&source.path, format!("grew from {allowed} to {lines} lines")));
            }
            Some(allowed) if lines * 10 < allowed * 9 => {
                faults.push(Fault::new(&source.path, format!("fell from {allowed} to {lines} lines: say so in the list")));
            }
            _ => {}
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN {
        faults.push(Fault::new("src", format!("half of the files have more than {median} lines; {MEDIAN} is the limit")));
    }
    faults
}

#[test]
fn no_file_is_long() {
    hold("files are small", &files_are_small(&program()));
    for (path, _) in KNOWN {
        assert!(program().iter().any(|source| source.path == *path), "{path} is on the list of large files and is gone");
    }
    let lines = |count: usize| "//\n".repeat(count);
    refuses(files_are_small, &[("src/a.rs", &lines(801)), ("src/b.rs", ""), ("src/c.rs", "")], "801 lines; none");
    refuses(files_are_small, &[("src/a.rs", &"x;\n".repeat(151)), ("src/b.rs", &"x;\n".repeat(160))], "half of the files");
    let known = |sources: &[Source]| limited(sources, &[("src/a.rs", 900)]);
    refuses(known, &[("src/a.rs", &lines(901)), ("src/b.rs", ""), ("src/c.rs", "")], "grew from 900 to 901");
    refuses(known, &[("src/a.rs", &lines(805)), ("src/b.rs", ""), ("src/c.rs", "")], "fell from 900 to 805");
}
