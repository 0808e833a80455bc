//! Imports point down, make no circles, and name each heavy crate in one place.
//!
//! Every path that begins with `crate::` is followed, nested braces and re-exports included; paths that begin with `super` or
//! `self` are refused so that none escapes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Source, hold, passes, program, refuses, source::bracketed, source::words};

/// Ground first. Modules named together share a floor and may not import each other.
const FLOORS: &[&[&str]] = &[&["model"], &["host"], &["ops"], &["run"], &["hook", "api", "mcp", "tui"], &["cli"]];

/// Where a crate may be named; nowhere else.
const CRATES: &[(&str, &[&str])] = &[
    ("brush_parser", &["src/host/source"]),
    ("clap", &["src/cli"]),
    ("flate2", &["src/host/git"]),
    ("git2", &["src/host/git"]),
    ("gix_index", &["src/host/git"]),
    ("jiff", &["src/model/time"]),
    ("jsonc_parser", &["src/model/client_settings"]),
    ("libgit2_sys", &["src/host/git"]),
    ("libz_sys", &[]),
    ("minijinja", &["src/host/template", "src/model/expression"]),
    ("notify", &["src/host/watch"]),
    ("rayon", &["src/host"]),
    ("rustix", &["src/host"]),
    ("serde_saphyr", &["src/model"]),
    ("sha1", &["src/host/git/pack"]),
    ("sha2", &["src/model/id", "src/host/git/pack"]),
    ("signal_hook", &["src/host"]),
    ("similar", &["src/model", "src/ops"]),
    ("tempfile", &["src/host"]),
    ("toml", &["src/model"]),
    ("toml_edit", &["src/model"]),
    ("tree_sitter", &["src/host/source"]),
    ("tree_sitter_go", &["src/host/source"]),
    ("tree_sitter_javascript", &["src/host/source"]),
    ("tree_sitter_python", &["src/host/source"]),
    ("tree_sitter_rust", &["src/host/source"]),
    ("tree_sitter_typescript", &["src/host/source"]),
    ("walkdir", &["src/host"]),
    ("yaml_edit", &["src/model"]),
];

/// What of the standard library a floor may not name.
const MACHINE: &[(&str, &[&str])] = &[
    (
        "src/model",
        &[
            "fs",
            "env",
            "net",
            "os::fd",
            "os::unix::fs",
            "os::unix::process",
            "process",
            "thread",
            "time::SystemTime",
            "time::Instant",
        ],
    ),
    ("src/ops", &["fs", "env", "net", "process", "thread", "time::SystemTime"]),
    ("src/run", &["fs", "env", "net", "process", "time::SystemTime"]),
    ("src/hook", &["fs", "env", "net", "process", "time::SystemTime"]),
    ("src/mcp", &["fs", "env", "net", "process", "time::SystemTime"]),
    ("src/tui", &["fs", "env", "net", "process", "time::SystemTime"]),
    ("src/api", &["fs", "env", "process", "time::SystemTime"]),
    ("src/cli", &["fs", "net", "process::Command", "time::SystemTime"]),
];

fn below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// `model::id` for `src/model/id.rs`, `model` for `src/model/mod.rs`, nothing for the crate's own roots.
fn module(path: &str) -> String {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(inner, "lib" | "main") { String::new() } else { inner.replace('/', "::") }
}

/// Every path in `code` that begins with `root::`, nested braces expanded, with its offset.
fn paths(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for offset in words(code, &format!("{root}::")) {
        if code[..offset].ends_with("::") {
            continue;
        }
        let start = offset + root.len() + 2;
        let rest = &code[start..];
        let mut depth = 0_usize;
        let end = rest.find(|character: char| match character {
            '{' => {
                depth += 1;
                // A brace after a path that ended is a block, not a list.
                depth == 1 && !rest[..rest.find('{').unwrap_or(0)].trim_end().ends_with("::") && !rest.starts_with('{')
            }
            '}' if depth > 0 => {
                depth -= 1;
                false
            }
            _ => depth == 0 && !(character.is_alphanumeric() || matches!(character, '_' | ':' | '*')),
        });
        let mut expanded = Vec::new();
        expand("", &rest[..end.unwrap_or(rest.len())], &mut expanded);
        found.extend(expanded.into_iter().map(|path| (offset, path)));
    }
    found
}

fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim().trim_end_matches(':');
        match name {
            "" => {}
            "self" => found.push(prefix.trim_end_matches(':').to_owned()),
            name => found.push(format!("{prefix}{name}")),
        }
        return;
    };
    let inner = bracketed(tree, open);
    let head = format!("{prefix}{}", tree[..open].trim());
    let list = &tree[open + 1..inner.end - 1];
    let (mut depth, mut start) = (0_usize, 0);
    for (offset, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&head, &list[start..offset], found);
                start = offset + 1;
            }
            _ => {}
        }
    }
    expand(&head, &list[start..], found);
}

fn imports_point_down(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        let own = module(&source.path);
        let own = own.split("::").next().unwrap_or_default();
        if own.is_empty() {
            for offset in words(&source.product, "mod") {
                let name: String =
                    source.product[offset + 4..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if floor(&name).is_none() {
                    faults.push(Fault::new(source.place(offset), format!("`{name}` stands on no floor")));
                }
            }
            continue;
        }
        let Some(own_floor) = floor(own) else {
            faults.push(Fault::new(&source.path, format!("`{own}` stands on no floor")));
            continue;
        };
        for (offset, path) in paths(&source.code, "crate") {
            let top = path.split("::").next().unwrap_or_default();
            if top != own && floor(top).is_none_or(|floor| floor >= own_floor) {
                faults.push(Fault::new(source.place(offset), format!("`crate::{path}` is not below `{own}`")));
            }
        }
    }
    faults
}

fn paths_begin_at_the_crate(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for (code, path) in [(&source.code, "super::super"), (&source.product, "super::"), (&source.product, "self::")] {
            for offset in words(code, path) {
                faults.push(Fault::new(source.place(offset), format!("`{path}`, where the whole path from `crate::` belongs")));
            }
        }
    }
    faults
}

/// A `use` statement that others see: where it lies, and the paths it names from the module that holds it.
fn reexports(source: &Source) -> Vec<(std::ops::Range<usize>, Vec<String>)> {
    words(&source.product, "use")
        .filter_map(|offset| {
            let line = source.product[..offset].rfind(['\n', ';', '}']).map_or(0, |at| at + 1);
            source.product[line..offset].trim().starts_with("pub").then_some(())?;
            let end = offset + source.product[offset..].find(';')?;
            let mut found = Vec::new();
            expand("", &source.product[offset + 3..end], &mut found);
            Some((line..end, found))
        })
        .collect()
}

fn no_circles(sources: &[Source]) -> Vec<Fault> {
    let names: BTreeSet<String> = sources.iter().map(|source| module(&source.path)).collect();
    let mut handed_on: BTreeMap<(String, String), String> = BTreeMap::new();
    for source in sources {
        let own = module(&source.path);
        for (_, found) in reexports(source) {
            for path in found {
                let whole = path.strip_prefix("crate::").map_or_else(|| format!("{own}::{path}"), str::to_owned);
                let name = whole.rsplit("::").next().unwrap_or_default().to_owned();
                handed_on.insert((own.clone(), name), whole);
            }
        }
    }
    let resolve = |path: &str| {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let mut known = path.as_str();
            while !known.is_empty() && !names.contains(known) {
                known = known.rfind("::").map_or("", |at| &known[..at]);
            }
            let name = path[known.len()..].trim_start_matches("::").split("::").next().unwrap_or_default().to_owned();
            match handed_on.get(&(known.to_owned(), name)) {
                Some(target) if *target != path => path.clone_from(target),
                _ => return known.to_owned(),
            }
        }
        path
    };
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let own = module(&source.path);
        let mut code = source.product.clone();
        for (range, _) in reexports(source) {
            code.replace_range(range.clone(), &" ".repeat(range.len()));
        }
        let mut used: Vec<String> = paths(&code, "crate").into_iter().map(|(_, path)| path).collect();
        for name in &names {
            let Some((parent, child)) = name.rsplit_once("::") else { continue };
            if parent == own {
                used.extend(paths(&code, child).into_iter().map(|(_, path)| format!("{name}::{path}")));
            }
        }
        let targets = used.iter().map(|path| resolve(path)).filter(|target| !target.is_empty() && *target != own);
        edges.entry(own.clone()).or_default().extend(targets);
    }
    let mut faults = Vec::new();
    let mut done = BTreeSet::new();
    for name in &names {
        visit(name, &edges, &mut Vec::new(), &mut done, &mut faults);
    }
    faults
}

fn visit<'a>(
    name: &'a str,
    edges: &'a BTreeMap<String, BTreeSet<String>>,
    trail: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
    faults: &mut Vec<Fault>,
) {
    if let Some(start) = trail.iter().position(|visited| *visited == name) {
        faults.push(Fault::new(name, format!("{} → {name}", trail[start..].join(" → "))));
    } else if !done.contains(name) {
        trail.push(name);
        for next in edges.get(name).into_iter().flatten() {
            visit(next, edges, trail, done, faults);
        }
        trail.pop();
        done.insert(name);
    }
}

fn crates_have_one_place(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for (name, places) in CRATES {
            if places.iter().any(|place| below(&source.path, place)) {
                continue;
            }
            for offset in words(&source.product, name) {
                let (before, after) = (&source.product[..offset], source.product[offset + name.len()..].trim_start());
                let imported = before.trim_end().ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
                if imported || (after.starts_with("::") && !before.ends_with("::") && !is_own_module(sources, source, name)) {
                    faults.push(Fault::new(source.place(offset), format!("`{name}` belongs to {}", places.join(" and "))));
                }
            }
        }
    }
    faults
}

/// Whether `name` is imported from our own tree, so that `name::` means that module and not the crate.
fn is_own_module(sources: &[Source], source: &Source, name: &str) -> bool {
    let ends = |path: &str| path.rsplit("::").next() == Some(name);
    let child = format!("{}::{name}", module(&source.path));
    paths(&source.code, "crate").iter().any(|(_, path)| ends(path)) || sources.iter().any(|other| module(&other.path) == child)
}

fn only_host_touches_the_machine(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        let Some((place, forbidden)) = MACHINE.iter().find(|(place, _)| below(&source.path, place)) else { continue };
        for (offset, path) in paths(&source.product, "std") {
            let named = |word: &&&str| path == **word || path.strip_prefix(**word).is_some_and(|rest| rest.starts_with("::"));
            if forbidden.iter().any(|word| named(&word)) {
                faults.push(Fault::new(source.place(offset), format!("`std::{path}` touches the machine, and {place} does not")));
            }
        }
    }
    faults
}

#[test]
fn an_import_names_a_lower_floor() {
    hold("imports point to a lower floor", &imports_point_down(&program()));
    refuses(
        imports_point_down,
        &[("src/model/id.rs", "use crate::{model::time, host::{git, store::Log}};")],
        "crate::host::store::Log",
    );
    refuses(imports_point_down, &[("src/api/mod.rs", "fn a() { crate::tui::show() }")], "src/api/mod.rs:1: `crate::tui::show`");
    refuses(imports_point_down, &[("src/misc/mod.rs", "")], "`misc` stands on no floor");
    refuses(imports_point_down, &[("src/lib.rs", "pub mod model;\npub mod misc;")], "src/lib.rs:2: `misc`");
    passes(
        imports_point_down,
        &[("src/ops/a.rs", "// crate::cli\nuse crate::host::git;\nfn a(b: crate::model::X) { \"crate::cli\"; }")],
    );
}

#[test]
fn a_path_begins_at_the_crate() {
    hold("paths begin with `crate::`", &paths_begin_at_the_crate(&program()));
    refuses(paths_begin_at_the_crate, &[("src/model/id.rs", "use super::time;")], "super::");
    refuses(
        paths_begin_at_the_crate,
        &[("src/model/id.rs", "#[cfg(test)]\nmod tests { use super::super::time; }")],
        "super::super",
    );
    refuses(paths_begin_at_the_crate, &[("src/model/id.rs", "use self::inner::X;")], "self::");
    passes(paths_begin_at_the_crate, &[("src/model/id.rs", "pub(super) fn a() {}\n#[cfg(test)]\nmod tests { use super::*; }")]);
}

#[test]
fn files_do_not_import_each_other() {
    hold("files import each other", &no_circles(&program()));
    let a = ("src/model/a.rs", "use crate::{model::{b::{self, B}, x}};");
    refuses(no_circles, &[a, ("src/model/b.rs", "fn b() -> crate::model::a::A {}")], "model::a → model::b → model::a");
    let through = ("src/model/mod.rs", "mod a; mod b; pub use a::{A, A2}; pub use b::B as C;");
    refuses(no_circles, &[through, ("src/model/a.rs", "use crate::model::B;"), ("src/model/b.rs", "use crate::model::A2;")], "→");
    refuses(
        no_circles,
        &[("src/host/mod.rs", "mod log; fn open() { log::append() }"), ("src/host/log.rs", "use crate::host::Store;")],
        "host → host::log → host",
    );
    passes(
        no_circles,
        &[
            ("src/host/mod.rs", "mod error; pub mod log; pub use error::Error; #[cfg(test)] mod tests { fn a() { log::x() } }"),
            ("src/host/error.rs", "pub struct Error;"),
            ("src/host/log.rs", "use crate::host::Error;"),
        ],
    );
}

#[test]
fn a_heavy_crate_is_named_in_one_place() {
    hold("crates have one place", &crates_have_one_place(&program()));
    refuses(crates_have_one_place, &[("src/ops/a.rs", "use git2::Repository;")], "`git2` belongs to src/host/git");
    refuses(crates_have_one_place, &[("src/host/gitlike.rs", "fn a() { git2::init() }")], "`git2` belongs");
    refuses(crates_have_one_place, &[("src/model/a.rs", "use notify;")], "`notify` belongs");
    passes(
        crates_have_one_place,
        &[
            ("src/host/git/a.rs", "use git2::Oid;"),
            ("src/ops/a.rs", "use crate::host::notify; fn a() { notify::all(); b.similar() }"),
        ],
    );
}

#[test]
fn above_host_nobody_touches_the_machine() {
    hold("only host touches the machine", &only_host_touches_the_machine(&program()));
    refuses(only_host_touches_the_machine, &[("src/model/a.rs", "use std::{fmt, time::{Duration, SystemTime}};")], "SystemTime");
    refuses(only_host_touches_the_machine, &[("src/ops/b.rs", "fn a() { std::fs::read(x) }")], "std::fs::read");
    passes(
        only_host_touches_the_machine,
        &[("src/host/a.rs", "use std::fs;"), ("src/model/a.rs", "use std::{fmt, path::Path};")],
    );
}
