//! Go. What begins with a capital letter is everybody's.

use tree_sitter::Node;

use crate::{
    host::source::code::gather::{Gather, Scope, Sight, Step, argument},
    model::source::{Imported, ItemKind, MentionKind, Skip, When},
};

/// What makes a test fail.
const FAILING: &[&str] = &["Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"];
/// Methods by which routers are told at which path a function answers.
const ROUTES: &[&str] =
    &["HandleFunc", "Handle", "Get", "Post", "Put", "Patch", "Delete", "GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn enter(gather: &mut Gather<'_>, node: Node<'_>) -> Step {
    match node.kind() {
        "comment" => return Step::Past,
        "import_spec" => {
            import(gather, node);
            return Step::Past;
        }
        "function_declaration" => function(gather, node),
        "method_declaration" => method(gather, node),
        "type_spec" | "type_alias" => declaration(gather, node),
        "field_declaration" if gather.holder() == Some(ItemKind::Type) => fields(gather, node),
        "method_elem" | "method_spec" if gather.holder() == Some(ItemKind::Interface) => {
            let name = gather.field(node, "name");
            if is_public(&name) && gather.is_open() {
                let signature = gather.signature(node, node.end_byte());
                gather.item(ItemKind::Method, &name, signature, node);
            }
        }
        "const_spec" => values(gather, node, "const"),
        "var_spec" => values(gather, node, "var"),
        "func_literal" => gather.open(Scope::Function),
        "if_statement" | "for_statement" | "expression_switch_statement" | "type_switch_statement" | "select_statement" => {
            gather.open(Scope::Condition);
        }
        "call_expression" => call(gather, node),
        "interpreted_string_literal_content" | "raw_string_literal_content" => gather.addresses(node),
        _ => {}
    }
    Step::Into
}

fn is_public(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase)
}

fn import(gather: &mut Gather<'_>, node: Node<'_>) {
    let Some(path) = node.child_by_field_name("path").and_then(|path| gather.string(path)) else { return };
    let said = gather.field(node, "name");
    let last = path.rsplit('/').find(|part| !is_version(part)).unwrap_or(&path).to_owned();
    let local = if said.is_empty() { last } else { said };
    let when = if gather.is_for_tests { When::Testing } else { When::Loading };
    gather.import(path, vec![Imported { name: "*".to_owned(), local }], node, when);
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_digit()))
}

fn function(gather: &mut Gather<'_>, node: Node<'_>) {
    let name = gather.field(node, "name");
    let begins = |word: &str| name.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_lowercase()));
    let parameters = gather.whole(node, "parameters");
    let is_test = (begins("Test") && parameters.contains("testing.T")) || (begins("Fuzz") && parameters.contains("testing.F"));
    if gather.path.ends_with("_test.go") && (is_test || begins("Example")) {
        return gather.test(&name, node, Skip::No);
    }
    if is_public(&name) {
        let signature = gather.head(node, "body");
        gather.item(ItemKind::Function, &name, signature, node);
    }
    gather.open(Scope::Function);
}

fn method(gather: &mut Gather<'_>, node: Node<'_>) {
    let name = gather.field(node, "name");
    let receiver = gather.whole(node, "receiver");
    let of = receiver.trim_matches(['(', ')']).rsplit([' ', '*']).find(|word| !word.is_empty()).unwrap_or_default();
    let of = of.split('[').next().unwrap_or(of).to_owned();
    if is_public(&name) && is_public(&of) {
        let signature = gather.head(node, "body");
        gather.item(ItemKind::Method, &format!("{of}.{name}"), signature, node);
    }
    gather.open(Scope::Function);
}

fn declaration(gather: &mut Gather<'_>, node: Node<'_>) {
    if gather.is_in_function() {
        return;
    }
    let name = gather.field(node, "name");
    let inner = node.child_by_field_name("type");
    let kind = match inner.map(|inner| inner.kind()) {
        Some("interface_type") => ItemKind::Interface,
        _ => ItemKind::Type,
    };
    if is_public(&name) && gather.is_open() {
        let word = match inner.map(|inner| inner.kind()) {
            Some("interface_type") => Some("interface"),
            Some("struct_type") => Some("struct"),
            _ => None,
        };
        let signature = match word {
            Some(word) => format!("type {} {word}", gather.head(node, "type")),
            None => format!("type {}", gather.signature(node, node.end_byte())),
        };
        gather.item(kind, &name, signature, node);
    }
    let sight = if is_public(&name) { Sight::Public } else { Sight::Hidden };
    gather.open(Scope::Named { prefix: format!("{name}."), sight, kind });
}

fn fields(gather: &mut Gather<'_>, node: Node<'_>) {
    if !gather.is_open() {
        return;
    }
    let said = gather.whole(node, "type");
    let mut cursor = node.walk();
    let names: Vec<String> = node.children_by_field_name("name", &mut cursor).map(|name| gather.text_of(name)).collect();
    if names.is_empty() {
        let embedded = said.rsplit('.').next().unwrap_or_default().to_owned();
        if is_public(&embedded) {
            let signature = gather.signature(node, node.end_byte());
            gather.item(ItemKind::Field, &embedded, signature, node);
        }
    }
    for name in names.into_iter().filter(|name| is_public(name)) {
        gather.item(ItemKind::Field, &name, format!("{name} {said}"), node);
    }
}

fn values(gather: &mut Gather<'_>, node: Node<'_>, word: &str) {
    if gather.is_in_function() {
        return;
    }
    let said = gather.whole(node, "type");
    let mut cursor = node.walk();
    let names: Vec<String> = node.children_by_field_name("name", &mut cursor).map(|name| gather.text_of(name)).collect();
    for name in names.into_iter().filter(|name| is_public(name)) {
        let signature = format!("{word} {name} {said}").trim_end().to_owned();
        gather.item(ItemKind::Value, &name, signature, node);
    }
}

fn call(gather: &mut Gather<'_>, node: Node<'_>) {
    let path = gather.field(node, "function");
    let (of, name) = path.rsplit_once('.').unwrap_or(("", &path));
    let is_test = matches!(of, "t" | "b" | "f" | "tb");
    if (is_test && FAILING.contains(&name)) || matches!(of, "assert" | "require") {
        gather.assertion();
    }
    if is_test && matches!(name, "Skip" | "Skipf" | "SkipNow") {
        let words = gather.text_of(node);
        gather.skips(words);
    }
    gather.call(&path, node);
    let Some(word) = gather.word(node) else {
        if path == "exec.CommandContext"
            && let Some(word) = argument(node, 1).and_then(|second| gather.string(second))
        {
            gather.program(&word, node);
        }
        return;
    };
    match path.as_str() {
        "os.Getenv" | "os.LookupEnv" => gather.mention(MentionKind::Variable, &word, node),
        "exec.Command" => gather.program(&word, node),
        _ if ROUTES.contains(&name) && !of.is_empty() => {
            // A pattern may begin with the method.
            gather.route(word.rsplit(' ').next().unwrap_or(&word), node);
        }
        _ => {}
    }
}
