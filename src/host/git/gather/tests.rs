//! Gathering as git sees it: nothing is lost, and nobody else's pack is touched.

use git2::ObjectType;

use super::*;
use crate::host::git::{batch::Batch, fixture::Fixture};

fn packs_in(fixture: &Fixture) -> Vec<String> {
    let found = fs::read_dir(fixture.root().join(".git/objects/pack")).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".pack")?.to_owned())).collect();
    names.sort();
    names
}

#[test]
fn many_packs_of_ours_become_one_and_those_of_others_stay() {
    for format in ["sha1", "sha256"] {
        let fixture = Fixture::with(&[&format!("--object-format={format}")]);
        fixture.commit_file("a", "1\n");
        fixture.git(&["repack", "-adq"]);
        let of_git = packs_in(&fixture);
        let repository = fixture.repository();
        let mut written = Vec::new();
        let reader = fixture.repository();
        let mut kept = None;
        for number in 0..MOST + 3 {
            let mut batch = Batch::new(&repository).unwrap();
            // One object is in all of them.
            batch.add(ObjectType::Blob, b"again".to_vec()).unwrap();
            written.push(batch.add(ObjectType::Blob, format!("{number}\n").into_bytes()).unwrap());
            batch.finish(|| ()).unwrap();
            if number == 0 {
                let name = packs_in(&fixture).into_iter().find(|name| !of_git.contains(name)).unwrap();
                fs::write(fixture.root().join(format!(".git/objects/pack/{name}.keep")), "").unwrap();
                kept = Some(name);
                // A reader that has looked at every pack, and has not opened the later ones.
                assert!(reader.raw.find_blob(written[0]).is_ok());
            }
            if number == MOST - 1 {
                assert!(reader.raw.find_blob(written[1]).is_ok());
            }
        }
        let left = packs_in(&fixture);
        assert!(left.len() <= 6, "{left:?}");
        assert!(left.contains(&of_git[0]) && left.contains(kept.as_ref().unwrap()));
        for oid in &written {
            assert!(reader.raw.find_blob(*oid).is_ok(), "{oid}");
            fixture.git(&["cat-file", "-e", &oid.to_string()]);
        }
        fixture.fsck();
        // What git has put into a pack of its own is no longer ours.
        fixture.git(&["repack", "-adq"]);
        let mut batch = Batch::new(&repository).unwrap();
        batch.add(ObjectType::Blob, b"after".to_vec()).unwrap();
        batch.finish(|| ()).unwrap();
        assert!(small(&Packs::of(&repository.raw)).unwrap().len() <= 2);
    }
}

#[test]
fn a_damaged_pack_is_left_as_it_is() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    for number in 0..MOST {
        let mut batch = Batch::new(&repository).unwrap();
        batch.add(ObjectType::Blob, format!("{number}\n").into_bytes()).unwrap();
        batch.finish(|| ()).unwrap();
    }
    let before = packs_in(&fixture);
    let damaged = fixture.root().join(format!(".git/objects/pack/{}.pack", before[0]));
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[14] ^= 1;
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, &bytes).unwrap();
    let mut batch = Batch::new(&repository).unwrap();
    batch.add(ObjectType::Blob, b"one more".to_vec()).unwrap();
    batch.finish(|| ()).unwrap();
    let after = packs_in(&fixture);
    assert!(before.iter().all(|name| after.contains(name)), "{after:?}");
}
