//! Templates: those that this program ships, and the project's own in `.claude/templates/`, which come before them.
//!
//! A template is one text with values put in. It reads no file, includes no other template and runs no program; what it
//! may cost is bounded.

use std::{
    io,
    path::{Path, PathBuf},
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use crate::{
    host::{Error, Result, store::write},
    model::{
        id,
        refusal::{Code, Refusal},
    },
};

/// The largest template, in bytes.
pub const MAX_TEMPLATE: u64 = 256 * 1024;

/// The largest text that a template may make, in bytes.
pub const MAX_RENDERED: usize = 16 * 1024 * 1024;

/// How many steps a template may take, in minijinja's count.
const FUEL: u64 = 2_000_000;

/// A chain of operators is compiled by recursion: 256 KiB of `+1` need some 60 MiB of stack.
const STACK: usize = 256 * 1024 * 1024;

/// What this program ships, by name.
const SHIPPED: &[(&str, &str)] = &[
    ("CLAUDE.md", include_str!("../../templates/CLAUDE.md")),
    ("agents.yaml", include_str!("../../templates/agents.yaml")),
    ("authority/autonomous.yaml", include_str!("../../templates/authority/autonomous.yaml")),
    ("authority/supervised.yaml", include_str!("../../templates/authority/supervised.yaml")),
    ("autonomy.toml", include_str!("../../templates/autonomy.toml")),
    ("briefing.md.j2", include_str!("../../templates/briefing.md.j2")),
    ("pages/ARCHITECTURE_MAP.md.j2", include_str!("../../templates/pages/ARCHITECTURE_MAP.md.j2")),
    ("pages/BLOCKERS.md.j2", include_str!("../../templates/pages/BLOCKERS.md.j2")),
    ("pages/CURRENT_FOCUS.md.j2", include_str!("../../templates/pages/CURRENT_FOCUS.md.j2")),
    ("pages/DECISION_LOG.md.j2", include_str!("../../templates/pages/DECISION_LOG.md.j2")),
    ("pages/DEPENDENCY_GRAPH.md.j2", include_str!("../../templates/pages/DEPENDENCY_GRAPH.md.j2")),
    ("pages/INTEGRATION_POINTS.md.j2", include_str!("../../templates/pages/INTEGRATION_POINTS.md.j2")),
    ("pages/NEXT_ACTIONS.md.j2", include_str!("../../templates/pages/NEXT_ACTIONS.md.j2")),
    ("pages/PERFORMANCE_TARGETS.md.j2", include_str!("../../templates/pages/PERFORMANCE_TARGETS.md.j2")),
    ("pages/PROGRESS_LOG.md.j2", include_str!("../../templates/pages/PROGRESS_LOG.md.j2")),
    ("pages/PROGRESS_SUMMARY.md.j2", include_str!("../../templates/pages/PROGRESS_SUMMARY.md.j2")),
    ("pages/README.md.j2", include_str!("../../templates/pages/README.md.j2")),
    ("pages/current_session.j2", include_str!("../../templates/pages/current_session.j2")),
    ("prompt.md.j2", include_str!("../../templates/prompt.md.j2")),
    ("report.md.j2", include_str!("../../templates/report.md.j2")),
];

/// The templates of one work tree.
#[derive(Clone, Debug)]
pub struct Templates {
    root: PathBuf,
}

impl Templates {
    /// The templates of the work tree at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The names of the templates that this program ships.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The text of a template: the project's own, else the shipped one.
    ///
    /// # Errors
    /// Refuses a name that is a path, an unknown name, a link, a file over its cap and one that is not UTF-8.
    pub fn source(&self, name: &str) -> Result<String> {
        Ok(self.find(name)?.1)
    }

    /// Whether the text is the project's own, and the text.
    fn find(&self, name: &str) -> Result<(bool, String)> {
        if !is_name(name) {
            return Err(Refusal::usage(format!("`{}` is not the name of a template", name.escape_debug())).into());
        }
        let shown = format!(".claude/templates/{name}");
        let path = write::inside(&self.root, &shown)?;
        if let Some(bytes) = write::read_capped(&path, MAX_TEMPLATE)? {
            let text = String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                Refusal::usage(format!("cannot read `{shown}`: byte {} is not UTF-8", at + 1))
            })?;
            return Ok((true, text));
        }
        Ok((false, shipped(name)?.to_owned()))
    }

    /// The text of the project's own template; none where it has none of that name.
    ///
    /// # Errors
    /// As [`Self::source`].
    pub fn own(&self, name: &str) -> Result<Option<String>> {
        self.find(name).map(|(own, text)| own.then_some(text))
    }

    /// Puts `values` into the template `name`.
    ///
    /// # Errors
    /// Refuses a template that is wrong, that names a value which is not there, or that costs too much: with name and line.
    pub fn render(&self, name: &str, values: &(impl Serialize + Sync)) -> Result<String> {
        self.render_as(name, self.own(name)?.as_deref(), values)
    }

    /// Puts `values` into `own`, a text of the project's own for the template `name`, or into the shipped one.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_as(&self, name: &str, own: Option<&str>, values: &(impl Serialize + Sync)) -> Result<String> {
        let Some(source) = own else { return render(name, shipped(name)?, values) };
        let shown = format!(".claude/templates/{name}");
        let started = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(STACK);
            builder.spawn_scoped(scope, || render(&shown, source, values)).map(std::thread::ScopedJoinHandle::join)
        });
        match started {
            Ok(Ok(rendered)) => rendered,
            Ok(Err(_)) => {
                Err(Refusal::new(Code::Bug, format!("the template `{shown}` stopped the program that renders it")).into())
            }
            Err(error) => Err(Error::while_doing(format!("start rendering `{shown}`"), error)),
        }
    }
}

/// The shipped text of the template `name`.
///
/// # Errors
/// Refuses an unknown name.
pub fn shipped(name: &str) -> Result<&'static str, Refusal> {
    if let Some((_, text)) = SHIPPED.iter().find(|(own, _)| *own == name) {
        return Ok(text);
    }
    let refusal = Refusal::usage(format!("there is no template `{name}`"));
    let near = id::nearest(name, Templates::shipped().map(|own| (own, "")));
    Err(if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) })
}

fn render(name: &str, source: &str, values: &impl Serialize) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // Its width is not counted as fuel.
    environment.remove_filter("format");
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|error| refused(name, &error))?);
    let template = environment.template_from_named_str(name, source).map_err(|error| refused(name, &error))?;
    let mut out = Bounded(Vec::new());
    template.render_captured_to(Serde(values), &mut out).map_err(|error| refused(name, &error))?;
    String::from_utf8(out.0).map_err(|error| Error::while_doing(format!("render `{name}`"), error))
}

fn refused(name: &str, error: &minijinja::Error) -> Error {
    let line = error.line().map_or_else(String::new, |line| format!(" line {line}:"));
    let detail = std::error::Error::source(error).map(ToString::to_string).or_else(|| error.detail().map(str::to_owned));
    let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
    Refusal::usage(format!("cannot render the template `{name}`:{line} {}{detail}", error.kind())).into()
}

/// Takes text up to the bound and refuses the rest.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.0.len() + piece.len() > MAX_RENDERED {
            return Err(io::Error::other("the text becomes longer than 16 MiB"));
        }
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file's name, or one in a folder such as `pages/`.
fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    name.len() <= id::MAX_NAME && name.split('/').count() <= 2 && name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn own(source: &str) -> (tempfile::TempDir, Templates) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let templates = folder.path().join(".claude/templates");
        fs::create_dir_all(&templates).expect("made");
        fs::write(templates.join("x.md"), source).expect("written");
        let found = Templates::of(folder.path());
        (folder, found)
    }

    fn refusal(source: &str) -> String {
        let (_folder, templates) = own(source);
        templates.render("x.md", &json!({"name": "n", "list": [1, 2]})).expect_err("it is wrong").to_string()
    }

    #[test]
    fn values_are_put_in_as_they_are() {
        let (_folder, templates) = own("{% for one in list %}\n- {{ one }}\n{% endfor %}\n{{ name }}\n");
        let text = templates.render("x.md", &json!({"name": "<b> & \"c\"", "list": ["a", "b"]})).expect("it is good");
        assert_eq!(text, "- a\n- b\n<b> & \"c\"\n");
    }

    #[test]
    fn a_mistake_is_refused_with_its_line() {
        insta::assert_snapshot!(refusal("one\n{{ nobody }}\n"), @"cannot render the template `.claude/templates/x.md`: line 2: undefined value: `nobody` is undefined");
        insta::assert_snapshot!(refusal("one\n{% if %}\n"), @"cannot render the template `.claude/templates/x.md`: line 2: syntax error: unexpected end of block");
        insta::assert_snapshot!(refusal("{% include 'y.md' %}"), @"cannot render the template `.claude/templates/x.md`: line 1: syntax error: unknown statement include");
        insta::assert_snapshot!(refusal("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"), @"cannot render the template `.claude/templates/x.md`: line 1: engine ran out of fuel");
        insta::assert_snapshot!(refusal("{% for a in range(999) %}{{ 'x' * 99999 }}{% endfor %}"), @"cannot render the template `.claude/templates/x.md`: failed to write output: the text becomes longer than 16 MiB");
    }

    #[test]
    fn a_chain_as_long_as_a_template_may_be_does_not_stop_the_program() {
        let length = usize::try_from(MAX_TEMPLATE).expect("it fits") / 2 - 8;
        let (_folder, templates) = own(&format!("{{{{ 1{} }}}}", "+1".repeat(length)));
        assert_eq!(templates.render("x.md", &json!({})).expect("only long"), (length + 1).to_string());
    }

    #[test]
    fn only_plain_files_of_its_own_folder_are_read() {
        let (folder, templates) = own("x");
        let directory = folder.path().join(".claude/templates");
        std::os::unix::fs::symlink("/etc/passwd", directory.join("link.md")).expect("a link");
        fs::write(directory.join("big.md"), "x".repeat(300_000)).expect("written");
        fs::write(directory.join("latin.md"), b"na\xefve").expect("written");
        let refused = |name: &str| templates.source(name).expect_err(name).to_string();
        for name in ["../x", "/etc/passwd", "", ".hidden", "a/../b", "a/b/c", "a/"] {
            assert!(refused(name).contains("is not the name of a template"), "{name}");
        }
        assert!(refused("link.md").contains("symbolic link"));
        assert!(refused("big.md").contains("300000 bytes"));
        assert!(refused("latin.md").contains("byte 3 is not UTF-8"));
        assert_eq!(
            templates.source("autonomi.toml").expect_err("unknown").refusal().hint.as_deref(),
            Some("nearest: `autonomy.toml`, `authority/autonomous.yaml`")
        );
    }

    #[test]
    fn the_shipped_ones_are_those_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let entries = walkdir::WalkDir::new(&folder).into_iter().map(|entry| entry.expect("readable"));
        let name = |entry: walkdir::DirEntry| entry.path().strip_prefix(&folder).expect("below").to_str().map(str::to_owned);
        let mut files: Vec<String> =
            entries.filter(|entry| entry.file_type().is_file()).map(|entry| name(entry).expect("plain")).collect();
        files.sort();
        let mut shipped: Vec<String> = Templates::shipped().map(str::to_owned).collect();
        shipped.sort();
        assert_eq!(files, shipped);
    }
}
