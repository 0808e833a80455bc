//! A record's file: YAML front matter and a markdown body, edited in place so that not a byte of a person's is touched.
//!
//! It knows nothing of what a record means; `model::task` and its neighbours do. It reads and writes no file.

use std::{collections::BTreeMap, fmt, ops::Range, str::FromStr as _};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::model::{
    markdown,
    refusal::{Code, Refusal},
    yaml,
};

/// The largest front matter that is read, in bytes.
pub const MAX_FRONT: usize = 64 << 10;
/// The largest markdown file that is read, in bytes.
pub const MAX_MARKDOWN: usize = 16 << 20;
/// The version of the format of records that this program writes; files of a newer one are not written to.
pub const RECORD_VERSION: u64 = 1;

const BOM: char = '\u{feff}';
const FENCE: &str = "---";

/// The text of a record's file, taken apart. Every method that changes something returns a new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    path: String,
    text: String,
    /// Between the two `---` lines, with the last line's ending; `None` when the file does not open with `---`.
    front: Option<Range<usize>>,
    /// Where the body begins.
    body: usize,
}

/// The text of the file `path`, which is only for messages.
///
/// # Errors
/// Refuses what is not UTF-8, naming the line and the column.
pub fn utf8(path: &str, bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|&byte| byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|&&byte| byte != b'\n').count();
        Refusal::usage(format!("cannot read `{path}`: line {line}, column {column}: not UTF-8"))
    })
}

impl Document {
    /// Takes the bytes of the file `path` apart; the path is only for messages.
    ///
    /// # Errors
    /// Refuses what is over a cap, not UTF-8, or opens with `---` and never closes it.
    pub fn parse(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self, Refusal> {
        let (path, bytes) = (path.into(), bytes.into());
        if bytes.len() > MAX_MARKDOWN {
            return Err(Refusal::usage(format!("cannot read `{path}`: it is over the cap of 16 MiB for markdown")));
        }
        let text = utf8(&path, bytes)?;
        let (front, body) = split(&path, &text)?;
        Ok(Self { path, text, front, body })
    }

    /// A new file: `front` as front matter with its keys in their own order, then `body`.
    ///
    /// # Errors
    /// Refuses what [`Self::parse`] would refuse to read again.
    pub fn new(path: impl Into<String>, front: &impl Serialize, body: &str) -> Result<Self, Refusal> {
        let front = yaml::write(front)?;
        let gap = if body.is_empty() { "" } else { "\n" };
        let end = if body.is_empty() || body.ends_with('\n') { "" } else { "\n" };
        Self::parse(path, format!("{FENCE}\n{front}{FENCE}\n{gap}{body}{end}"))
    }

    /// The path that messages name.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The markdown after the front matter.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.text[self.body..]
    }

    /// The number of lines before the body.
    #[must_use]
    pub fn lines_before_body(&self) -> usize {
        self.text[..self.body].matches('\n').count()
    }

    /// The line of the file at which the front matter names `key`, counted from 1.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<usize> {
        let front = self.front.clone()?;
        let place = entry(&self.text[front.clone()], key, Ending::Visible)?;
        Some(1 + self.text[..front.start + place.start].matches('\n').count())
    }

    /// The version of the format that the file says it is of, if it says one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.values().ok()?.get("version").and_then(Value::as_u64)
    }

    /// Reads the front matter.
    ///
    /// # Errors
    /// Refuses a file without front matter and whatever does not fit `T`, with line, column and snippet.
    pub fn front<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let Some(front) = &self.front else {
            return Err(Refusal::usage(format!(
                "cannot read `{}`: line 1, column 1: a record begins with `---`, its front matter in YAML, and `---`",
                self.path
            )));
        };
        yaml::read_part(&self.path, 1, &self.text[front.clone()])
    }

    /// The same file with `key` of the front matter set to `value`. Only the lines of that key change: other keys, comments,
    /// order and line endings stay. A comment inside a value that is replaced is kept above the key.
    ///
    /// # Errors
    /// Refuses when that cannot be done without touching something else, and files of a newer version.
    pub fn set(&self, key: &str, value: &impl Serialize) -> Result<Self, Refusal> {
        let rendered = yaml::write(&BTreeMap::from([(key, value)]))?;
        let value = serde_json::to_value(value)
            .map_err(|error| Refusal::new(Code::Bug, format!("cannot write `{key}` of `{}`: {error}", self.path)))?;
        self.edit(key, Some(&value), &rendered)
    }

    /// The same file without `key` in its front matter.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn unset(&self, key: &str) -> Result<Self, Refusal> {
        self.edit(key, None, "")
    }

    fn edit(&self, key: &str, value: Option<&Value>, rendered: &str) -> Result<Self, Refusal> {
        let before = self.writable()?;
        if before.get(key) == value {
            return Ok(self.clone());
        }
        let refuse = || {
            Refusal::usage(format!("cannot change `{key}` of `{}` without touching something else in it", self.path))
                .hint(format!("edit `{}` by hand", self.path))
        };
        let front = self.front.clone().ok_or_else(refuse)?;
        let old = &self.text[front.clone()];
        let mut wanted = before;
        match value {
            Some(value) => wanted.insert(key.to_owned(), value.clone()),
            None => wanted.remove(key),
        };
        for ending in [Ending::Visible, Ending::Whole] {
            let Some(new) = splice(old, key, rendered, markdown::line_ending(&self.text), ending) else { continue };
            let after = Self::parse(self.path.clone(), format!("{}{new}{}", &self.text[..front.start], &self.text[front.end..]))?;
            if after.body() == self.body() && after.values().is_ok_and(|found| found == wanted) {
                return Ok(after);
            }
        }
        Err(refuse())
    }

    fn values(&self) -> Result<Map<String, Value>, Refusal> {
        self.front::<Option<Map<String, Value>>>().map(Option::unwrap_or_default)
    }

    /// The values of the front matter, if this program may write to the file.
    fn writable(&self) -> Result<Map<String, Value>, Refusal> {
        let values = self.values()?;
        match values.get("version").and_then(Value::as_u64) {
            Some(version) if version > RECORD_VERSION => Err(Refusal::environment(format!(
                "cannot write `{}`: it has version {version} of the format, this program knows {RECORD_VERSION}",
                self.path
            ))
            .hint("install a newer `autonomy`")),
            Some(_) | None => Ok(values),
        }
    }

    /// The text under the heading `title` of the body, and the number of lines of the file before it.
    #[must_use]
    pub fn section(&self, title: &str) -> Option<(usize, &str)> {
        let (_, range) = markdown::section(self.body(), title)?;
        let start = self.body + range.start;
        Some((self.text[..start].matches('\n').count(), &self.text[start..self.body + range.end]))
    }

    /// The same file with `text` as what stands under the heading `## title`; the section is made at the end when there is
    /// none. Everything outside the section stays byte for byte.
    ///
    /// # Errors
    /// Refuses files of a newer version and what would grow over the cap.
    pub fn with_section(&self, title: &str, text: &str) -> Result<Self, Refusal> {
        let Some((_, range)) = markdown::section(self.body(), title) else {
            return self.with_addition(title, text);
        };
        let eol = markdown::line_ending(&self.text);
        let (start, end) = (self.body + range.start, self.body + range.end);
        let head = if self.text[..start].ends_with('\n') { "" } else { eol };
        let tail = if end == self.text.len() { "" } else { eol };
        self.replaced(start..end, &format!("{head}{eol}{}{tail}", lined(text, eol)))
    }

    /// The same file with `text` added at the end of the section `## title`, which is made when there is none.
    ///
    /// # Errors
    /// As [`Self::with_section`].
    pub fn with_addition(&self, title: &str, text: &str) -> Result<Self, Refusal> {
        let eol = markdown::line_ending(&self.text);
        let (at, head) = if let Some((_, range)) = markdown::section(self.body(), title) {
            let kept = self.body()[range.clone()].trim_end().len();
            let at = self.body + range.start + kept;
            let next_line = self.text[at..].find('\n').map_or(self.text.len(), |found| at + found + 1);
            if kept == 0 { (self.body + range.start, eol.to_owned()) } else { (next_line, String::new()) }
        } else {
            let gap = if self.body().is_empty() || self.text.ends_with(&format!("{eol}{eol}")) { "" } else { eol };
            (self.text.len(), format!("{gap}## {title}{eol}{eol}"))
        };
        let open = if at == 0 || self.text[..at].ends_with('\n') { "" } else { eol };
        self.replaced(at..at, &format!("{open}{head}{}", lined(text, eol)))
    }

    /// The same file with `text` in place of `range`, which is counted from the start of the body.
    ///
    /// # Errors
    /// Refuses a range that is not one of the body, and files of a newer version.
    pub fn with_body_part(&self, range: Range<usize>, text: &str) -> Result<Self, Refusal> {
        if self.body().get(range.clone()).is_none() {
            return Err(Refusal::new(Code::Bug, format!("the body of `{}` has no bytes {range:?}", self.path)));
        }
        self.replaced(self.body + range.start..self.body + range.end, text)
    }

    fn replaced(&self, range: Range<usize>, text: &str) -> Result<Self, Refusal> {
        if self.front.is_some() {
            self.writable()?;
        }
        let text = format!("{}{text}{}", &self.text[..range.start], &self.text[range.end..]);
        Self::parse(self.path.clone(), text)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// `text` with the line ending `eol` and one at its end.
fn lined(text: &str, eol: &str) -> String {
    let plain = text.replace("\r\n", "\n");
    let mut out = plain.trim_end_matches('\n').replace('\n', eol);
    out.push_str(eol);
    out
}

type Parts = (Option<Range<usize>>, usize);

fn split(path: &str, text: &str) -> Result<Parts, Refusal> {
    let start = if text.starts_with(BOM) { BOM.len_utf8() } else { 0 };
    let mut at = start;
    let mut front = None;
    for raw in text[start..].split_inclusive('\n') {
        let fence = raw.trim_end() == FENCE;
        match front {
            None if !fence => return Ok((None, start)),
            None => front = Some(at + raw.len()),
            Some(first) if fence => {
                if at - first > MAX_FRONT {
                    break;
                }
                return Ok((Some(first..at), at + raw.len()));
            }
            Some(_) => {}
        }
        at += raw.len();
    }
    match front {
        None => Ok((None, start)),
        Some(first) if text.len() - first > MAX_FRONT => {
            Err(Refusal::usage(format!("cannot read `{path}`: its front matter is over the cap of 64 KiB")))
        }
        Some(_) => Err(Refusal::usage(format!("cannot read `{path}`: line 1, column 1: the front matter has no closing `---`"))),
    }
}

/// Where a value ends: most end with their last visible character, so that the blank lines after them stay; a block of
/// text may end with lines of white space that are its own.
#[derive(Clone, Copy)]
enum Ending {
    Visible,
    Whole,
}

/// Where the lines of `key` lie in `front`, from the key to the end of its value without the last line ending.
fn entry(front: &str, key: &str, ending: Ending) -> Option<Range<usize>> {
    let tree = yaml_edit::Document::from_str(front).ok()?;
    let found = tree.as_mapping()?.entries().find(|entry| entry.key_matches(key))?;
    let name = found.key_node()?.byte_range();
    let end = found.value_node().map_or(name.end, |value| value.byte_range().end.max(name.end));
    let (start, end) = (usize::try_from(name.start).ok()?, usize::try_from(end).ok()?);
    let range = front.get(start..end)?;
    let kept = match ending {
        Ending::Visible => range.trim_end(),
        Ending::Whole => range.strip_suffix('\n').map_or(range, |range| range.strip_suffix('\r').unwrap_or(range)),
    };
    Some(start..start + kept.len())
}

/// Puts `rendered`, whole lines of YAML, in the place of `key`; empty takes the key out.
fn splice(front: &str, key: &str, rendered: &str, eol: &str, ending: Ending) -> Option<String> {
    let rendered = rendered.strip_suffix('\n').unwrap_or(rendered).replace('\n', eol);
    let Some(place) = entry(front, key, ending) else {
        let gap = if front.is_empty() || front.ends_with('\n') { "" } else { eol };
        return Some(format!("{front}{gap}{rendered}{eol}"));
    };
    let tree = yaml_edit::Document::from_str(front).ok()?;
    let mut kept = String::new();
    for comment in tree.comments() {
        if usize::try_from(comment.byte_range().start).is_ok_and(|start| place.contains(&start)) {
            kept.push_str(comment.to_string().trim_end());
            kept.push_str(eol);
        }
    }
    let line_end = front[place.end..].find('\n').map_or(front.len(), |at| place.end + at);
    let rest = &front[place.end..line_end];
    let comment = rest.trim();
    if rendered.is_empty() {
        if comment.starts_with('#') {
            kept.push_str(comment);
            kept.push_str(eol);
        }
        return Some(format!("{}{kept}{}", &front[..place.start], front.get(line_end + 1..).unwrap_or_default()));
    }
    let block = match rendered.split_once(eol) {
        Some((first, others)) if !comment.is_empty() => {
            let end = if rest.ends_with('\r') { "\r" } else { "" };
            return Some(format!("{}{kept}{first} {comment}{eol}{others}{end}{}", &front[..place.start], &front[line_end..]));
        }
        Some(_) | None => rendered,
    };
    Some(format!("{}{kept}{block}{}", &front[..place.start], &front[place.end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse("a.md", text).expect(text)
    }

    const HAND_WRITTEN: &str = "---\n# about this\nversion: 1\ntitle: 'Fix it'   # short\nstatus: open # for now\nafter:\n  # first\n  - a # why\n  - b\n\nown: {x: [1, 2]}\nnotes: |\n  two\n  lines\n\nempty:\n---\n\nBody\n";

    #[test]
    fn a_key_is_changed_and_nothing_else() {
        let changed = document(HAND_WRITTEN).set("status", &"done").expect("a plain key");
        assert_eq!(changed.text(), HAND_WRITTEN.replace("status: open #", "status: done #"));
        let changed = document(HAND_WRITTEN).set("empty", &json!(["x"])).expect("an empty key");
        assert_eq!(changed.text(), HAND_WRITTEN.replace("empty:\n", "empty:\n  - x\n"));
        let changed = document(HAND_WRITTEN).set("new", &"yes").expect("a new key");
        assert_eq!(changed.text(), HAND_WRITTEN.replace("empty:\n", "empty:\nnew: \"yes\"\n"));
        let changed = document(HAND_WRITTEN).set("notes", &"one").expect("a block");
        assert_eq!(changed.text(), HAND_WRITTEN.replace("notes: |\n  two\n  lines\n", "notes: one\n"));
        let changed = document(HAND_WRITTEN).unset("own").expect("a key");
        assert_eq!(changed.text(), HAND_WRITTEN.replace("own: {x: [1, 2]}\n", ""));
    }

    #[test]
    fn comments_inside_a_replaced_value_are_kept() {
        let changed = document(HAND_WRITTEN).set("after", &json!(["c"])).expect("a list");
        insta::assert_snapshot!(changed.text(), @r"
        ---
        # about this
        version: 1
        title: 'Fix it'   # short
        status: open # for now
        # first
        # why
        after:
          - c

        own: {x: [1, 2]}
        notes: |
          two
          lines

        empty:
        ---

        Body
        ");
        let changed = document(HAND_WRITTEN).set("status", &json!(["a", "b"])).expect("a longer value");
        assert!(changed.text().contains("status: # for now\n  - a\n  - b\nafter:"), "{changed}");
    }

    #[test]
    fn line_endings_and_byte_order_mark_stay() {
        let text = "\u{feff}---\r\na: 1\r\nb:\r\n  - x\r\n---\r\nbody\r\n";
        let changed = document(text).set("a", &json!(["p", "q"])).expect("a key").set("c", &3).expect("a new key");
        assert_eq!(changed.text(), "\u{feff}---\r\na:\r\n  - p\r\n  - q\r\nb:\r\n  - x\r\nc: 3\r\n---\r\nbody\r\n");
        assert_eq!(changed.body(), "body\r\n");
    }

    #[test]
    fn what_cannot_be_changed_alone_is_refused() {
        for text in ["---\na: &x 1\nb: *x\n---\n", "---\n? a\n: 1\n---\n"] {
            let refusal = document(text).set("a", &2).expect_err(text);
            assert!(refusal.message.contains("without touching something else"), "{refusal}");
        }
        assert!(document("---\n{a: 1, b: 2}\n---\n").set("c", &2).is_err());
        let newer = document("---\nversion: 2\na: 1\n---\n").set("a", &2).expect_err("newer");
        assert_eq!(newer.code, Code::Environment);
    }

    #[test]
    fn bad_files_are_refused_with_their_place() {
        let message = |bytes: &[u8]| Document::parse("a.md", bytes).and_then(|it| it.front::<Value>()).expect_err("bad").message;
        assert_eq!(message(b"---\na: 1\n"), "cannot read `a.md`: line 1, column 1: the front matter has no closing `---`");
        assert_eq!(message(b"---\nab: \xff\n---\n"), "cannot read `a.md`: line 2, column 5: not UTF-8");
        assert!(message(b"no front\n").starts_with("cannot read `a.md`: line 1, column 1: a record begins with"));
        assert!(message(b"---\na: 1\nb: 2\na: 3\n---\n").starts_with("cannot read `a.md`: line 4, column 1: "));
        let long = format!("---\na: {}\n---\n", "x".repeat(MAX_FRONT));
        assert!(message(long.as_bytes()).ends_with("its front matter is over the cap of 64 KiB"));
        assert!(message(&vec![b'x'; MAX_MARKDOWN + 1]).ends_with("over the cap of 16 MiB for markdown"));
    }

    #[test]
    fn sections_are_made_replaced_and_added_to() {
        let first = document("---\na: 1\n---\nmine").with_addition("Evidence", "- one").expect("no section yet");
        assert_eq!(first.text(), "---\na: 1\n---\nmine\n\n## Evidence\n\n- one\n");
        let second = first.with_addition("evidence", "- two\n").expect("added");
        assert!(second.text().ends_with("- one\n- two\n"), "{second}");
        let text = "---\na: 1\n---\n# T\n\n## Why\n\nold\n\n## Mine\r\nkept  \n";
        let replaced = document(text).with_section("Why", "new\nlines").expect("replaced");
        assert_eq!(replaced.text(), text.replace("old\n", "new\nlines\n"));
        let added = document(text).with_addition("Why", "more").expect("added");
        assert_eq!(added.text(), text.replace("old\n", "old\nmore\n"));
    }

    #[test]
    fn a_new_file_reads_well() {
        let front = json!({"title": "yes", "after": ["a"], "version": 1});
        insta::assert_snapshot!(Document::new("a.md", &front, "# Title").expect("plain"), @r#"
        ---
        after:
          - a
        title: "yes"
        version: 1
        ---

        # Title
        "#);
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            "(?s).{0,30}".prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            prop::collection::vec("[a-z# :\\-\n]{0,12}", 0..3).prop_map(Value::from),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn taking_apart_and_joining_is_the_text(text in "(?s)(---\r?\n)?[a-z:# \\-\r\n]{0,60}(---\r?\n)?.{0,40}") {
            if let Ok(it) = Document::parse("a.md", text.clone()) {
                prop_assert_eq!(it.text(), text);
            }
        }

        #[test]
        fn set_changes_nothing_else(
            values in prop::collection::btree_map("[a-z]{1,6}", scalar(), 1..6),
            pick in any::<prop::sample::Index>(),
            value in scalar(),
            crlf in any::<bool>(),
            fresh in any::<bool>(),
        ) {
            let mut text = String::from("# mine\n");
            for (key, value) in &values {
                text.push_str(&yaml::write(&Map::from_iter([(key.clone(), value.clone())])).expect("plain"));
                text.push_str("# note\n\n");
            }
            let mut text = format!("---\n{text}---\nbody\n");
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let it = document(&text);
            let before = it.values().expect("written by us");
            let key = if fresh { "fresh7".to_owned() } else { pick.get(&values.keys().cloned().collect::<Vec<_>>()).clone() };
            let changed = it.set(&key, &value).expect("a block mapping takes any value");
            let mut wanted = before;
            wanted.insert(key.clone(), value);
            prop_assert_eq!(changed.values().expect("still YAML"), wanted);
            prop_assert_eq!(changed.text().matches("# note").count(), values.len());
            let back = changed.unset(&key).expect("a block mapping");
            prop_assert!(back.values().expect("still YAML").get(&key).is_none());
            prop_assert_eq!(back.body(), it.body());
        }

        #[test]
        fn hostile_files_are_never_a_panic(front in "(?s)[\\[\\]{}:&*!|>\\-#ab\r\n \t'\"%@,?\u{0}é]{0,60}", value in scalar()) {
            if let Ok(it) = Document::parse("a.md", format!("---\n{front}\n---\nx")) {
                if let Ok(changed) = it.set("a", &value) {
                    prop_assert_eq!(changed.body(), it.body());
                }
                prop_assert!(it.with_addition("x", "y").is_ok_and(|it| it.text().contains("## x")) || it.values().is_err());
                prop_assert!(it.line_of("a").is_none_or(|line| line > 1));
            }
        }
    }
}
