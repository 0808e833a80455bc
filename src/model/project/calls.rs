//! What calls what, as far as names say it: a call counts when its name was imported from a file that offers it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    project::{
        Survey, Surveyed,
        graph::has_part,
        resolve::{Resolver, Target, unit},
    },
    source::{Import, When, language::Language},
};

/// That a unit calls something that another offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called {
    /// The unit that calls.
    pub from: String,
    /// The unit that offers it.
    pub to: String,
    /// Its name there.
    pub name: String,
    /// The line of the first call, counted from 1.
    pub line: usize,
}

/// The calls between the units of `survey`, each once.
#[must_use]
pub fn calls(survey: &Survey) -> Vec<Called> {
    let resolver = Resolver::new(survey);
    let mut offers = Offers::new();
    for file in survey.files.iter().filter(|file| has_part(&file.path, &file.facts)) {
        offers
            .entry(unit(&file.path, file.facts.language))
            .or_default()
            .extend(file.facts.items.iter().map(|item| item.name.as_str()));
    }
    let mut found = Vec::new();
    for file in survey.files.iter().filter(|file| has_part(&file.path, &file.facts)) {
        let (names, from) = (names(&resolver, file, &offers), unit(&file.path, file.facts.language));
        for call in &file.facts.calls {
            let Some((to, name)) = target(&resolver, file, &names, &call.path) else { continue };
            let is_offered = offers.get(&to).is_some_and(|offers| offers.contains(name.as_str()));
            if is_offered && to != from {
                found.push(Called { from: from.clone(), to, name, line: call.line });
            }
        }
    }
    found.sort();
    found.dedup_by(|next, first| (&next.from, &next.to, &next.name) == (&first.from, &first.to, &first.name));
    found
}

/// What each unit offers.
type Offers<'s> = BTreeMap<String, BTreeSet<&'s str>>;

/// What a name in a file stands for: a unit, and its name there; `*` for the unit itself.
type Names = BTreeMap<String, (String, String)>;

fn names(resolver: &Resolver, file: &Surveyed, offers: &Offers<'_>) -> Names {
    let mut names = Names::new();
    for import in file.facts.imports.iter().filter(|import| !matches!(import.when, When::Testing | When::Part)) {
        for name in &import.names {
            let one = Import { names: vec![name.clone()], ..import.clone() };
            let targets = resolver.resolve(&file.path, file.facts.language, &one);
            let Some(Target::Inside(to)) = targets.first() else { continue };
            // A module that is taken out of a package is a unit of its own, unless something in it is called the same.
            let stem = to.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
            let is_called_so =
                name.name == stem || ["mod.rs", "__init__.py"].iter().any(|end| to.ends_with(&format!("{}/{end}", name.name)));
            let is_module = is_called_so && offers.get(to).is_none_or(|offers| !offers.contains(name.name.as_str()));
            let own = if is_module { "*".to_owned() } else { name.name.clone() };
            names.insert(name.local.clone(), (to.clone(), own));
        }
    }
    names
}

/// The unit and the name there that a call is of.
fn target(resolver: &Resolver, file: &Surveyed, names: &Names, path: &str) -> Option<(String, String)> {
    let separator = if file.facts.language == Language::Rust { "::" } else { "." };
    if let Some((first, rest)) = path.split_once(separator) {
        if file.facts.language == Language::Rust && matches!(first, "crate" | "super" | "self") {
            let import = Import { specifier: path.to_owned(), names: Vec::new(), line: 1, when: When::Loading };
            let name = path.rsplit("::").next().unwrap_or(path).to_owned();
            return match resolver.resolve(&file.path, Language::Rust, &import).pop()? {
                Target::Inside(to) => Some((to, name)),
                Target::Outside(_) | Target::Unknown => None,
            };
        }
        // The longest name first: `import a.b` is called as `a.b.c`.
        if let Some((module, name)) = path.rsplit_once(separator)
            && let Some((to, own)) = names.get(module)
            && own == "*"
        {
            return Some((to.clone(), name.to_owned()));
        }
        let (to, own) = names.get(first)?;
        let name = if own == "*" { rest.to_owned() } else { format!("{own}{separator}{rest}") };
        return Some((to.clone(), name));
    }
    names.get(path).filter(|(_, own)| own != "*").cloned()
}
