//! Rust. What `#[cfg(test)]` keeps from everybody else is there for tests.

use std::collections::BTreeSet;

use tree_sitter::Node;

use crate::{
    host::source::code::gather::{Gather, Scope, Sight, Step},
    model::source::{Imported, ItemKind, MentionKind, Skip, When},
};

/// How many tokens lie at most between a function's beginning and its body.
const LONGEST_HEAD: usize = 32;
/// Attributes by which web frameworks say at which path a function answers.
const ROUTES: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options", "route"];

pub(super) fn enter(gather: &mut Gather<'_>, node: Node<'_>) -> Step {
    match node.kind() {
        "attribute_item" => {
            gather.attribute(node);
            return Step::Past;
        }
        "line_comment" | "block_comment" => return Step::Past,
        _ => {}
    }
    let attributes = gather.attributes();
    match node.kind() {
        "use_declaration" => {
            uses(gather, node);
            return Step::Past;
        }
        "extern_crate_declaration" => {
            let name = gather.field(node, "name");
            gather.import(name, Vec::new(), node, when(gather));
        }
        "mod_item" => module(gather, node, &attributes),
        "function_item" | "function_signature_item" => function(gather, node, &attributes),
        "struct_item" | "union_item" | "enum_item" | "trait_item" | "type_item" | "const_item" | "static_item"
        | "associated_type" => declaration(gather, node),
        "field_declaration" if is_public(gather, node) && gather.holder() == Some(ItemKind::Type) && gather.is_open() => {
            let (name, signature) = (gather.field(node, "name"), gather.signature(node, node.end_byte()));
            gather.item(ItemKind::Field, &name, signature, node);
        }
        "enum_variant" if gather.holder() == Some(ItemKind::Type) && gather.is_open() => {
            let (name, signature) = (gather.field(node, "name"), gather.signature(node, node.end_byte()));
            gather.item(ItemKind::Field, &name, signature, node);
        }
        "impl_item" => implementation(gather, node),
        "macro_definition" if attributes.iter().any(|attribute| attribute.contains("macro_export")) => {
            let name = gather.field(node, "name");
            gather.item(ItemKind::Macro, &name, format!("macro {name}"), node);
        }
        "macro_invocation" => invocation(gather, node),
        "token_tree" => tokens(gather, node),
        "call_expression" => call(gather, node),
        "scoped_identifier" | "scoped_type_identifier" => {
            let path = gather.text_of(node);
            let first = path.split("::").next().unwrap_or_default();
            let is_own = matches!(first, "crate" | "super");
            // Of what comes from elsewhere it is enough to know that it is used.
            let known = if is_own { path.clone() } else { format!("{first}::") };
            if (is_own || first.starts_with(|letter: char| letter.is_lowercase())) && gather.names.insert(known) {
                gather.import(path.clone(), Vec::new(), node, when(gather));
            }
            if !path.contains('<') {
                return Step::Past;
            }
        }
        "string_content" => gather.addresses(node),
        _ => {}
    }
    Step::Into
}

/// Takes out what belongs to a type of this file that nobody else sees, and paths that begin with a name which a `use` brought.
pub(super) fn finish(gather: &mut Gather<'_>) {
    let locals: BTreeSet<String> =
        gather.facts.imports.iter().flat_map(|import| &import.names).map(|name| name.local.clone()).collect();
    gather.facts.imports.retain(|import| {
        let first = import.specifier.split("::").next().unwrap_or_default();
        !import.names.is_empty()
            || !import.specifier.contains("::")
            || !(locals.contains(first) || matches!(first, "std" | "core" | "alloc"))
    });
    let hidden: BTreeSet<String> = gather.kept.drain(..).map(|(name, _)| name).collect();
    gather.facts.items.retain(|item| match item.kind {
        ItemKind::Implementation => item.name.split(" for ").all(|name| !hidden.contains(name)),
        _ => item.name.split_once("::").is_none_or(|(holder, _)| !hidden.contains(holder)),
    });
}

fn when(gather: &Gather<'_>) -> When {
    if gather.is_in_tests() { When::Testing } else { When::Loading }
}

/// Whether everybody sees it: `pub` and nothing after it in brackets.
fn is_public(gather: &Gather<'_>, node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .take_while(|child| child.kind() != "identifier")
        .any(|child| child.kind() == "visibility_modifier" && gather.text_of(child) == "pub")
}

fn is_for_tests(attributes: &[String]) -> bool {
    attributes.iter().any(|attribute| attribute.contains("cfg(test)") || attribute.contains("cfg(all(test"))
}

/// Each path that a `use` names.
fn uses(gather: &mut Gather<'_>, node: Node<'_>) {
    let is_handed_on = is_public(gather, node) && gather.is_open();
    let mut waiting: Vec<(String, Node<'_>)> = Vec::new();
    waiting.extend(node.child_by_field_name("argument").map(|argument| (String::new(), argument)));
    while let Some((prefix, part)) = waiting.pop() {
        let join = |rest: String| match (prefix.as_str(), rest.as_str()) {
            ("", _) => rest,
            (_, "self" | "") => prefix.clone(),
            _ => format!("{prefix}::{rest}"),
        };
        let mut cursor = part.walk();
        match part.kind() {
            "use_list" => {
                let parts: Vec<Node<'_>> = part.named_children(&mut cursor).collect();
                waiting.extend(parts.into_iter().rev().map(|part| (prefix.clone(), part)));
            }
            "scoped_use_list" => {
                let path = join(gather.field(part, "path"));
                waiting.extend(part.child_by_field_name("list").map(|list| (path, list)));
            }
            "line_comment" | "block_comment" => {}
            kind => {
                let (path, alias) = match kind {
                    "use_as_clause" => (gather.field(part, "path"), Some(gather.field(part, "alias"))),
                    _ => (gather.text_of(part), None),
                };
                let path = join(path.split_whitespace().collect());
                let name = path.rsplit("::").next().unwrap_or(&path).to_owned();
                let local = alias.unwrap_or_else(|| name.clone());
                if is_handed_on {
                    gather.item(ItemKind::Reexport, &local, format!("pub use {path}"), part);
                }
                gather.import(path, vec![Imported { name, local }], part, when(gather));
            }
        }
    }
}

fn module(gather: &mut Gather<'_>, node: Node<'_>, attributes: &[String]) {
    let name = gather.field(node, "name");
    let (is_public, is_testing) = (is_public(gather, node), is_for_tests(attributes));
    if is_public && gather.is_open() && !is_testing {
        gather.item(ItemKind::Module, &name, format!("pub mod {name}"), node);
    }
    if node.child_by_field_name("body").is_none() {
        let when = if is_testing || gather.is_in_testing() { When::Testing } else { When::Part };
        gather.import(name, Vec::new(), node, when);
    } else if is_testing {
        gather.open(Scope::Testing { prefix: format!("{name}::"), skip: Skip::No });
    } else {
        let sight = if is_public { Sight::Public } else { Sight::Hidden };
        gather.open(Scope::Named { prefix: format!("{name}::"), sight, kind: ItemKind::Module });
    }
}

fn function(gather: &mut Gather<'_>, node: Node<'_>, attributes: &[String]) {
    let name = gather.field(node, "name");
    if let Some(skip) = test(attributes) {
        return gather.test(&name, node, skip);
    }
    for attribute in attributes {
        let inner = attribute.trim_start_matches(['#', '[', ' ']);
        let (word, rest) = inner.split_once('(').unwrap_or((inner, ""));
        if ROUTES.contains(&word.rsplit("::").next().unwrap_or(word)) {
            gather.route(rest.split('"').nth(1).unwrap_or_default(), node);
        }
    }
    let holder = gather.holder();
    if gather.is_open() && (is_public(gather, node) || holder == Some(ItemKind::Interface)) {
        let kind = match holder {
            Some(ItemKind::Type | ItemKind::Interface) => ItemKind::Method,
            _ => ItemKind::Function,
        };
        let signature = gather.head(node, "body");
        gather.item(kind, &name, signature, node);
    }
    gather.open(if is_for_tests(attributes) {
        Scope::Testing { prefix: String::new(), skip: Skip::No }
    } else {
        Scope::Function
    });
}

/// Whether a function with these attributes is a test, and whether it is left out.
fn test(attributes: &[String]) -> Option<Skip> {
    let words = |attribute: &String| {
        let inner = attribute.trim_start_matches(['#', '[', ' ']);
        let end = inner.find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | ':'))).unwrap_or(inner.len());
        inner[..end].to_owned()
    };
    let is_test = |word: &str| matches!(word.rsplit("::").next(), Some("test" | "rstest" | "test_case" | "quickcheck" | "case"));
    attributes.iter().any(|attribute| is_test(&words(attribute))).then(|| {
        let ignored = attributes.iter().find(|attribute| attribute.contains("ignore"));
        match ignored {
            Some(attribute) if words(attribute) == "ignore" => Skip::Always(attribute.clone()),
            Some(attribute) if words(attribute) == "cfg_attr" => Skip::Sometimes(attribute.clone()),
            Some(_) | None => Skip::No,
        }
    })
}

fn declaration(gather: &mut Gather<'_>, node: Node<'_>) {
    let name = gather.field(node, "name");
    let kind = match node.kind() {
        "trait_item" => ItemKind::Interface,
        "const_item" | "static_item" => ItemKind::Value,
        _ => ItemKind::Type,
    };
    let is_inside = gather.holder() == Some(ItemKind::Interface);
    let is_public = is_public(gather, node) || is_inside;
    if gather.is_in_function() {
        return gather.open(Scope::Function);
    }
    if is_public && gather.is_open() {
        let is_record = node.child_by_field_name("body").is_some_and(|body| body.kind() != "ordered_field_declaration_list");
        let signature = match kind {
            ItemKind::Value => gather.head(node, "value").trim_end_matches([' ', '=']).to_owned(),
            _ if is_record => gather.head(node, "body"),
            _ => gather.signature(node, node.end_byte()),
        };
        gather.item(kind, &name, signature, node);
    } else if !is_public && kind != ItemKind::Value && gather.prefix().is_empty() {
        gather.kept.push((name.clone(), String::new()));
    }
    if !is_inside {
        let sight = if is_public { Sight::Public } else { Sight::Hidden };
        gather.open(Scope::Named { prefix: format!("{name}::"), sight, kind });
    }
}

fn implementation(gather: &mut Gather<'_>, node: Node<'_>) {
    let base = |text: String| {
        let name = text.split(['<', ' ']).next().unwrap_or_default().to_owned();
        name.rsplit("::").next().unwrap_or_default().to_owned()
    };
    let name = base(gather.whole(node, "type"));
    let is_trait = node.child_by_field_name("trait").is_some();
    if is_trait && gather.is_open() {
        let signature = gather.head(node, "body");
        let interface = base(gather.whole(node, "trait"));
        gather.item(ItemKind::Implementation, &format!("{interface} for {name}"), signature, node);
    }
    let sight = if is_trait { Sight::Hidden } else { Sight::Public };
    gather.open(Scope::Named { prefix: format!("{name}::"), sight, kind: ItemKind::Type });
}

fn is_assertion(word: &str) -> bool {
    ["assert", "debug_assert", "prop_assert"].iter().any(|begin| word.starts_with(begin))
}

fn invocation(gather: &mut Gather<'_>, node: Node<'_>) {
    let name = gather.field(node, "macro");
    let word = name.rsplit("::").next().unwrap_or(&name);
    if is_assertion(word) {
        gather.assertion();
    }
    if matches!(word, "env" | "option_env") {
        let text = gather.text_of(node);
        gather.mention(MentionKind::Variable, text.split('"').nth(1).unwrap_or_default(), node);
    }
}

/// What a macro is given: assertions, and functions that are marked as tests.
fn tokens(gather: &mut Gather<'_>, node: Node<'_>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.children(&mut cursor).collect();
    let mut attributes: Vec<String> = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let next = |ahead: usize| parts.get(place + ahead);
        match part.kind() {
            "#" => attributes.extend(next(1).map(|attribute| gather.text_of(*attribute))),
            "identifier" if next(1).is_some_and(|next| next.kind() == "!") && is_assertion(&gather.text_of(*part)) => {
                gather.assertion();
            }
            "fn" => {
                let name = next(1).map(|name| gather.text_of(*name)).unwrap_or_default();
                let body = parts[place..].iter().take(LONGEST_HEAD).find(|part| gather.text_of(**part).starts_with('{'));
                if let (Some(skip), Some(body)) = (test(&attributes), body) {
                    let number = gather.declare(&name, *part, skip, 0);
                    gather.mark(*body, Scope::Test(number));
                }
                attributes.clear();
            }
            _ => {}
        }
    }
}

fn call(gather: &mut Gather<'_>, node: Node<'_>) {
    let Some(function) = node.child_by_field_name("function") else { return };
    if function.kind() == "field_expression" {
        if gather.field(function, "field") == "route"
            && let Some(path) = gather.word(node)
        {
            gather.route(&path, node);
        }
        return;
    }
    let path = gather.text_of(function);
    gather.call(&path, node);
    let Some(word) = gather.word(node) else { return };
    if path.ends_with("env::var") || path.ends_with("env::var_os") {
        gather.mention(MentionKind::Variable, &word, node);
    } else if path.ends_with("Command::new") {
        gather.program(&word, node);
    }
}
