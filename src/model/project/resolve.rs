//! Where an import leads: to a file of the repository, to a package from elsewhere, or to what comes with the language.
//!
//! It follows the rules of each language as far as names and manifests say them; what a build tool rewrites is not known.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    project::Survey,
    source::{Import, When, language::Language},
};

/// Where an import leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A unit of the repository.
    Inside(String),
    /// A package from elsewhere, by the name that it is imported under.
    Outside(String),
    /// Nothing that could be told.
    Unknown,
}

/// What files there are, by the names that imports have for them.
#[derive(Debug, Default)]
pub struct Resolver {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
    python_modules: BTreeMap<String, String>,
    crates: BTreeMap<String, String>,
    crate_roots: BTreeSet<String>,
    scripts: BTreeMap<String, (String, Option<String>)>,
    modules: Vec<(String, String)>,
    parts: BTreeSet<(String, String)>,
}

/// The endings that imports of scripts leave out, in the order in which they are tried.
const SCRIPTS: &[&str] = &["ts", "tsx", "d.ts", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// What the file at `path` belongs to as far as imports go: in Go its directory, elsewhere itself.
#[must_use]
pub fn unit(path: &str, language: Language) -> String {
    match language {
        Language::Go => folder(path).to_owned(),
        _ => path.to_owned(),
    }
}

/// Whether a file of Python is there for types and never carried out.
fn is_types_alone(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "pyi")
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// `folder` with `..` and `.` of `relative` followed; none when it leads out of the repository.
fn follow(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Resolver {
    /// Knows the files and packages of `survey`.
    #[must_use]
    pub fn new(survey: &Survey) -> Self {
        let mut resolver = Self { files: survey.files.iter().map(|file| file.path.clone()).collect(), ..Self::default() };
        resolver.folders = resolver.files.iter().map(|path| folder(path).to_owned()).collect();
        for package in &survey.packages {
            let directory = package.directory().to_owned();
            match package.kind() {
                "Cargo.toml" => {
                    resolver.crate_roots.insert(directory.clone());
                    resolver.crates.insert(package.name.replace('-', "_"), directory);
                }
                "package.json" if !package.name.is_empty() => {
                    resolver.scripts.insert(package.name.clone(), (directory, package.entry.clone()));
                }
                "go.mod" => resolver.modules.push((package.name.clone(), directory)),
                _ => {}
            }
        }
        // The longest name first: a module may lie in another.
        resolver.modules.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for file in &survey.files {
            match file.facts.language {
                Language::Python => resolver.learn_python(&file.path),
                Language::Rust => {
                    let parts = file.facts.imports.iter().filter(|import| import.when == When::Part);
                    resolver.parts.extend(parts.map(|import| (file.path.clone(), import.specifier.clone())));
                }
                _ => {}
            }
        }
        resolver
    }

    /// A module of Python goes by its name from where its outermost package lies, else from the top or from `src`.
    fn learn_python(&mut self, path: &str) {
        let is_package =
            |directory: &str| ["py", "pyi"].iter().any(|end| self.files.contains(&join(directory, &format!("__init__.{end}"))));
        let mut root = folder(path);
        while !root.is_empty() && is_package(root) {
            root = folder(root);
        }
        let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
        let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
        let mut names = vec![stem.to_owned()];
        names.extend(stem.strip_prefix("src/").map(str::to_owned));
        names.extend(stem.strip_prefix(&format!("{root}/")).map(str::to_owned));
        for name in names.into_iter().rev() {
            let name = name.replace('/', ".");
            // What is checked and carried out comes before what is checked alone.
            let is_better = self.python_modules.get(&name).is_none_or(|there| is_types_alone(there) && !is_types_alone(path));
            if is_better {
                self.python_modules.insert(name, path.to_owned());
            }
        }
    }

    /// Where `import` in the file at `from` leads; several places when it takes several modules out of one.
    #[must_use]
    pub fn resolve(&self, from: &str, language: Language, import: &Import) -> Vec<Target> {
        let mut targets = match language {
            Language::Rust => vec![self.rust(from, import)],
            Language::Python => self.python(from, import),
            Language::Go => vec![self.go(&import.specifier)],
            _ if language.is_script() => vec![self.script(from, &import.specifier)],
            _ => Vec::new(),
        };
        targets.sort();
        targets.dedup();
        targets
    }

    fn rust(&self, from: &str, import: &Import) -> Target {
        let segments: Vec<&str> = import.specifier.split("::").filter(|segment| !segment.is_empty()).collect();
        let Some((first, rest)) = segments.split_first() else { return Target::Unknown };
        let root = self.rust_root(from);
        let own = rust_module(&root, from);
        if import.when == When::Part {
            return self.rust_file(&root, &[own, vec![(*first).to_owned()]].concat(), 1).map_or(Target::Unknown, Target::Inside);
        }
        let absolute = |base: Vec<String>, rest: &[&str]| {
            let whole: Vec<String> = base.into_iter().chain(rest.iter().map(|segment| (*segment).to_owned())).collect();
            self.rust_file(&root, &whole, 0).map_or(Target::Unknown, Target::Inside)
        };
        match *first {
            "crate" => absolute(Vec::new(), rest),
            "self" => absolute(own, rest),
            "super" => {
                let ups = segments.iter().take_while(|segment| **segment == "super").count();
                let Some(left) = own.len().checked_sub(ups) else { return Target::Unknown };
                absolute(own[..left].to_vec(), &segments[ups..])
            }
            "std" | "core" | "alloc" | "proc_macro" | "test" => Target::Unknown,
            name if self.parts.contains(&(from.to_owned(), name.to_owned())) => absolute(own, &segments),
            name => match self.crates.get(name) {
                Some(directory) => {
                    let root = join(directory, "src");
                    let rest: Vec<String> = rest.iter().map(|segment| (*segment).to_owned()).collect();
                    self.rust_file(&root, &rest, 0).map_or(Target::Unknown, Target::Inside)
                }
                None if name.starts_with(|letter: char| letter.is_lowercase()) => Target::Outside(name.to_owned()),
                None => Target::Unknown,
            },
        }
    }

    /// The directory that the paths of the crate of a file begin in.
    fn rust_root(&self, path: &str) -> String {
        let mut package = folder(path);
        while !package.is_empty() && !self.crate_roots.contains(package) {
            package = folder(package);
        }
        let inner = path.strip_prefix(&format!("{package}/")).unwrap_or(path);
        let parts: Vec<&str> = inner.split('/').collect();
        if let ["src", "bin", _] = parts.as_slice() {
            return join(package, "src/bin");
        }
        let mut around = folder(path);
        while around.len() > package.len() {
            if ["lib.rs", "main.rs"].iter().any(|name| self.files.contains(&join(around, name))) {
                return around.to_owned();
            }
            around = folder(around);
        }
        let within = parts.first().filter(|_| parts.len() > 1).copied().unwrap_or_default();
        join(package, within).trim_end_matches('/').to_owned()
    }

    /// The file that holds the module of this path, or the nearest one around it that is at least `least` deep.
    fn rust_file(&self, root: &str, path: &[String], least: usize) -> Option<String> {
        for length in (least..=path.len()).rev() {
            let name = path[..length].join("/");
            let names = if name.is_empty() {
                vec!["lib.rs".to_owned(), "main.rs".to_owned(), "mod.rs".to_owned()]
            } else {
                vec![format!("{name}.rs"), format!("{name}/mod.rs")]
            };
            if let Some(found) = names.iter().map(|name| join(root, name)).find(|path| self.files.contains(path)) {
                return Some(found);
            }
        }
        None
    }

    fn python(&self, from: &str, import: &Import) -> Vec<Target> {
        let dots = import.specifier.len() - import.specifier.trim_start_matches('.').len();
        let rest = &import.specifier[dots..];
        if dots == 0 {
            return self.absolute_python(from, import, rest);
        }
        let mut base = folder(from);
        for _ in 1..dots {
            base = folder(base);
        }
        let module = if rest.is_empty() { base.to_owned() } else { join(base, &rest.replace('.', "/")) };
        let at = |place: &str| {
            let names = ["py", "pyi"].into_iter().flat_map(|end| [format!("{place}.{end}"), format!("{place}/__init__.{end}")]);
            names.into_iter().find(|path| self.files.contains(path))
        };
        let of_name = |name: &str| at(&join(&module, name)).or_else(|| at(&module));
        let found = import.names.iter().map(|name| of_name(&name.name).map_or(Target::Unknown, Target::Inside));
        found.collect()
    }

    fn absolute_python(&self, from: &str, import: &Import, module: &str) -> Vec<Target> {
        let first = module.split('.').next().unwrap_or(module);
        let beside = join(folder(from), &format!("{}.py", module.replace('.', "/")));
        if !self.files.contains(&join(folder(from), "__init__.py")) && self.files.contains(&beside) {
            return vec![Target::Inside(beside)];
        }
        let known = |name: &str| self.python_modules.get(name).cloned();
        let nearest = || {
            let mut name = module;
            loop {
                if let Some(path) = known(name) {
                    return Some(path);
                }
                name = name.rsplit_once('.')?.0;
            }
        };
        let mut targets = Vec::new();
        for name in &import.names {
            let exact = if name.name == "*" { None } else { known(&format!("{module}.{}", name.name)) };
            targets.push(match exact.or_else(nearest) {
                Some(path) => Target::Inside(path),
                None if self.folders.contains(&module.replace('.', "/")) => Target::Unknown,
                None => Target::Outside(first.to_owned()),
            });
        }
        targets
    }

    fn go(&self, specifier: &str) -> Target {
        for (name, directory) in &self.modules {
            let rest = if specifier == name { Some("") } else { specifier.strip_prefix(&format!("{name}/")) };
            if let Some(rest) = rest {
                let place = join(directory, rest).trim_end_matches('/').to_owned();
                return if self.folders.contains(&place) { Target::Inside(place) } else { Target::Unknown };
            }
        }
        let is_outside = specifier.split('/').next().is_some_and(|first| first.contains('.'));
        if is_outside { Target::Outside(specifier.to_owned()) } else { Target::Unknown }
    }

    fn script(&self, from: &str, specifier: &str) -> Target {
        if specifier.starts_with('.') {
            let found = follow(folder(from), specifier).and_then(|place| self.script_at(&place));
            return found.map_or(Target::Unknown, Target::Inside);
        }
        let parts: Vec<&str> = specifier.split('/').collect();
        let length = if specifier.starts_with('@') { 2 } else { 1 };
        let name = parts[..length.min(parts.len())].join("/");
        if let Some((directory, entry)) = self.scripts.get(&name) {
            let rest = parts[length.min(parts.len())..].join("/");
            let mut places = vec![join(directory, &rest), join(directory, &format!("src/{rest}"))];
            if rest.is_empty() {
                let entry = entry.as_deref().unwrap_or("index");
                places =
                    vec![follow(directory, entry).unwrap_or_default(), join(directory, "src/index"), join(directory, "index")];
            }
            return places.iter().find_map(|place| self.script_at(place)).map_or(Target::Unknown, Target::Inside);
        }
        let is_name = !name.is_empty()
            && !specifier.contains(':')
            && !specifier.starts_with(['/', '#', '~'])
            && !specifier.starts_with("@/");
        if is_name { Target::Outside(name) } else { Target::Unknown }
    }

    fn script_at(&self, place: &str) -> Option<String> {
        if self.files.contains(place) {
            return Some(place.to_owned());
        }
        let place = place.trim_end_matches('/');
        let with = SCRIPTS.iter().map(|end| format!("{place}.{end}"));
        let inside = SCRIPTS.iter().map(|end| join(place, &format!("index.{end}")));
        // What is compiled names what it will be: `a.js` is `a.ts` here.
        let bare = [".js", ".jsx", ".mjs", ".cjs"].iter().find_map(|end| place.strip_suffix(end));
        let instead = bare.into_iter().flat_map(|bare| SCRIPTS.iter().map(move |end| format!("{bare}.{end}")));
        with.chain(inside).chain(instead).find(|path| self.files.contains(path))
    }
}

/// The path of the module that lies in the file at `path`, from `root`.
fn rust_module(root: &str, path: &str) -> Vec<String> {
    let inner = path.strip_prefix(&format!("{root}/")).unwrap_or(path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || (parts.len() == 1 && (last == "lib" || last == "main"))) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        project::{Surveyed, manifest},
        source::{Facts, Imported, Reading},
    };

    fn import(specifier: &str, names: &[&str]) -> Import {
        let names = names.iter().map(|name| Imported { name: (*name).to_owned(), local: (*name).to_owned() }).collect();
        Import { specifier: specifier.to_owned(), names, line: 1, when: When::Loading }
    }

    fn survey(paths: &[&str], manifests: &[(&str, &str)]) -> Survey {
        let file = |path: &&str| Surveyed {
            path: (*path).to_owned(),
            facts: Facts::of_lines(Language::of_path(path), b"", Reading::Whole),
        };
        Survey {
            files: paths.iter().map(file).collect(),
            packages: manifests.iter().filter_map(|(path, text)| manifest::read(path, text)).collect(),
            ..Survey::default()
        }
    }

    /// Where each import leads, `-` for nowhere, `^` before what is from elsewhere.
    fn leads(survey: &Survey, cases: &[(&str, &str, &[&str], &str)]) {
        let resolver = Resolver::new(survey);
        for (from, specifier, names, wanted) in cases {
            let found = resolver.resolve(from, Language::of_path(from), &import(specifier, names));
            let words = found.into_iter().map(|target| match target {
                Target::Inside(path) => path,
                Target::Outside(name) => format!("^{name}"),
                Target::Unknown => "-".to_owned(),
            });
            assert_eq!(words.collect::<Vec<_>>().join(" "), *wanted, "{from}: {specifier} {names:?}");
        }
    }

    #[test]
    fn paths_of_rust_lead_to_the_file_of_the_nearest_module() {
        let mut survey = survey(
            &[
                "a/src/lib.rs",
                "a/src/x.rs",
                "a/src/x/y.rs",
                "a/src/z/mod.rs",
                "b/src/main.rs",
                "b/tests/all/main.rs",
                "b/tests/all/part.rs",
                "c/core/main.rs",
                "c/core/search.rs",
                "c/core/flags/parse.rs",
            ],
            &[
                ("a/Cargo.toml", "[package]\nname = \"my-a\"\n"),
                ("b/Cargo.toml", "[package]\nname = \"b\"\n"),
                ("c/Cargo.toml", "[package]\nname = \"c\"\n"),
            ],
        );
        survey.files[0].facts.imports.push(Import { when: When::Part, ..import("x", &[]) });
        leads(
            &survey,
            &[
                ("a/src/x.rs", "crate::x::y::Item", &[], "a/src/x/y.rs"),
                ("a/src/x.rs", "crate::z::deep::Item", &[], "a/src/z/mod.rs"),
                ("a/src/x.rs", "crate::Item", &[], "a/src/lib.rs"),
                ("a/src/x/y.rs", "super::Item", &[], "a/src/x.rs"),
                ("a/src/x/y.rs", "super::super::z", &[], "a/src/z/mod.rs"),
                ("a/src/x.rs", "super::super::super::z", &[], "-"),
                ("a/src/x.rs", "self::y::Item", &[], "a/src/x/y.rs"),
                ("a/src/lib.rs", "x::y", &[], "a/src/x/y.rs"),
                ("b/src/main.rs", "my_a::x::Item", &[], "a/src/x.rs"),
                ("b/src/main.rs", "serde::Serialize", &[], "^serde"),
                ("b/src/main.rs", "std::fs", &[], "-"),
                ("b/tests/all/main.rs", "crate::part::x", &[], "b/tests/all/part.rs"),
                ("c/core/flags/parse.rs", "crate::search::x", &[], "c/core/search.rs"),
            ],
        );
    }

    #[test]
    fn modules_of_python_are_found_from_where_their_package_lies() {
        let survey = survey(
            &[
                "src/app/__init__.py",
                "src/app/main.py",
                "src/app/sub/__init__.py",
                "src/app/sub/deep.py",
                "tools/run.py",
                "tools/beside.py",
            ],
            &[],
        );
        leads(
            &survey,
            &[
                ("src/app/main.py", ".", &["sub"], "src/app/sub/__init__.py"),
                ("src/app/main.py", ".", &["Name"], "src/app/__init__.py"),
                ("src/app/main.py", ".sub", &["deep", "Name"], "src/app/sub/__init__.py src/app/sub/deep.py"),
                ("src/app/sub/deep.py", "..main", &["run"], "src/app/main.py"),
                ("src/app/sub/deep.py", "....x", &["run"], "-"),
                ("tools/run.py", "app.sub", &["deep"], "src/app/sub/deep.py"),
                ("tools/run.py", "app.main", &["*"], "src/app/main.py"),
                ("tools/run.py", "app.gone", &["x"], "src/app/__init__.py"),
                ("tools/run.py", "beside", &["*"], "tools/beside.py"),
                ("tools/run.py", "requests.adapters", &["x"], "^requests"),
            ],
        );
    }

    #[test]
    fn scripts_leave_endings_out_and_packages_of_go_are_directories() {
        let survey = survey(
            &["web/a.ts", "web/b/index.tsx", "lib/src/index.ts", "lib/src/deep.ts", "cmd/main.go", "x/y/z.go"],
            &[("lib/package.json", "{\"name\":\"@acme/lib\",\"main\":\"dist/index.js\"}"), ("go.mod", "module acme.io/tool\n")],
        );
        leads(
            &survey,
            &[
                ("web/a.ts", "./b", &[], "web/b/index.tsx"),
                ("web/b/index.tsx", "../a.js", &[], "web/a.ts"),
                ("web/a.ts", "../../out", &[], "-"),
                ("web/a.ts", "@acme/lib", &[], "lib/src/index.ts"),
                ("web/a.ts", "@acme/lib/deep", &[], "lib/src/deep.ts"),
                ("web/a.ts", "lodash/fp", &[], "^lodash"),
                ("web/a.ts", "@scope/pack/part", &[], "^@scope/pack"),
                ("web/a.ts", "node:fs", &[], "-"),
                ("web/a.ts", "@/alias", &[], "-"),
                ("cmd/main.go", "acme.io/tool/x/y", &[], "x/y"),
                ("cmd/main.go", "acme.io/tool/gone", &[], "-"),
                ("cmd/main.go", "gopkg.in/yaml.v3", &[], "^gopkg.in/yaml.v3"),
                ("cmd/main.go", "net/http", &[], "-"),
            ],
        );
    }
}
