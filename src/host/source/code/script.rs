//! JavaScript and TypeScript, with and without elements in the text. What is exported is everybody's, by whichever of the two
//! ways there are to export.

use tree_sitter::Node;

use crate::{
    host::source::code::gather::{Gather, Scope, Step, argument, line},
    model::source::{Imported, Item, ItemKind, MentionKind, Skip, When},
};

/// Calls that declare a test, and those that gather tests under a name.
const TESTS: &[&str] = &["it", "test", "specify", "xit", "xtest", "fit", "Deno.test"];
const GROUPS: &[&str] = &["describe", "xdescribe", "fdescribe", "suite", "context"];
/// Calls that start a program, whatever they are called on.
const PROGRAMS: &[&str] = &["spawn", "spawnSync", "execFile", "execFileSync"];
/// What routers are commonly called, and how they are told at which path a function answers.
const ROUTERS: &[&str] = &["app", "router", "server", "api", "fastify"];
const ROUTES: &[&str] = &["get", "post", "put", "patch", "delete", "all", "use", "route"];
/// How a test says that it alone is to run, and what it is kept under, which is no name.
const ONLY: &str = "only";
const ALONE: &str = ".only";

pub(super) fn enter(gather: &mut Gather<'_>, node: Node<'_>) -> Step {
    match node.kind() {
        "comment" => return Step::Past,
        "import_statement" => {
            import(gather, node);
            return Step::Past;
        }
        "export_statement" => export(gather, node),
        "function_declaration"
        | "generator_function_declaration"
        | "class_declaration"
        | "abstract_class_declaration"
        | "interface_declaration"
        | "type_alias_declaration"
        | "enum_declaration"
        | "internal_module"
        | "lexical_declaration"
        | "variable_declaration"
            if gather.prefix().is_empty() && !gather.is_in_function() && !gather.is_done(node) =>
        {
            for (name, items) in declared(gather, node) {
                gather.locals.entry(name).or_default().extend(items);
            }
        }
        "variable_declarator" => require_into(gather, node),
        "assignment_expression" => assignment(gather, node),
        "call_expression" => call(gather, node),
        "member_expression" if is_environment(&gather.field(node, "object")) => {
            let name = gather.field(node, "property");
            gather.mention(MentionKind::Variable, &name, node);
        }
        "subscript_expression" if is_environment(&gather.field(node, "object")) => {
            if let Some(name) = node.child_by_field_name("index").and_then(|index| gather.string(index)) {
                gather.mention(MentionKind::Variable, &name, node);
            }
        }
        "string_fragment" => gather.addresses(node),
        "if_statement" | "for_statement" | "for_in_statement" | "while_statement" | "switch_statement" | "ternary_expression" => {
            gather.open(Scope::Condition);
        }
        _ => {}
    }
    if matches!(node.kind(), "statement_block" | "class_body") && !gather.is_in_function() && !gather.is_in_testing() {
        gather.open(Scope::Function);
    }
    Step::Into
}

/// Adds what was declared in one place and exported in another; where a test alone is to run, the others do not.
pub(super) fn finish(gather: &mut Gather<'_>) {
    let exported: Vec<(String, String)> = gather.kept.iter().filter(|(_, local)| local != ALONE).cloned().collect();
    for (name, local) in exported {
        match gather.locals.get(&local) {
            Some(items) => {
                let renamed = items.iter().cloned().map(|item| {
                    let rest = item.name.strip_prefix(&local).unwrap_or_default().to_owned();
                    Item { name: format!("{name}{rest}"), ..item }
                });
                gather.facts.items.extend(renamed.collect::<Vec<_>>());
            }
            None => {
                gather.facts.items.push(Item {
                    kind: ItemKind::Value,
                    name: name.clone(),
                    signature: format!("export {name}"),
                    line: 1,
                });
            }
        }
    }
    gather.facts.items.sort_by_key(|item| item.line);
    let only: Vec<String> = gather.kept.iter().filter(|(_, local)| local == ALONE).map(|(name, _)| name.clone()).collect();
    if !only.is_empty() {
        for test in gather.facts.tests.iter_mut().filter(|test| !only.iter().any(|only| test.name.starts_with(only.as_str()))) {
            test.skip = Skip::Always(format!("`{ALONE}` of another"));
        }
    }
}

fn when(gather: &Gather<'_>) -> When {
    if gather.is_in_tests() {
        When::Testing
    } else if gather.is_in_function() {
        When::Later
    } else {
        When::Loading
    }
}

fn has_word(node: Node<'_>, word: &str) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|child| !child.is_named() && child.kind() == word)
}

fn named(name: &str, local: &str) -> Imported {
    Imported { name: name.to_owned(), local: local.to_owned() }
}

/// `name as alias` in a list; the alias is the name when there is none.
fn specifiers(gather: &Gather<'_>, list: Node<'_>) -> Vec<Imported> {
    let mut cursor = list.walk();
    let parts = list.named_children(&mut cursor).filter(|part| part.kind().ends_with("_specifier"));
    let pairs = parts.map(|part| {
        let (name, alias) = (gather.field(part, "name"), gather.field(part, "alias"));
        Imported { local: if alias.is_empty() { name.clone() } else { alias }, name }
    });
    pairs.collect()
}

fn import(gather: &mut Gather<'_>, node: Node<'_>) {
    let Some(source) = node.child_by_field_name("source").and_then(|source| gather.string(source)) else { return };
    let mut names = Vec::new();
    let mut cursor = node.walk();
    let clause = node.named_children(&mut cursor).find(|child| child.kind() == "import_clause");
    if let Some(clause) = clause {
        let mut cursor = clause.walk();
        for part in clause.named_children(&mut cursor) {
            match part.kind() {
                "identifier" => names.push(named("default", &gather.text_of(part))),
                "namespace_import" => {
                    let local = part.named_child(0).map(|name| gather.text_of(name)).unwrap_or_default();
                    names.push(named("*", &local));
                }
                "named_imports" => names.extend(specifiers(gather, part)),
                _ => {}
            }
        }
    }
    let when = if has_word(node, "type") { When::Types } else { when(gather) };
    gather.import(source, names, node, when);
}

fn export(gather: &mut Gather<'_>, node: Node<'_>) {
    let source = node.child_by_field_name("source").and_then(|source| gather.string(source));
    let mut cursor = node.walk();
    let clause = node.named_children(&mut cursor).find(|child| child.kind() == "export_clause");
    let mut names = clause.map(|clause| specifiers(gather, clause)).unwrap_or_default();
    if let Some(source) = source {
        if names.is_empty() {
            let mut cursor = node.walk();
            let space = node.named_children(&mut cursor).find(|child| child.kind() == "namespace_export");
            let local = space.and_then(|space| space.named_child(0)).map_or("*".to_owned(), |name| gather.text_of(name));
            names.push(named("*", &local));
        }
        for name in &names {
            let signature = format!("export {} from {source}", name.name);
            gather.item(ItemKind::Reexport, &name.local, signature, node);
        }
        let when = if has_word(node, "type") { When::Types } else { when(gather) };
        return gather.import(source, names, node, when);
    }
    gather.kept.extend(names.into_iter().map(|name| (name.local, name.name)));
    let is_default = has_word(node, "default");
    if let Some(declaration) = node.child_by_field_name("declaration") {
        for (_, items) in declared(gather, declaration) {
            for (place, mut item) in items.into_iter().enumerate() {
                if is_default && place == 0 {
                    "default".clone_into(&mut item.name);
                }
                gather.facts.items.push(item);
            }
        }
        gather.is_done(declaration);
    } else if let Some(value) = node.child_by_field_name("value").filter(|_| is_default) {
        let text = gather.text_of(value);
        if value.kind() == "identifier" {
            gather.kept.push(("default".to_owned(), text));
        } else {
            let signature = format!("export default {}", head_of_value(gather, value));
            gather.item(ItemKind::Value, "default", signature, node);
        }
    }
}

/// A function up to its body; anything else by its kind, since its value is no promise.
fn head_of_value(gather: &Gather<'_>, value: Node<'_>) -> String {
    if value.child_by_field_name("body").is_some() {
        gather.head(value, "body").trim_end_matches("=>").trim_end().to_owned()
    } else {
        value.kind().replace('_', " ")
    }
}

/// What a declaration at the top declares: each name with the things under it, itself first.
fn declared(gather: &Gather<'_>, node: Node<'_>) -> Vec<(String, Vec<Item>)> {
    let item = |kind: ItemKind, name: &str, signature: String, node: Node<'_>| Item {
        kind,
        name: name.to_owned(),
        signature,
        line: line(node),
    };
    let name = gather.field(node, "name");
    let one = |kind: ItemKind, signature: String| vec![(name.clone(), vec![item(kind, &name, signature, node)])];
    match node.kind() {
        "ambient_declaration" => node.named_child(0).map(|inner| declared_inside(gather, inner)).unwrap_or_default(),
        "function_declaration" | "generator_function_declaration" | "function_signature" => {
            one(ItemKind::Function, gather.head(node, "body"))
        }
        "type_alias_declaration" | "enum_declaration" => one(ItemKind::Type, gather.signature(node, node.end_byte())),
        "internal_module" | "module" => one(ItemKind::Module, gather.head(node, "body")),
        "class_declaration" | "abstract_class_declaration" | "class" | "interface_declaration" => {
            let kind = if node.kind() == "interface_declaration" { ItemKind::Interface } else { ItemKind::Type };
            let mut items = vec![item(kind, &name, gather.head(node, "body"), node)];
            items.extend(members(gather, node, &name));
            vec![(name, items)]
        }
        "lexical_declaration" | "variable_declaration" => {
            let word = gather.text_of(node).split_whitespace().next().unwrap_or_default().to_owned();
            let mut cursor = node.walk();
            let mut found = Vec::new();
            for part in node.named_children(&mut cursor).filter(|part| part.kind() == "variable_declarator") {
                let (name, said) = (gather.field(part, "name"), gather.whole(part, "type"));
                let value = part.child_by_field_name("value");
                let is_function = value.is_some_and(|value| matches!(value.kind(), "arrow_function" | "function_expression"));
                let kind = if is_function { ItemKind::Function } else { ItemKind::Value };
                let signature = match value {
                    Some(value) if is_function && said.is_empty() => format!("{word} {name} = {}", head_of_value(gather, value)),
                    Some(_) | None => format!("{word} {name}{said}"),
                };
                found.push((name.clone(), vec![item(kind, &name, signature, part)]));
            }
            found
        }
        _ => Vec::new(),
    }
}

/// What `declare` declares, which is never another `declare`.
fn declared_inside(gather: &Gather<'_>, node: Node<'_>) -> Vec<(String, Vec<Item>)> {
    if node.kind() == "ambient_declaration" { Vec::new() } else { declared(gather, node) }
}

fn members(gather: &Gather<'_>, node: Node<'_>, holder: &str) -> Vec<Item> {
    let Some(body) = node.child_by_field_name("body") else { return Vec::new() };
    let mut cursor = body.walk();
    let mut items = Vec::new();
    for part in body.named_children(&mut cursor) {
        let kind = match part.kind() {
            "method_definition" | "method_signature" | "abstract_method_signature" => ItemKind::Method,
            "public_field_definition" | "field_definition" | "property_signature" => ItemKind::Field,
            _ => continue,
        };
        let mut inner = part.walk();
        let is_hidden = part.named_children(&mut inner).any(|child| {
            child.kind() == "accessibility_modifier" && matches!(gather.text_of(child).as_str(), "private" | "protected")
        });
        let name = part.child_by_field_name("name").or_else(|| part.child_by_field_name("property"));
        let name = name.map(|name| gather.text_of(name)).unwrap_or_default();
        if is_hidden || name.is_empty() || name.starts_with('#') {
            continue;
        }
        let signature = match kind {
            ItemKind::Method => gather.head(part, "body"),
            _ => gather.head(part, "value").trim_end_matches([' ', '=']).to_owned(),
        };
        items.push(Item { kind, name: format!("{holder}.{name}"), signature, line: line(part) });
    }
    items
}

/// `const a = require("b")` and `const { a } = require("b")`.
fn require_into(gather: &mut Gather<'_>, node: Node<'_>) {
    let value = node.child_by_field_name("value");
    let Some(call) = value.filter(|value| value.kind() == "call_expression" && gather.field(*value, "function") == "require")
    else {
        return;
    };
    let (Some(source), Some(target)) = (gather.word(call), node.child_by_field_name("name")) else { return };
    let names = if target.kind() == "identifier" {
        vec![named("*", &gather.text_of(target))]
    } else {
        let mut cursor = target.walk();
        let names = target.named_children(&mut cursor).map(|part| match part.kind() {
            "pair_pattern" => named(&gather.field(part, "key"), &gather.field(part, "value")),
            _ => named(&gather.text_of(part), &gather.text_of(part)),
        });
        names.collect()
    };
    gather.is_done(call);
    gather.import(source, names, node, when(gather));
}

/// `module.exports = …`, `module.exports.a = …` and `exports.a = …`.
fn assignment(gather: &mut Gather<'_>, node: Node<'_>) {
    let left = gather.field(node, "left");
    let Some(right) = node.child_by_field_name("right") else { return };
    if gather.is_in_function() {
        return;
    }
    if left == "module.exports" {
        if right.kind() == "object" {
            let mut cursor = right.walk();
            for part in right.named_children(&mut cursor) {
                match part.kind() {
                    "shorthand_property_identifier" => {
                        let name = gather.text_of(part);
                        gather.kept.push((name.clone(), name));
                    }
                    "pair" => {
                        let (key, value) = (gather.field(part, "key"), gather.field(part, "value"));
                        gather.kept.push((key, value));
                    }
                    "method_definition" => {
                        let (name, signature) = (gather.field(part, "name"), gather.head(part, "body"));
                        gather.item(ItemKind::Function, &name, signature, part);
                    }
                    _ => {}
                }
            }
        } else if right.kind() == "identifier" {
            let local = gather.text_of(right);
            gather.kept.push(("default".to_owned(), local));
        } else {
            let signature = format!("module.exports = {}", head_of_value(gather, right));
            gather.item(ItemKind::Value, "default", signature, node);
        }
        return;
    }
    let name = left.strip_prefix("module.exports.").or_else(|| left.strip_prefix("exports."));
    let Some(name) = name.filter(|name| name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$')))
    else {
        return;
    };
    let kind = if right.child_by_field_name("body").is_some() { ItemKind::Function } else { ItemKind::Value };
    let signature = format!("exports.{name} = {}", head_of_value(gather, right));
    gather.item(kind, name, signature, node);
}

fn is_environment(object: &str) -> bool {
    matches!(object, "process.env" | "import.meta.env" | "Bun.env")
}

/// The words of a call such as `test.only.each(table)`, without tables.
fn called(gather: &Gather<'_>, node: Node<'_>) -> String {
    let Some(mut function) = node.child_by_field_name("function") else { return String::new() };
    if let Some(inner) = function.child_by_field_name("function").filter(|_| function.kind() == "call_expression") {
        function = inner;
    }
    if function.end_byte() - function.start_byte() > 200 { String::new() } else { gather.text_of(function) }
}

fn call(gather: &mut Gather<'_>, node: Node<'_>) {
    let path = called(gather, node);
    let (of, last) = path.rsplit_once('.').unwrap_or(("", &path));
    if let Some(word) = gather.word(node) {
        if path == "require" || path == "import" {
            if !gather.is_done(node) {
                let when = if path == "import" && !gather.is_in_tests() { When::Later } else { when(gather) };
                gather.import(word, Vec::new(), node, when);
            }
            return;
        }
        let of_child = of.is_empty() || of.contains("child_process") || of == "cp";
        if PROGRAMS.contains(&last) || (matches!(last, "exec" | "execSync") && of_child) {
            gather.program(&word, node);
        }
        if ROUTERS.contains(&of.rsplit('.').next().unwrap_or(of)) && ROUTES.contains(&last) {
            gather.route(&word, node);
        }
        if matches!(path.as_str(), "Deno.env.get") {
            gather.mention(MentionKind::Variable, &word, node);
        }
        if declares_tests(gather, node, &path, &word) {
            return;
        }
    }
    let first = path.split('.').next().unwrap_or_default();
    let fails = matches!(first, "t") && !matches!(last, "plan" | "end" | "test" | "context" | "log" | "teardown" | "comment");
    if path == "expect" || first == "assert" || (fails && gather.is_in_testing()) {
        gather.assertion();
    }
    if matches!(path.as_str(), "this.skip" | "t.skip" | "ctx.skip") {
        let words = gather.text_of(node);
        gather.skips(words);
    }
    gather.call(&path, node);
}

/// Whether the call is a test, or gathers tests; then it is noted.
fn declares_tests(gather: &mut Gather<'_>, node: Node<'_>, path: &str, name: &str) -> bool {
    let begins = |word: &&&str| path == **word || path.strip_prefix(**word).is_some_and(|rest| rest.starts_with('.'));
    let Some(base) = TESTS.iter().chain(GROUPS).find(begins) else { return false };
    let rest: Vec<&str> = path[base.len()..].split('.').collect();
    let is_left_out = base.starts_with('x') || rest.contains(&"skip") || rest.contains(&"todo");
    let is_group = GROUPS.contains(base) || rest.contains(&"describe");
    let body = (1..4).filter_map(|number| argument(node, number)).find(|argument| argument.kind().contains("function"));
    if body.is_none() && !is_left_out {
        return false;
    }
    let words = path.to_owned();
    let skip = if is_left_out {
        Skip::Always(words)
    } else if rest.iter().any(|part| matches!(*part, "skipIf" | "runIf" | "failing" | "fails")) {
        Skip::Sometimes(words)
    } else {
        Skip::No
    };
    if base.starts_with('f') || rest.contains(&ONLY) {
        let whole = format!("{}{name}", gather.prefix());
        gather.kept.push((whole, ALONE.to_owned()));
    }
    if is_group {
        gather.open(Scope::Testing { prefix: format!("{name} › "), skip });
    } else {
        gather.test(name, node, skip);
    }
    true
}
