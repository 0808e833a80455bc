//! Annotated tags: made in two steps so that the caller can record the name in between, read and listed.
//!
//! What a tag's message means is not known here.

use crate::{
    host::{
        Result,
        git::{Identity, Repository, Signature, Tried as _, moment, oid, raw_oid},
    },
    model::{id::Oid, refusal::Refusal, time::Timestamp},
};

/// A tag that points at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The name without `refs/tags/`.
    pub name: String,
    /// The commit.
    pub target: Oid,
    /// What an annotated tag says beyond that.
    pub annotation: Option<Annotation>,
}

/// What only annotated tags have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The tag object itself.
    pub id: Oid,
    /// The message; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// Who made it; tags of very old repositories do not say.
    pub tagger: Option<Identity>,
    /// When it was made, in whole seconds.
    pub at: Option<Timestamp>,
}

impl Repository {
    /// Writes an annotated tag object for the commit `target`; no ref points at it yet.
    ///
    /// # Errors
    /// Refuses a name that git does not take; fails when `target` is not there or the object cannot be written.
    pub fn write_tag(&self, name: &str, target: &Oid, tagger: &Signature, message: &str) -> Result<Oid> {
        Self::check_ref_name(&format!("refs/tags/{name}"))?;
        let doing = || format!("write the tag `{name}`");
        let commit = self.raw.find_commit(raw_oid(target)?).tried(doing())?;
        let raw = self.raw.tag_annotation_create(name, commit.as_object(), &tagger.raw()?, message).tried(doing())?;
        Ok(oid(raw))
    }

    /// Creates the ref of a tag that [`Repository::write_tag`] wrote; done already is done.
    ///
    /// # Errors
    /// Refuses when another tag has the name.
    pub fn publish_tag(&self, name: &str, tag: &Oid) -> Result<()> {
        let full = format!("refs/tags/{name}");
        match self.find_ref(&full)? {
            Some(found) if found == *tag => Ok(()),
            Some(_) => Err(Refusal::conflict(format!("there is a tag `{name}` already"))
                .hint(format!("`git show {name}` shows it; choose another name"))
                .into()),
            None => self.update_ref(&full, tag, None, ""),
        }
    }

    /// Reads one tag; nothing when it does not exist or does not lead to a commit.
    ///
    /// # Errors
    /// Fails when the tag cannot be read.
    pub fn tag(&self, name: &str) -> Result<Option<Tag>> {
        match self.raw.find_reference(&format!("refs/tags/{name}")) {
            Ok(reference) => Ok(read(name, &reference)),
            Err(error) if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::InvalidSpec) => Ok(None),
            Err(error) => Err(error).tried(format!("read the tag `{name}`")),
        }
    }

    /// All tags whose name fits `glob`, by name; those that do not lead to a commit are left out.
    ///
    /// # Errors
    /// Fails when the tags cannot be read.
    pub fn tags(&self, glob: &str) -> Result<Vec<Tag>> {
        let doing = || format!("list the tags `{glob}`");
        let mut found = Vec::new();
        for reference in self.raw.references_glob(&format!("refs/tags/{glob}")).tried(doing())? {
            let reference = reference.tried(doing())?;
            let name = reference.name().ok().and_then(|name| name.strip_prefix("refs/tags/")).map(str::to_owned);
            found.extend(name.and_then(|name| read(&name, &reference)));
        }
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }
}

fn read(name: &str, reference: &git2::Reference<'_>) -> Option<Tag> {
    let target = oid(reference.peel_to_commit().ok()?.id());
    // `peel_to_tag` fails on a tag that is only a name, which then simply has no annotation.
    let annotation = reference.peel(git2::ObjectType::Tag).ok().and_then(|object| object.into_tag().ok()).map(|tag| {
        let tagger = tag.tagger();
        Annotation {
            id: oid(tag.id()),
            message: String::from_utf8_lossy(tag.message_bytes().unwrap_or_default()).into_owned(),
            tagger: tagger.as_ref().map(Identity::of),
            at: tagger.as_ref().map(|tagger| moment(tagger.when())),
        }
    });
    Some(Tag { name: name.to_owned(), target, annotation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{
        Error,
        git::fixture::{Fixture, signature},
    };

    #[test]
    fn an_annotated_tag_is_read_back_as_git_reads_it() {
        let fixture = Fixture::new();
        let commit = fixture.commit_file("a", "1\n");
        let repository = fixture.repository();
        let message = "first: line\nsecond: ✓\n";
        let id = repository.write_tag("checkpoint-1", &commit, &signature(), message).unwrap();
        assert_eq!(fixture.git(&["tag"]), "", "the object alone makes no tag");
        repository.publish_tag("checkpoint-1", &id).unwrap();
        repository.publish_tag("checkpoint-1", &id).unwrap();
        assert_eq!(fixture.git(&["cat-file", "-t", "checkpoint-1"]), "tag");
        assert_eq!(fixture.git(&["tag", "-l", "--format=%(contents)", "checkpoint-1"]), message);
        fixture.git(&["pack-refs", "--all"]);
        let tag = repository.tag("checkpoint-1").unwrap().unwrap();
        let annotation = tag.annotation.clone().unwrap();
        assert_eq!((tag.target.clone(), annotation.id, annotation.message.as_str()), (commit.clone(), id, message));
        assert_eq!(annotation.at, Some(signature().at));
        fixture.git(&["tag", "light"]);
        assert_eq!(
            repository.tag("light").unwrap(),
            Some(Tag { name: "light".to_owned(), target: commit.clone(), annotation: None })
        );
        assert_eq!(repository.tag("no..such").unwrap(), None);
        assert_eq!(repository.tags("checkpoint-*").unwrap(), [tag]);
        fixture.fsck();
        let other = repository.write_tag("checkpoint-1", &commit, &signature(), "another").unwrap();
        assert!(matches!(repository.publish_tag("checkpoint-1", &other), Err(Error::Refused(_))));
    }
}
