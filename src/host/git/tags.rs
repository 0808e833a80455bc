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
        let full = format!("refs/tags/{name}");
        if Self::check_ref_name(&full).is_err() {
            return Ok(None);
        }
        self.find_ref(&full)?.map_or(Ok(None), |points_at| self.read_tag(name, &points_at))
    }

    /// All tags whose name begins with `prefix`, by name; those that do not lead to a commit are left out.
    ///
    /// # Errors
    /// Fails when the tags cannot be read.
    pub fn tags(&self, prefix: &str) -> Result<Vec<Tag>> {
        let mut found = Vec::new();
        for (name, points_at) in self.list_refs(&format!("refs/tags/{prefix}"))? {
            found.extend(self.read_tag(name.strip_prefix("refs/tags/").unwrap_or(&name), &points_at)?);
        }
        Ok(found)
    }

    /// What the ref of a tag points at; nothing where that does not lead to a commit.
    fn read_tag(&self, name: &str, points_at: &Oid) -> Result<Option<Tag>> {
        let Ok(object) = self.raw.find_object(raw_oid(points_at)?, None) else { return Ok(None) };
        let Ok(commit) = object.peel_to_commit() else { return Ok(None) };
        // What is only a name simply has no annotation.
        let annotation = object.into_tag().ok().map(|tag| {
            let tagger = tag.tagger();
            Annotation {
                id: oid(tag.id()),
                message: String::from_utf8_lossy(tag.message_bytes().unwrap_or_default()).into_owned(),
                tagger: tagger.as_ref().map(Identity::of),
                at: tagger.as_ref().map(|tagger| moment(tagger.when())),
            }
        });
        Ok(Some(Tag { name: name.to_owned(), target: oid(commit.id()), annotation }))
    }
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
        assert_eq!(repository.tags("checkpoint-").unwrap(), [tag]);
        fixture.fsck();
        let other = repository.write_tag("checkpoint-1", &commit, &signature(), "another").unwrap();
        assert!(matches!(repository.publish_tag("checkpoint-1", &other), Err(Error::Refused(_))));
    }
}
