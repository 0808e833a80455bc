//! What configuration and `.gitattributes` say about the conversion of a path, and which paths only the git program can
//! convert.
//!
//! Nothing is converted here.

use std::path::Path;

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{Repository, Tried as _, walk::users_directory},
    },
    model::{
        change::TreePath,
        conversion::{Attribute, AutoCrlf, Conversion, LineEnding, Words},
        refusal::Refusal,
    },
};

/// Where git may find attributes besides the work tree.
const SYSTEM: &str = "/etc/gitattributes";

/// Answers how paths are converted.
pub(in crate::host::git) struct Attributes<'r> {
    raw: &'r git2::Repository,
    auto_crlf: AutoCrlf,
    eol: Option<LineEnding>,
    asked: Asked,
}

/// Whether attributes can say anything in this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Asked {
    /// There is no file with attributes.
    Never,
    /// There may be one.
    PerPath,
}

impl<'r> Attributes<'r> {
    /// `in_tree` says whether the work tree holds any `.gitattributes`.
    pub(in crate::host::git) fn new(repository: &'r Repository, environment: &Environment, in_tree: Asked) -> Result<Self> {
        let auto_crlf = match repository.config_text("core.autocrlf")?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("input") => AutoCrlf::Input,
            Some("true" | "yes" | "on" | "1") => AutoCrlf::On,
            _ => AutoCrlf::Off,
        };
        let eol = match repository.config_text("core.eol")?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("lf") => Some(LineEnding::Lf),
            Some("crlf") => Some(LineEnding::Crlf),
            _ => None,
        };
        let raw = &repository.raw;
        let own = users_directory(environment).map(|directory| directory.join("attributes"));
        let outside = repository.config_text("core.attributesFile")?.is_some()
            || raw.commondir().join("info/attributes").exists()
            || own.is_some_and(|file| file.exists())
            || Path::new(SYSTEM).exists();
        let asked = if outside { Asked::PerPath } else { in_tree };
        Ok(Self { raw, auto_crlf, eol, asked })
    }

    /// How `path` is converted.
    ///
    /// # Errors
    /// Refuses a path that goes through a program or another encoding.
    pub(in crate::host::git) fn conversion(&self, path: &TreePath) -> Result<Conversion> {
        let words = Words { auto_crlf: self.auto_crlf, eol: self.eol, ..Words::default() };
        if self.asked == Asked::Never {
            return Ok(Conversion::of(&words));
        }
        if let Attribute::Value(name) = self.attribute(path, "filter")? {
            let name = String::from_utf8_lossy(name).into_owned();
            if self.has_program(&name)? {
                return Err(refused(path, &format!("goes through the filter `{name}`")));
            }
        }
        if let Attribute::Value(name) = self.attribute(path, "working-tree-encoding")?
            && !name.eq_ignore_ascii_case(b"utf-8")
        {
            return Err(refused(path, &format!("has the encoding `{}`", String::from_utf8_lossy(name))));
        }
        Ok(Conversion::of(&Words {
            text_attribute: self.attribute(path, "text")?,
            crlf_attribute: self.attribute(path, "crlf")?,
            eol_attribute: self.attribute(path, "eol")?,
            ident_attribute: self.attribute(path, "ident")?,
            ..words
        }))
    }

    fn attribute(&self, path: &TreePath, name: &str) -> Result<Attribute<'r>> {
        let on_disk = path.join_to(Path::new(""));
        let value = self
            .raw
            .get_attr_bytes(&on_disk, name, git2::AttrCheckFlags::FILE_THEN_INDEX)
            .tried(format!("read the attribute `{name}` of `{path}`"))?;
        Ok(match git2::AttrValue::from_bytes(value) {
            git2::AttrValue::True => Attribute::Set,
            git2::AttrValue::False => Attribute::Unset,
            git2::AttrValue::Unspecified => Attribute::Unspecified,
            git2::AttrValue::Bytes(bytes) => Attribute::Value(bytes),
            git2::AttrValue::String(text) => Attribute::Value(text.as_bytes()),
        })
    }

    /// Whether the configuration names a program for the filter; one that it does not know does nothing.
    fn has_program(&self, name: &str) -> Result<bool> {
        let doing = || "read git's configuration";
        let config = self.raw.config().and_then(|mut config| config.snapshot()).tried(doing())?;
        let (section, mut found) = (format!("filter.{name}."), false);
        let entries = config.entries(Some("^filter\\.")).tried(doing())?;
        entries
            .for_each(|entry| {
                let key = entry.name().ok().and_then(|key| key.strip_prefix(&section));
                found |= key.is_some_and(|key| key != "required") && !entry.value_bytes().is_empty();
            })
            .tried(doing())?;
        Ok(found)
    }
}

fn refused(path: &TreePath, why: &str) -> crate::host::Error {
    Refusal::environment(format!("`{path}` {why}, which this version cannot carry out"))
        .hint("commit the file, or have git ignore it; then run the command again")
        .into()
}
