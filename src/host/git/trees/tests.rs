//! Trees with edits against what git itself writes from an index with the same changes.

use proptest::prelude::*;

use super::*;
use crate::host::git::fixture::Fixture;

/// Paths of which none is a directory of another.
fn apart(paths: &[String]) -> Vec<&String> {
    let is_above = |path: &String| paths.iter().any(|other| other.starts_with(&format!("{path}/")));
    paths.iter().filter(|path| !is_above(path)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn edits_make_the_tree_that_git_writes(
        before in proptest::collection::btree_set("[ab]{1,2}([-/][ab]{1,2}){0,3}", 1..14),
        after in proptest::collection::btree_map("[ab]{1,2}([-/][ab]{1,2}){0,3}", 0..4_u8, 0..10),
        staged in any::<bool>(),
    ) {
        let fixture = Fixture::new();
        let before: Vec<String> = before.into_iter().collect();
        let before = apart(&before);
        for path in &before {
            fixture.write(path, path);
        }
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "Before"]);
        if staged {
            // Git takes the ids out of its index along this path.
            fixture.write(before[0], "staged");
            fixture.git(&["add", before[0]]);
        }
        let repository = fixture.repository();
        let tracked = Tracked::read(&repository).unwrap();
        let mut batch = Batch::new(&repository).unwrap();
        let trees = Trees::of(&tracked, &mut batch).unwrap();
        prop_assert_eq!(trees.staged().to_string(), fixture.git(&["write-tree"]));

        // Of the changes, those stay that can be together with what is left.
        let is_gone = |path: &String| after.get(path) == Some(&0);
        let mut there: Vec<&String> = before.iter().filter(|path| !is_gone(path)).copied().collect();
        let (mut edits, mut commands) = (Vec::new(), Vec::new());
        for (path, content) in &after {
            let is_above = |one: &String, other: &String| other.starts_with(&format!("{one}/"));
            let (becomes, command) = if *content == 0 && before.contains(&path) {
                (None, vec!["update-index".to_owned(), "--force-remove".to_owned(), path.clone()])
            } else if *content > 0 && !there.iter().any(|known| is_above(known, path) || is_above(path, known)) {
                there.push(path);
                let oid = repository.raw.blob(&[*content]).unwrap();
                let entry = format!("100644,{oid},{path}");
                (Some((0o100_644, oid)), vec!["update-index".to_owned(), "--add".to_owned(), "--cacheinfo".to_owned(), entry])
            } else {
                continue;
            };
            commands.push((becomes.is_some(), command));
            edits.push(Edit { path: path.as_bytes(), becomes });
        }
        commands.sort();
        for (_, command) in &commands {
            fixture.git(&command.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let tree = trees.with(&edits).unwrap().add_to(&mut batch).unwrap();
        prop_assert_eq!(tree.to_string(), fixture.git(&["write-tree"]));
    }
}
