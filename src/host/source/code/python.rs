//! Python. What begins with an underscore is nobody else's, and `__all__` says what is everybody's.

use std::collections::BTreeSet;

use tree_sitter::Node;

use crate::{
    host::source::code::gather::{Gather, Scope, Sight, Step, argument},
    model::source::{Imported, Item, ItemKind, MentionKind, Skip, When},
};

/// Decorators by which web frameworks say at which path a function answers.
const ROUTES: &[&str] = &["route", "get", "post", "put", "patch", "delete", "websocket"];
/// The name under which a file marks all of its tests.
const MARK: &str = "pytestmark";
/// Calls that start a program.
const PROGRAMS: &[&str] = &["run", "call", "check_call", "check_output", "Popen", "getoutput"];

pub(super) fn enter(gather: &mut Gather<'_>, node: Node<'_>) -> Step {
    match node.kind() {
        "decorator" => {
            gather.attribute(node);
            return Step::Into;
        }
        "comment" => return Step::Past,
        _ => {}
    }
    match node.kind() {
        "import_statement" => {
            imports(gather, node);
            return Step::Past;
        }
        "import_from_statement" => {
            from(gather, node);
            return Step::Past;
        }
        "if_statement" => condition(gather, node),
        "for_statement" | "while_statement" | "try_statement" | "match_statement" if gather.is_in_function() => {
            gather.open(Scope::Condition);
        }
        "function_definition" => function(gather, node),
        "class_definition" => class(gather, node),
        "expression_statement" => return statement(gather, node),
        "assert_statement" => gather.assertion(),
        "call" => call(gather, node),
        "subscript" if is_environment(gather, &gather.field(node, "value")) => {
            if let Some(name) = node.child_by_field_name("subscript").and_then(|index| gather.string(index)) {
                gather.mention(MentionKind::Variable, &name, node);
            }
        }
        "string_content" => gather.addresses(node),
        _ => {}
    }
    Step::Into
}

/// Holds what is declared against `__all__`, and adds what it hands on.
pub(super) fn finish(gather: &mut Gather<'_>) {
    let is_package = gather.path.ends_with("__init__.py");
    let marks = gather.kept.iter().filter(|(name, _)| name == MARK).map(|(_, words)| skip(std::slice::from_ref(words)));
    if let Some(skip) = marks.max() {
        for test in &mut gather.facts.tests {
            test.skip = test.skip.clone().max(skip.clone());
        }
    }
    let listed: Option<BTreeSet<String>> =
        gather.names.remove("__all__").then(|| gather.kept.drain(..).map(|(name, _)| name).collect());
    if let Some(listed) = &listed {
        let top = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
        gather.facts.items.retain(|item| listed.contains(&top(&item.name)));
    }
    let mut handed_on = Vec::new();
    for import in gather.facts.imports.iter().filter(|import| import.when == When::Loading) {
        for name in &import.names {
            let is_said = match &listed {
                Some(listed) => listed.contains(&name.local),
                None => is_package && import.specifier.starts_with('.') && is_public(&name.local) && name.local != "*",
            };
            if is_said {
                let signature = format!("from {} import {}", import.specifier, name.name);
                handed_on.push(Item { kind: ItemKind::Reexport, name: name.local.clone(), signature, line: import.line });
            }
        }
    }
    gather.facts.items.extend(handed_on);
    gather.facts.items.sort_by_key(|item| item.line);
}

fn is_public(name: &str) -> bool {
    !name.starts_with('_') || (name.len() > 4 && name.starts_with("__") && name.ends_with("__"))
}

fn when(gather: &Gather<'_>) -> When {
    if gather.is_in_tests() {
        When::Testing
    } else if gather.is_in_types() {
        When::Types
    } else if gather.is_in_function() {
        When::Later
    } else {
        When::Loading
    }
}

/// Whether `name` is the environment; others call what came with a request by the same name.
fn is_environment(gather: &Gather<'_>, name: &str) -> bool {
    let is_imported =
        || gather.facts.imports.iter().any(|import| import.specifier == "os" && import.names.iter().any(|of| of.local == name));
    name == "os.environ" || (name == "environ" && is_imported())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

/// `import a.b, c as d`: the whole of each.
fn imports(gather: &mut Gather<'_>, node: Node<'_>) {
    let mut cursor = node.walk();
    for part in node.children_by_field_name("name", &mut cursor) {
        let (name, local) = match part.kind() {
            "aliased_import" => (gather.field(part, "name"), gather.field(part, "alias")),
            _ => (gather.text_of(part), gather.text_of(part)),
        };
        let names = vec![Imported { name: "*".to_owned(), local: words(&local) }];
        gather.import(words(&name), names, node, when(gather));
    }
}

fn from(gather: &mut Gather<'_>, node: Node<'_>) {
    let module = words(&gather.field(node, "module_name"));
    let mut cursor = node.walk();
    let mut names: Vec<Imported> = node
        .children_by_field_name("name", &mut cursor)
        .map(|part| match part.kind() {
            "aliased_import" => Imported { name: gather.field(part, "name"), local: gather.field(part, "alias") },
            _ => Imported { name: gather.text_of(part), local: gather.text_of(part) },
        })
        .collect();
    if names.is_empty() {
        names.push(Imported { name: "*".to_owned(), local: "*".to_owned() });
    }
    gather.import(module, names, node, when(gather));
}

fn condition(gather: &mut Gather<'_>, node: Node<'_>) {
    let is_of_types = gather.field(node, "condition").contains("TYPE_CHECKING");
    match node.child_by_field_name("consequence") {
        Some(then) if is_of_types => gather.mark(then, Scope::Types),
        _ if gather.is_in_function() => gather.open(Scope::Condition),
        _ => {}
    }
}

/// Whether decorators leave a test out.
fn skip(attributes: &[String]) -> Skip {
    let of = |attribute: &String| {
        let path: String = attribute.trim_start_matches(['@', ' ']).chars().take_while(|letter| *letter != '(').collect();
        match path.trim().rsplit('.').next().unwrap_or_default() {
            "skip" => Skip::Always(attribute.clone()),
            "skipif" | "skipIf" | "skipUnless" | "xfail" | "expectedFailure" => Skip::Sometimes(attribute.clone()),
            _ => Skip::No,
        }
    };
    attributes.iter().map(of).max().unwrap_or(Skip::No)
}

fn function(gather: &mut Gather<'_>, node: Node<'_>) {
    let attributes = gather.attributes();
    let name = gather.field(node, "name");
    let is_in_class = gather.holder() == Some(ItemKind::Type);
    let is_test =
        name.starts_with("test") && !gather.is_in_function() && (gather.is_in_testing() || (gather.is_for_tests && !is_in_class));
    if is_test {
        return gather.test(&name, node, skip(&attributes));
    }
    for attribute in &attributes {
        let (path, rest) = attribute.split_once('(').unwrap_or((attribute, ""));
        if path.contains('.') && ROUTES.contains(&path.rsplit('.').next().unwrap_or_default()) {
            gather.route(rest.split(['"', '\'']).nth(1).unwrap_or_default(), node);
        }
    }
    if is_public(&name) && gather.is_open() {
        let kind = if is_in_class { ItemKind::Method } else { ItemKind::Function };
        let said = |attribute: &&String| {
            ["property", "classmethod", "staticmethod", "overload"].iter().any(|word| attribute.contains(word))
        };
        let mut words: Vec<String> = attributes.iter().filter(said).cloned().collect();
        words.push(gather.head(node, "body"));
        let signature = words.join(" ");
        gather.item(kind, &name, signature, node);
    }
    gather.open(Scope::Function);
}

fn class(gather: &mut Gather<'_>, node: Node<'_>) {
    let attributes = gather.attributes();
    let name = gather.field(node, "name");
    let bases = gather.whole(node, "superclasses");
    if bases.contains("TestCase") || (gather.is_for_tests && name.starts_with("Test")) {
        return gather.open(Scope::Testing { prefix: format!("{name}."), skip: skip(&attributes) });
    }
    if gather.is_in_function() {
        return;
    }
    let sight = if is_public(&name) { Sight::Public } else { Sight::Hidden };
    if sight == Sight::Public && gather.is_open() {
        let kind = if bases.contains("Protocol") { ItemKind::Interface } else { ItemKind::Type };
        let signature = gather.head(node, "body");
        gather.item(kind, &name, signature, node);
    }
    gather.open(Scope::Named { prefix: format!("{name}."), sight, kind: ItemKind::Type });
}

/// An assignment to a name, a text in the place of a statement, or anything else.
fn statement(gather: &mut Gather<'_>, node: Node<'_>) -> Step {
    let Some(inner) = node.named_child(0) else { return Step::Into };
    if inner.kind() == "string" {
        return Step::Past;
    }
    if !matches!(inner.kind(), "assignment" | "augmented_assignment") || gather.is_in_function() {
        return Step::Into;
    }
    let name = gather.field(inner, "left");
    if name == "__all__" && gather.prefix().is_empty() {
        listed(gather, inner);
    } else if name == MARK && gather.whole(inner, "right").contains("mark.skip") {
        let words = gather.whole(inner, "right");
        gather.kept.push((name, words));
    } else if is_public(&name)
        && gather.is_open()
        && inner.kind() == "assignment"
        && inner.child_by_field_name("left").is_some_and(|left| left.kind() == "identifier")
    {
        let kind = if gather.holder() == Some(ItemKind::Type) { ItemKind::Field } else { ItemKind::Value };
        let said = gather.whole(inner, "type");
        let signature = if said.is_empty() { name.clone() } else { format!("{name}: {said}") };
        gather.item(kind, &name, signature, node);
    }
    Step::Into
}

/// The names in `__all__`, when they are written out.
fn listed(gather: &mut Gather<'_>, assignment: Node<'_>) {
    let Some(right) = assignment.child_by_field_name("right").filter(|right| matches!(right.kind(), "list" | "tuple")) else {
        return;
    };
    let mut cursor = right.walk();
    let names: Vec<String> = right.named_children(&mut cursor).filter_map(|part| gather.string(part)).collect();
    gather.names.insert("__all__".to_owned());
    gather.kept.extend(names.into_iter().map(|name| (name, String::new())));
}

fn call(gather: &mut Gather<'_>, node: Node<'_>) {
    let path = words(&gather.field(node, "function"));
    let last = path.rsplit('.').next().unwrap_or(&path);
    if last.starts_with("assert") || matches!(path.as_str(), "pytest.raises" | "pytest.warns" | "raises") {
        gather.assertion();
    }
    if matches!(path.as_str(), "pytest.skip" | "self.skipTest" | "pytest.xfail") {
        let words = gather.text_of(node);
        gather.skips(words);
    }
    if path.starts_with("self.") || path.starts_with("cls.") {
        return;
    }
    gather.call(&path, node);
    if path.starts_with("subprocess.") && PROGRAMS.contains(&last) {
        let first = argument(node, 0);
        let word = first.filter(|first| first.kind() == "list").and_then(|list| list.named_child(0)).or(first);
        if let Some(words) = word.and_then(|word| gather.string(word)) {
            gather.program(&words, node);
        }
        return;
    }
    let Some(word) = gather.word(node) else { return };
    if matches!(path.as_str(), "os.getenv" | "getenv") || path.strip_suffix(".get").is_some_and(|of| is_environment(gather, of)) {
        gather.mention(MentionKind::Variable, &word, node);
    } else if matches!(path.as_str(), "os.system" | "os.popen") {
        gather.program(&word, node);
    }
}
