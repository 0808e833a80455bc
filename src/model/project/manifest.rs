//! Manifests: what a package is called, what it depends on and which programs it makes, as far as other parts of the house ask.
//!
//! A manifest that is wrong says nothing; whether it is right is for the tool that it belongs to.

use serde_json::Value;
use toml::Table;

/// The files that are read.
pub const FILES: &[&str] = &["Cargo.toml", "package.json", "pyproject.toml", "go.mod"];

/// A package that a manifest declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// The manifest, from the top of the work tree.
    pub manifest: String,
    /// Its name; of a Go module, the path that imports begin with.
    pub name: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// The programs that it makes: the name, and the file or function.
    pub programs: Vec<(String, String)>,
    /// What measures it: the name, and the command or file.
    pub benches: Vec<(String, String)>,
    /// The file that others get when they import it, when the manifest says so.
    pub entry: Option<String>,
}

impl Package {
    /// The directory of the manifest; empty at the top.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.manifest.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// The file name of the manifest.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.manifest.rsplit('/').next().unwrap_or_default()
    }
}

/// Something that a package depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Which versions of it will do, as written; empty when the manifest does not say.
    pub version: String,
    /// What it is needed for.
    pub need: Need,
}

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// To run.
    Running,
    /// To build.
    Building,
    /// To develop and test.
    Developing,
    /// For a part that can be left out.
    Optional,
}

impl Need {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Building => "building",
            Self::Developing => "development",
            Self::Optional => "optional",
        }
    }
}

/// The package that the manifest at `path` declares; none when it declares none or cannot be read.
#[must_use]
pub fn read(path: &str, text: &str) -> Option<Package> {
    let package = match path.rsplit('/').next()? {
        "Cargo.toml" => cargo(&text.parse().ok()?),
        "package.json" => npm(&serde_json::from_str(text).ok()?),
        "pyproject.toml" => python(&text.parse().ok()?),
        "go.mod" => Some(go(text)),
        _ => None,
    };
    package.map(|mut package| {
        path.clone_into(&mut package.manifest);
        package.dependencies.sort();
        package.dependencies.dedup();
        package
    })
}

fn text(table: &Table, keys: &[&str]) -> Option<String> {
    let (last, way) = keys.split_last()?;
    let mut table = table;
    for key in way {
        table = table.get(*key)?.as_table()?;
    }
    table.get(*last)?.as_str().map(str::to_owned)
}

fn tables<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> {
    table.get(key).and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_table)
}

fn cargo(manifest: &Table) -> Option<Package> {
    let name = text(manifest, &["package", "name"])?;
    let mut package = Package { entry: text(manifest, &["lib", "path"]), name, ..Package::default() };
    let mut from = |table: &Table| {
        for (key, need) in
            [("dependencies", Need::Running), ("build-dependencies", Need::Building), ("dev-dependencies", Need::Developing)]
        {
            for (name, value) in table.get(key).and_then(toml::Value::as_table).into_iter().flatten() {
                let version = match value {
                    toml::Value::String(version) => version.clone(),
                    toml::Value::Table(table) => text(table, &["version"]).unwrap_or_default(),
                    _ => String::new(),
                };
                let is_optional =
                    value.as_table().and_then(|table| table.get("optional")).and_then(toml::Value::as_bool) == Some(true);
                let need = if is_optional { Need::Optional } else { need };
                package.dependencies.push(Dependency { name: name.clone(), version, need });
            }
        }
    };
    from(manifest);
    for table in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
        table.1.as_table().into_iter().for_each(&mut from);
    }
    let named = |kind: &str, folder: &str| {
        let of = |table: &Table| {
            let name = text(table, &["name"])?;
            let path = text(table, &["path"]).unwrap_or_else(|| format!("{folder}/{name}.rs"));
            Some((name, path))
        };
        tables(manifest, kind).filter_map(of).collect::<Vec<_>>()
    };
    package.programs = named("bin", "src/bin");
    package.benches = named("bench", "benches");
    Some(package)
}

fn npm(manifest: &Value) -> Option<Package> {
    let name = manifest.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    manifest.as_object()?;
    let mut package = Package { name: name.clone(), ..Package::default() };
    for (key, need) in [
        ("dependencies", Need::Running),
        ("peerDependencies", Need::Running),
        ("devDependencies", Need::Developing),
        ("optionalDependencies", Need::Optional),
    ] {
        for (name, version) in manifest.get(key).and_then(Value::as_object).into_iter().flatten() {
            let version = version.as_str().unwrap_or_default().to_owned();
            package.dependencies.push(Dependency { name: name.clone(), version, need });
        }
    }
    let own = name.rsplit('/').next().unwrap_or_default().to_owned();
    match manifest.get("bin") {
        Some(Value::String(path)) => package.programs.push((own, path.clone())),
        Some(Value::Object(programs)) => {
            let programs = programs.iter().filter_map(|(name, path)| Some((name.clone(), path.as_str()?.to_owned())));
            package.programs.extend(programs);
        }
        Some(_) | None => {}
    }
    for (name, command) in manifest.get("scripts").and_then(Value::as_object).into_iter().flatten() {
        let command = command.as_str().unwrap_or_default().to_owned();
        if name.contains("bench") || name.contains("perf") {
            package.benches.push((name.clone(), command));
        } else if name == "start" {
            package.programs.push((name.clone(), command));
        }
    }
    package.entry = ["source", "module", "main"].iter().find_map(|key| manifest.get(key)?.as_str().map(str::to_owned));
    Some(package)
}

fn python(manifest: &Table) -> Option<Package> {
    let name = text(manifest, &["project", "name"]).or_else(|| text(manifest, &["tool", "poetry", "name"]))?;
    let mut package = Package { name, ..Package::default() };
    let table = |way: &[&str]| way.iter().try_fold(manifest, |table, key| table.get(*key)?.as_table());
    let list = |value: Option<&toml::Value>, need: Need| -> Vec<Dependency> {
        let items = value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str);
        items.filter_map(|item| requirement(item, need)).collect()
    };
    let mut found = list(manifest.get("project").and_then(|project| project.get("dependencies")), Need::Running);
    found.extend(list(manifest.get("build-system").and_then(|system| system.get("requires")), Need::Building));
    for (_, group) in table(&["project", "optional-dependencies"]).into_iter().flatten() {
        found.extend(list(Some(group), Need::Optional));
    }
    for (_, group) in table(&["dependency-groups"]).into_iter().flatten() {
        found.extend(list(Some(group), Need::Developing));
    }
    for (name, value) in table(&["tool", "poetry", "dependencies"]).into_iter().flatten().filter(|(name, _)| *name != "python") {
        let version = value.as_str().map(str::to_owned).or_else(|| text(value.as_table()?, &["version"])).unwrap_or_default();
        found.push(Dependency { name: name.clone(), version, need: Need::Running });
    }
    package.dependencies = found;
    for way in [&["project", "scripts"][..], &["project", "gui-scripts"], &["tool", "poetry", "scripts"]] {
        for (name, target) in table(way).into_iter().flatten() {
            package.programs.push((name.clone(), target.as_str().unwrap_or_default().to_owned()));
        }
    }
    Some(package)
}

/// `name[extra] >= 1 ; marker` as name and version.
fn requirement(item: &str, need: Need) -> Option<Dependency> {
    let item = item.split(';').next()?.trim();
    let end =
        item.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))).unwrap_or(item.len());
    let (name, rest) = item.split_at(end);
    let version = rest.rsplit(']').next().unwrap_or(rest).split_whitespace().collect();
    (!name.is_empty()).then(|| Dependency { name: name.to_owned(), version, need })
}

/// `go.mod` is lines of words, with round brackets around several that begin with the same one.
fn go(text: &str) -> Package {
    let mut package = Package::default();
    let mut block = String::new();
    for line in text.lines() {
        let (line, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [word, "("] => {
                (*word).clone_into(&mut block);
                continue;
            }
            [")"] => {
                block.clear();
                continue;
            }
            [] => continue,
            _ => {}
        }
        let verb = if block.is_empty() { words.remove(0).to_owned() } else { block.clone() };
        match (verb.as_str(), words.as_slice()) {
            ("module", [name, ..]) => name.trim_matches('"').clone_into(&mut package.name),
            ("require", [name, version, ..]) => {
                let need = if comment.trim() == "indirect" { Need::Building } else { Need::Running };
                package.dependencies.push(Dependency { name: (*name).to_owned(), version: (*version).to_owned(), need });
            }
            _ => {}
        }
    }
    package.dependencies.retain(|dependency| dependency.need == Need::Running);
    package
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependencies(package: &Package) -> Vec<String> {
        package.dependencies.iter().map(|of| format!("{} {} {}", of.name, of.version, of.need.word())).collect()
    }

    #[test]
    fn manifests_say_what_a_package_needs_and_makes() {
        let rust = "[package]\nname = \"a-b\"\n[dependencies]\nserde = { version = \"1\", optional = true }\nlog = \"0.4\"\n\
            [target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n[dev-dependencies]\ninsta = { path = \"x\" }\n\
            [[bin]]\nname = \"go\"\n[[bench]]\nname = \"speed\"\nharness = false\n";
        let rust = read("crates/a/Cargo.toml", rust).expect("a package");
        assert_eq!((rust.name.as_str(), rust.directory(), rust.kind()), ("a-b", "crates/a", "Cargo.toml"));
        assert_eq!(dependencies(&rust), ["insta  development", "libc 0.2 running", "log 0.4 running", "serde 1 optional"]);
        assert_eq!(rust.programs, [("go".to_owned(), "src/bin/go.rs".to_owned())]);
        assert_eq!(rust.benches, [("speed".to_owned(), "benches/speed.rs".to_owned())]);
        let script = r#"{"name":"@acme/ui","bin":"cli.js","main":"lib/index.js","scripts":{"bench":"vitest bench","test":"x"},
            "dependencies":{"react":"^18"},"devDependencies":{"vite":"5"}}"#;
        let script = read("package.json", script).expect("a package");
        assert_eq!(dependencies(&script), ["react ^18 running", "vite 5 development"]);
        assert_eq!(script.programs, [("ui".to_owned(), "cli.js".to_owned())]);
        assert_eq!(script.benches, [("bench".to_owned(), "vitest bench".to_owned())]);
        let python = "[project]\nname = 'flask'\ndependencies = ['click>=8.1', 'importlib-metadata >= 3.6 ; python_version < \"3.10\"']\n\
            [project.optional-dependencies]\nasync = ['asgiref[x]>=3.2']\n[project.scripts]\nflask = 'flask.cli:main'\n";
        let python = read("pyproject.toml", python).expect("a package");
        assert_eq!(dependencies(&python), ["asgiref >=3.2 optional", "click >=8.1 running", "importlib-metadata >=3.6 running"]);
        assert_eq!(python.programs, [("flask".to_owned(), "flask.cli:main".to_owned())]);
        let go = "module github.com/acme/x // here\n\ngo 1.22\nrequire (\n\ta.io/b v1.2.0\n\tc.io/d v0.1.0 // indirect\n)\nrequire e.io/f v1.0.0\n";
        let go = read("go.mod", go).expect("a module");
        assert_eq!(
            (go.name.as_str(), dependencies(&go)),
            ("github.com/acme/x", vec!["a.io/b v1.2.0 running".to_owned(), "e.io/f v1.0.0 running".to_owned()])
        );
    }

    #[test]
    fn what_is_no_manifest_declares_nothing() {
        for (path, text) in [
            ("Cargo.toml", "[workspace]\n"),
            ("Cargo.toml", "["),
            ("package.json", "[1]"),
            ("pyproject.toml", "[tool.x]\n"),
            ("a.toml", ""),
        ] {
            assert_eq!(read(path, text), None, "{path} {text}");
        }
    }
}
