//! Markdown files that an agent client reads, with front matter: an agent, a skill. One block in the front matter and one in the
//! body are ours; all else is whoever's wrote it. Where such a file lies and what it says is not known here.

use std::collections::BTreeMap;

use crate::model::{
    page::{self, Comment},
    refusal::Refusal,
    yaml,
};

/// The blocks: in the front matter, which is YAML, and in the body, which is markdown.
const BLOCKS: [(Comment, &str); 2] = [(Comment::Hash, "front"), (Comment::Html, "body")];

/// What our blocks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPage {
    /// The keys of the front matter and their texts, in order.
    pub front: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl ClientPage {
    /// The file without marks, for a place where nobody else writes.
    ///
    /// # Errors
    /// Refuses texts that have no form in YAML.
    pub fn plain(&self) -> Result<String, Refusal> {
        Ok(format!("---\n{}---\n\n{}", self.head()?, self.body))
    }

    fn head(&self) -> Result<String, Refusal> {
        self.front.iter().map(|(key, value)| yaml::write(&BTreeMap::from([(key, value)]))).collect()
    }

    /// The whole file, from the text that is there: new, with its blocks rendered again, or as it is where it is somebody's own.
    ///
    /// # Errors
    /// Refuses markers that do not pair up; `path` names the file.
    pub fn written(&self, path: &str, there: Option<&str>) -> Result<String, Refusal> {
        let contents = [self.head()?, self.body.clone()];
        let update = |(comment, name): (Comment, &str), text: Option<&str>, content: &str| {
            page::update_with(comment, text, name, content).map(|updated| updated.text).map_err(|error| error.refusal(path))
        };
        let [front, body] = BLOCKS;
        let Some(text) = there else {
            let (front, body) = (update(front, None, &contents[0])?, update(body, None, &contents[1])?);
            return Ok(format!("---\n{front}---\n\n{body}"));
        };
        let mut text = text.to_owned();
        for (block, content) in BLOCKS.into_iter().zip(&contents) {
            if text.contains(&format!("autonomy:begin {} ", block.1)) {
                text = update(block, Some(&text), content)?;
            }
        }
        Ok(text)
    }
}

/// The text of a file without our blocks; none when nothing else was in it.
///
/// # Errors
/// Refuses markers that do not pair up; `path` names the file.
pub fn without(path: &str, text: &str) -> Result<Option<String>, Refusal> {
    let mut left = text.to_owned();
    for (comment, name) in BLOCKS {
        left = page::remove(comment, &left, name).map_err(|error| error.refusal(path))?;
    }
    let is_bare = left.lines().all(|line| matches!(line.trim(), "" | "---"));
    Ok(if left != text && is_bare { None } else { Some(left) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> ClientPage {
        ClientPage { front: vec![("name", "qa".to_owned()), ("description", "Use: always".to_owned())], body: body.to_owned() }
    }

    #[test]
    fn blocks_are_rendered_again_and_people_s_words_stay() {
        let new = page("Do this.\n").written("x", None).expect("new");
        assert!(new.starts_with("---\n# autonomy:begin front v1 sha256:") && new.contains("\ndescription: "), "{new}");
        assert_eq!(page("Do this.\n").written("x", Some(&new)).expect("good"), new, "twice is once");
        let mine = new.replacen("---\n\n", "color: blue\n---\n\nMine.\n\n", 1);
        let again = page("Do that.\n").written("x", Some(&mine)).expect("good");
        assert!(again.contains("color: blue") && again.contains("Mine.") && again.contains("Do that."), "{again}");
        assert!(!again.contains("Do this."), "{again}");
        let own = "---\nname: qa\n---\nMine alone.\n";
        assert_eq!(page("Do this.\n").written("x", Some(own)).expect("good"), own);
        assert_eq!(without("x", &new).expect("good"), None);
        assert_eq!(without("x", own).expect("good").as_deref(), Some(own));
        assert!(without("x", &mine).expect("good").expect("people's").contains("Mine."));
    }
}
