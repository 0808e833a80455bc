//! Pages: files in which a block is ours and all other text belongs to whoever wrote it.
//!
//! A block stands between two marker lines and carries the hash of its content, so that an edit by hand is noticed and
//! kept. What a block says is rendered elsewhere. Hashes are over text with `\n`, so a change of line endings is no edit.

use crate::model::{id::Digest, markdown::line_ending, refusal::Refusal};

/// How a marker is written, which depends on the file it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comment {
    /// `<!-- … -->`, for markdown.
    Html,
    /// `# …`, for YAML, ignore files and attribute files.
    Hash,
}

impl Comment {
    fn wrap(self, words: &str) -> String {
        match self {
            Self::Html => format!("<!-- {words} -->"),
            Self::Hash => format!("# {words}"),
        }
    }

    fn words(self, line: &str) -> Option<&str> {
        match self {
            Self::Html => line.trim().strip_prefix("<!--")?.strip_suffix("-->").map(str::trim),
            Self::Hash => line.trim().strip_prefix('#').map(str::trim),
        }
    }
}

/// The outcome of [`update`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The whole text of the file.
    pub text: String,
    /// What somebody had written into the block; it now stands as a note below the block.
    pub edited: Option<String>,
}

/// Markers that do not pair up. The file has to be mended by whoever changed it; nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PageError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl PageError {
    /// The refusal that names the file.
    #[must_use]
    pub fn refusal(&self, path: &str) -> Refusal {
        Refusal::usage(format!("cannot update `{path}`: {self}"))
            .hint(format!("mend the `autonomy:begin` and `autonomy:end` lines of `{path}`, or take both out to get a new block"))
    }
}

/// A block found in a text; all places are in bytes.
struct Block<'a> {
    name: &'a str,
    hash: &'a str,
    /// From the first byte of the first marker to the last of the second, without that line's ending.
    start: usize,
    end: usize,
    content: &'a str,
}

impl Block<'_> {
    /// The ending of its own lines: the first line of the file may be none of ours.
    fn eol(&self, text: &str) -> &'static str {
        line_ending(&text[self.start..])
    }

    fn is_edited(&self) -> bool {
        hash(self.content) != self.hash
    }
}

fn hash(content: &str) -> String {
    Digest::of(content.replace("\r\n", "\n")).head(12).to_owned()
}

fn find(text: &str, comment: Comment) -> Result<Vec<Block<'_>>, PageError> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open: Option<(usize, usize, usize, &str, &str)> = None;
    let mut at = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let line = index + 1;
        let error = |message: String| Err(PageError { line, message });
        let bare = raw.trim_end_matches(['\n', '\r']);
        let words = comment.words(bare).unwrap_or_default();
        let (next, start) = (at + raw.len(), at);
        at = next;
        if let Some(rest) = words.strip_prefix("autonomy:begin") {
            let parts: Vec<&str> = rest.split_whitespace().collect();
            let (name, version, hash) = match parts.as_slice() {
                [name, version, hash] => (*name, *version, hash.strip_prefix("sha256:").unwrap_or_default()),
                _ => return error("a begin marker reads `autonomy:begin NAME v1 sha256:HASH`".into()),
            };
            if version != "v1" {
                return error(format!("the block `{name}` has format `{version}`; this program knows `v1`"));
            }
            if let Some((first, _, _, outer, _)) = open {
                return error(format!("the block `{name}` begins inside the block `{outer}` of line {first}"));
            }
            if blocks.iter().any(|block| block.name == name) {
                return error(format!("there is a second block `{name}`"));
            }
            open = Some((line, start, next, name, hash));
        } else if let Some(rest) = words.strip_prefix("autonomy:end") {
            let name = rest.trim();
            match open.take() {
                Some((_, first, content, outer, hash)) if outer == name => {
                    blocks.push(Block {
                        name: outer,
                        hash,
                        start: first,
                        end: start + bare.len(),
                        content: &text[content..start],
                    });
                }
                Some((first, _, _, outer, _)) => {
                    return error(format!("the block `{outer}` of line {first} is ended as `{name}`"));
                }
                None => return error(format!("the block `{name}` ends here and begins nowhere")),
            }
        }
    }
    match open {
        None => Ok(blocks),
        Some((line, _, _, name, _)) => {
            Err(PageError { line, message: format!("the block `{name}` begins here and ends nowhere") })
        }
    }
}

/// Renders the block `name` of a markdown page anew; see [`update_with`].
///
/// # Errors
/// Refuses markers that are missing, nested or doubled.
pub fn update(text: Option<&str>, name: &str, rendered: &str) -> Result<Updated, PageError> {
    update_with(Comment::Html, text, name, rendered)
}

/// Puts `rendered` into the block `name` of `text`. All other text stays byte for byte. A block that somebody edited is
/// kept as a note below. Without such a block one is added at the end; without a file the block is the file.
///
/// # Errors
/// Refuses markers that are missing, nested or doubled, and names the line.
pub fn update_with(comment: Comment, text: Option<&str>, name: &str, rendered: &str) -> Result<Updated, PageError> {
    let text = text.unwrap_or_default();
    let blocks = find(text, comment)?;
    let own = blocks.iter().find(|block| block.name == name);
    let eol = own.map_or_else(|| line_ending(text), |block| block.eol(text));
    let mut content = rendered.replace("\r\n", "\n");
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    let begin = comment.wrap(&format!("autonomy:begin {name} v1 sha256:{}", hash(&content)));
    let end = comment.wrap(&format!("autonomy:end {name}"));
    let block = format!("{begin}\n{content}{end}").replace('\n', eol);
    let Some(old) = own else {
        // A last line without an ending keeps being one: the block then goes without a final ending too, and so can
        // be taken out again to the byte.
        let whole = text.is_empty() || text.ends_with('\n');
        let text = if whole { format!("{text}{block}{eol}") } else { format!("{text}{eol}{block}") };
        return Ok(Updated { text, edited: None });
    };
    let (before, after) = (&text[..old.start], &text[old.end..]);
    let edited = old.is_edited() && old.content.replace("\r\n", "\n") != content && !old.content.trim().is_empty();
    if !edited {
        return Ok(Updated { text: format!("{before}{block}{after}"), edited: None });
    }
    let note = note(comment, name, old.content, eol);
    let (own, rest) = match after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')) {
        Some(rest) => (&after[..after.len() - rest.len()], rest),
        None => (eol, after),
    };
    Ok(Updated { text: format!("{before}{block}{own}{note}{rest}"), edited: Some(old.content.to_owned()) })
}

/// The text that somebody wrote into a block, as it stands below the block from then on.
fn note(comment: Comment, name: &str, content: &str, eol: &str) -> String {
    let head = comment.wrap(&format!("kept: somebody wrote this into the block `{name}` above"));
    match comment {
        Comment::Html => format!("{head}{eol}{content}"),
        Comment::Hash => {
            let lines: Vec<String> = content.split_inclusive('\n').map(|line| format!("# {line}")).collect();
            format!("{head}{eol}{}", lines.concat())
        }
    }
}

/// The text without the block `name`, byte for byte as it was before the block was added.
///
/// # Errors
/// Refuses markers that are missing, nested or doubled.
pub fn remove(comment: Comment, text: &str, name: &str) -> Result<String, PageError> {
    let blocks = find(text, comment)?;
    let Some(block) = blocks.iter().find(|block| block.name == name) else { return Ok(text.to_owned()) };
    let (before, after) = (&text[..block.start], &text[block.end..]);
    let kept = if block.is_edited() { block.content } else { "" };
    if after.is_empty() {
        let eol = block.eol(text);
        let before = before.strip_suffix(eol).unwrap_or(before);
        let join = if kept.is_empty() || before.is_empty() { "" } else { eol };
        return Ok(format!("{before}{join}{kept}"));
    }
    let after = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).unwrap_or(after);
    Ok(format!("{before}{kept}{after}"))
}

/// What of a markdown page is not ours, for briefings; all of it when the markers do not pair up. Text inside a block that
/// somebody edited counts as theirs.
#[must_use]
pub fn people_text(text: &str) -> String {
    let Ok(blocks) = find(text, Comment::Html) else { return text.to_owned() };
    let (mut out, mut at) = (String::new(), 0);
    for block in &blocks {
        out.push_str(&text[at..block.start]);
        if block.is_edited() {
            out.push_str(block.content);
        }
        at = block.end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_is_added_and_rendered_again_and_people_keep_their_text() {
        let first = update(Some("# Mine\n"), "focus", "one").expect("no markers");
        insta::assert_snapshot!(first.text, @r"
        # Mine
        <!-- autonomy:begin focus v1 sha256:2c8b08da5ce6 -->
        one
        <!-- autonomy:end focus -->
        ");
        let mine = format!("{}after\n", first.text);
        let second = update(Some(&mine), "focus", "two\n").expect("paired");
        assert_eq!(second.edited, None);
        assert!(second.text.starts_with("# Mine\n<!-- autonomy:begin focus v1") && second.text.ends_with("focus -->\nafter\n"));
        assert_eq!(people_text(&second.text).trim(), "# Mine\n\nafter");
    }

    #[test]
    fn an_edit_inside_a_block_is_kept_below_it() {
        let page = update(None, "focus", "one\ntwo\n").expect("new").text;
        let edited = page.replace("two", "two, but better");
        assert!(people_text(&edited).contains("two, but better"));
        let again = update(Some(&format!("{edited}tail")), "focus", "three").expect("paired");
        assert_eq!(again.edited.as_deref(), Some("one\ntwo, but better\n"));
        insta::assert_snapshot!(again.text, @r"
        <!-- autonomy:begin focus v1 sha256:f69369121844 -->
        three
        <!-- autonomy:end focus -->
        <!-- kept: somebody wrote this into the block `focus` above -->
        one
        two, but better
        tail
        ");
        let third = update(Some(&again.text), "focus", "four").expect("paired");
        assert!(third.edited.is_none() && third.text.contains("two, but better\ntail"));
    }

    #[test]
    fn a_change_of_line_endings_is_no_edit() {
        let page = update(Some("mine\n"), "focus", "one\ntwo\n").expect("new").text.replace('\n', "\r\n");
        let again = update(Some(&page), "focus", "three\n").expect("paired");
        assert_eq!(again.edited, None);
        assert_eq!(again.text.matches('\n').count(), again.text.matches("\r\n").count());
    }

    #[test]
    fn markers_that_do_not_pair_up_are_refused_with_their_line() {
        let begin = |name: &str| format!("<!-- autonomy:begin {name} v1 sha256:000000000000 -->\n");
        let end = |name: &str| format!("<!-- autonomy:end {name} -->\n");
        for (text, line, word) in [
            (format!("x\n{}y\n", begin("a")), 2, "ends nowhere"),
            (format!("x\n{}", end("a")), 2, "begins nowhere"),
            (format!("{}{}{}{}", begin("a"), begin("b"), end("b"), end("a")), 2, "begins inside"),
            (format!("{0}{1}{0}{1}", begin("a"), end("a")), 3, "second block"),
            (format!("{}{}", begin("a"), end("b")), 2, "ended as `b`"),
            ("<!-- autonomy:begin a -->\n".into(), 1, "reads"),
            ("<!-- autonomy:begin a v2 sha256:0 -->\n".into(), 1, "v1"),
        ] {
            let error = update(Some(&text), "a", "new").expect_err(&text);
            assert_eq!((error.line, error.message.contains(word)), (line, true), "{error} for {text}");
            assert_eq!(people_text(&text), text);
        }
    }

    #[test]
    fn ignore_files_have_blocks_too() {
        let text = update_with(Comment::Hash, Some("*.log"), "ignored", "/.claude/sessions/*/*\n").expect("new").text;
        insta::assert_snapshot!(text, @r"
        *.log
        # autonomy:begin ignored v1 sha256:4a3df748807c
        /.claude/sessions/*/*
        # autonomy:end ignored
        ");
        assert_eq!(remove(Comment::Hash, &text, "ignored").expect("paired"), "*.log");
        let edited = text.replace("sessions/*/*", "mine");
        let again = update_with(Comment::Hash, Some(&edited), "ignored", "/x\n").expect("paired").text;
        assert!(again.contains("\n# /.claude/mine\n"), "{again}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn adding_updating_and_removing_leaves_every_byte(
            before in "(?s)[a-z#<>!é\r\n -]{0,40}",
            after in "(?s)[a-z#<>!é\r\n -]{0,40}",
            bodies in prop::collection::vec("(?s)[a-z#é\n ]{0,40}", 1..4),
            comment in prop_oneof![Just(Comment::Html), Just(Comment::Hash)],
        ) {
            let mut text = before.clone();
            for body in &bodies {
                let updated = update_with(comment, Some(&text), "b", body).expect("our markers");
                prop_assert_eq!(updated.edited, None);
                text = updated.text;
                let same = update_with(comment, Some(&text), "b", body).expect("our markers");
                prop_assert_eq!(&same.text, &text);
            }
            prop_assert_eq!(remove(comment, &text, "b").expect("paired"), before.clone());
            if text.ends_with('\n') {
                let with_tail = format!("{text}{after}");
                let updated = update_with(comment, Some(&with_tail), "b", "new").expect("paired").text;
                prop_assert!(updated.starts_with(&before) && updated.ends_with(&after));
                prop_assert_eq!(remove(comment, &updated, "b").expect("paired"), format!("{before}{after}"));
            }
        }

        #[test]
        fn an_edit_is_never_lost(body in "[a-z\n]{0,30}", edit in "[A-Z]{1,10}", place in any::<prop::sample::Index>()) {
            let text = update(Some("mine\n"), "b", &body).expect("new").text;
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let inside = 2 + place.index(lines.len() - 2);
            let edited = format!("{}{edit}\n{}", lines[..inside].concat(), lines[inside..].concat());
            let updated = update(Some(&edited), "b", "new").expect("paired");
            prop_assert!(updated.text.contains(&edit) && people_text(&updated.text).contains(&edit));
            prop_assert!(remove(Comment::Html, &edited, "b").expect("paired").contains(&edit));
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "(?s)(<!-- autonomy:(begin|end) [ab]( v1 sha256:0)? -->|[ab\r\n<>!-]){0,12}") {
            if let Ok(updated) = update(Some(&text), "a", "new") {
                prop_assert!(updated.text.contains("new\n") || updated.text.contains("new\r\n"));
            }
        }
    }
}
