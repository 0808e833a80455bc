//! What configuration and `.gitattributes` say about the conversion of a path, and which paths only the git program can
//! convert, if it may.
//!
//! Nothing is converted here.

use std::{cell::RefCell, collections::HashMap, path::Path};

use crate::{
    host::{
        Error, Result,
        environment::Environment,
        git::{Repository, Tried as _, ground::users_directory},
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
    repository: &'r Repository,
    may_run: RefCell<HashMap<String, bool>>,
    raw: &'r git2::Repository,
    auto_crlf: AutoCrlf,
    eol: Option<LineEnding>,
    asked: Asked,
}

/// Who converts a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Route {
    /// We do.
    Here(Conversion),
    /// The git program, because a filter program or another encoding is asked for.
    Program,
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
        if asked == Asked::PerPath {
            // Libgit2 looks for attributes in the index as well, and fails where it cannot read that.
            repository.index()?;
        }
        Ok(Self { repository, may_run: RefCell::default(), raw, auto_crlf, eol, asked })
    }

    /// How `path` is converted.
    ///
    /// # Errors
    /// Refuses a path that goes through a filter that nobody has trusted.
    pub(in crate::host::git) fn route(&self, path: &TreePath) -> Result<Route> {
        let words = Words { auto_crlf: self.auto_crlf, eol: self.eol, ..Words::default() };
        if self.asked == Asked::Never {
            return Ok(Route::Here(Conversion::of(&words)));
        }
        if let Attribute::Value(name) = self.attribute(path, "filter")? {
            let name = String::from_utf8_lossy(name).into_owned();
            if self.has_program(&name)? {
                return if self.may_run(&name)? { Ok(Route::Program) } else { Err(refused(path, &name)) };
            }
        }
        if let Attribute::Value(name) = self.attribute(path, "working-tree-encoding")?
            && !name.eq_ignore_ascii_case(b"utf-8")
        {
            return Ok(Route::Program);
        }
        Ok(Route::Here(Conversion::of(&Words {
            text_attribute: self.attribute(path, "text")?,
            crlf_attribute: self.attribute(path, "crlf")?,
            eol_attribute: self.attribute(path, "eol")?,
            ident_attribute: self.attribute(path, "ident")?,
            ..words
        })))
    }

    fn may_run(&self, filter: &str) -> Result<bool> {
        if let Some(known) = self.may_run.borrow().get(filter) {
            return Ok(*known);
        }
        let may_run = self.repository.filter_may_run(filter)?;
        self.may_run.borrow_mut().insert(filter.to_owned(), may_run);
        Ok(may_run)
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

fn refused(path: &TreePath, filter: &str) -> Error {
    Refusal::needs_person(format!(
        "`{path}` goes through the filter `{filter}`, which comes with this repository and nobody has trusted as it is now"
    ))
    .hint("`autonomy trust` shows what it would run")
    .into()
}
