//! Shell commands as facts, read with a grammar of bash and POSIX sh. What the grammar does not know is said, never guessed.

use brush_parser::{
    ParserOptions,
    ast::{
        AndOr, AndOrList, Assignment, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem, CompoundCommand,
        CompoundList, FunctionDefinition, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, Pipeline, RedirectList,
        SimpleCommand,
    },
    word::{
        self, BraceExpressionMember, BraceExpressionOrText, Parameter, ParameterExpr, TildeExpr, WordPiece, WordPieceWithSource,
    },
};

use crate::model::guard::script::{Piece, Redirection, Simple, Step, Word};

/// The longest text that is read.
const LONGEST: usize = 256 * 1024;
/// How deep brackets and words such as `if` may lie in each other; the grammar calls itself for each.
const DEEPEST: usize = 48;
/// How many words one word with braces may become.
const MOST_WORDS: u16 = 256;

/// The steps that `text` says, or why it cannot be read.
///
/// # Errors
/// Says in a few words what stands in the way: too long, nested too deeply, or not of the grammar.
pub fn read(text: &str) -> Result<Vec<Step>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {} KiB", LONGEST / 1024));
    }
    if depth(text) > DEEPEST {
        return Err("it is nested too deeply".to_owned());
    }
    Reader::default().script(text)
}

/// How deep `text` may be nested at most, counted without knowing what is quoted.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quotes) = (0_usize, 0, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            // A backquote opens or closes; inside each other they need one more backslash, so few of them say much.
            b'\\' => quotes += 1,
            b'`' if quotes > 6 => return usize::MAX,
            _ => quotes = 0,
        }
        deepest = deepest.max(depth);
    }
    let mut words = 0_usize;
    for word in text.split(|character: char| !character.is_ascii_alphanumeric()) {
        match word {
            "if" | "while" | "until" | "for" | "case" | "select" => words += 1,
            "fi" | "done" | "esac" => words = words.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(words);
    }
    deepest
}

/// Whether something stands inside double quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Outside,
    Inside,
}

/// On which side of its program's name a part of a command stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Reads one text, and those inside it.
#[derive(Default)]
struct Reader {
    options: ParserOptions,
    depth: usize,
}

impl Reader {
    fn script(&mut self, text: &str) -> Result<Vec<Step>, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let tokens = brush_parser::uncached_tokenize_str(text, &self.options.tokenizer_options())
            .map_err(|error| format!("it is no shell command: {error}"))?;
        let program = brush_parser::parse_tokens(&tokens, &self.options)
            .map_err(|_| "it is not of the grammar of sh and bash".to_owned())?;
        let mut steps = Vec::new();
        for list in &program.complete_commands {
            steps.extend(self.list(list)?);
        }
        self.depth -= 1;
        Ok(steps)
    }

    fn list(&mut self, list: &CompoundList) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        for item in &list.0 {
            self.and_or(&item.0, &mut steps)?;
        }
        Ok(steps)
    }

    fn and_or(&mut self, list: &AndOrList, steps: &mut Vec<Step>) -> Result<(), String> {
        steps.push(self.pipeline(&list.first)?);
        for more in &list.additional {
            let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = more;
            steps.push(self.pipeline(pipeline)?);
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Step, String> {
        let mut stages = pipeline.seq.iter().map(|command| self.command(command)).collect::<Result<Vec<_>, _>>()?;
        if stages.len() == 1
            && let Some(only) = stages.pop()
        {
            return Ok(only);
        }
        Ok(Step::Pipeline(stages))
    }

    fn command(&mut self, command: &Command) -> Result<Step, String> {
        match command {
            Command::Simple(simple) => self.simple(simple).map(Step::Simple),
            Command::Compound(compound, redirections) => {
                let redirections = self.redirections(redirections.as_ref())?;
                self.compound(compound, redirections)
            }
            Command::Function(FunctionDefinition { fname, body, .. }) => {
                let redirections = self.redirections(body.1.as_ref())?;
                let body = self.compound(&body.0, redirections)?;
                Ok(Step::Function { name: fname.value.clone(), steps: vec![body] })
            }
            // A test reads names of files, not their content; commands inside its words are carried out.
            Command::ExtendedTest(test, redirections) => {
                let redirections = self.redirections(redirections.as_ref())?;
                let words = self.words(&test.expr.to_string())?;
                Ok(Step::Simple(Simple { words: [vec![Word::text("[[")], words].concat(), redirections, ..Simple::default() }))
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, redirections: Vec<Redirection>) -> Result<Step, String> {
        let group = |steps, isolated, redirections| Step::Group { isolated, steps, redirections };
        Ok(match compound {
            CompoundCommand::Arithmetic(_) => group(Vec::new(), false, redirections),
            CompoundCommand::ArithmeticForClause(clause) => group(self.list(&clause.body.list)?, false, redirections),
            CompoundCommand::BraceGroup(braces) => group(self.list(&braces.list)?, false, redirections),
            CompoundCommand::Subshell(subshell) => group(self.list(&subshell.list)?, true, redirections),
            CompoundCommand::ForClause(clause) => {
                let mut values = Vec::new();
                for value in clause.values.iter().flatten() {
                    values.extend(self.words(&value.value)?);
                }
                Step::Loop { variable: clause.variable_name.clone(), values, steps: self.list(&clause.body.list)?, redirections }
            }
            CompoundCommand::CaseClause(clause) => {
                let mut steps = Vec::new();
                for case in &clause.cases {
                    if let Some(list) = &case.cmd {
                        steps.extend(self.list(list)?);
                    }
                }
                group(steps, false, redirections)
            }
            CompoundCommand::IfClause(clause) => {
                let mut steps = self.list(&clause.condition)?;
                steps.extend(self.list(&clause.then)?);
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        steps.extend(self.list(condition)?);
                    }
                    steps.extend(self.list(&other.body)?);
                }
                group(steps, false, redirections)
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                let mut steps = self.list(&clause.0)?;
                steps.extend(self.list(&clause.1.list)?);
                group(steps, false, redirections)
            }
            CompoundCommand::Coprocess(process) => group(vec![self.command(&process.body)?], true, redirections),
        })
    }

    fn simple(&mut self, command: &SimpleCommand) -> Result<Simple, String> {
        let mut simple = Simple::default();
        let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
        for item in prefix {
            self.item(item, &mut simple, Side::Before)?;
        }
        if let Some(name) = &command.word_or_name {
            simple.words.extend(self.words(&name.value)?);
        }
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item, &mut simple, Side::After)?;
        }
        Ok(simple)
    }

    fn item(&mut self, item: &CommandPrefixOrSuffixItem, simple: &mut Simple, side: Side) -> Result<(), String> {
        match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirection) => {
                let redirections = self.redirection(redirection)?;
                simple.redirections.extend(redirections);
            }
            CommandPrefixOrSuffixItem::Word(word) => simple.words.extend(self.words(&word.value)?),
            CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) if side == Side::Before => {
                let set = self.assignment(assignment)?;
                simple.assignments.push(set);
            }
            CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => match &assignment.value {
                AssignmentValue::Scalar(_) => simple.words.extend(self.words(&word.value)?),
                AssignmentValue::Array(_) => {
                    let set = self.assignment(assignment)?;
                    simple.assignments.push(set);
                }
            },
            CommandPrefixOrSuffixItem::ProcessSubstitution(_, subshell) => {
                simple.words.push(Word(vec![Piece::Stream(self.list(&subshell.list)?)]));
            }
        }
        Ok(())
    }

    fn assignment(&mut self, assignment: &Assignment) -> Result<(String, Word), String> {
        let name = match &assignment.name {
            AssignmentName::VariableName(name) | AssignmentName::ArrayElementName(name, _) => name.clone(),
        };
        let mut value = match &assignment.value {
            AssignmentValue::Scalar(word) => self.word(&word.value)?,
            AssignmentValue::Array(words) => {
                let mut pieces = Vec::new();
                for (_, word) in words {
                    if !pieces.is_empty() {
                        pieces.push(Piece::Text(" ".to_owned()));
                    }
                    pieces.extend(self.word(&word.value)?.0);
                }
                Word(pieces)
            }
        };
        if assignment.append {
            value.0.insert(0, Piece::Variable { name: name.clone(), default: None, part: None, quoted: true });
        }
        Ok((name, value))
    }

    fn redirections(&mut self, list: Option<&RedirectList>) -> Result<Vec<Redirection>, String> {
        let mut all = Vec::new();
        for redirection in list.iter().flat_map(|list| &list.0) {
            all.extend(self.redirection(redirection)?);
        }
        Ok(all)
    }

    fn redirection(&mut self, redirection: &IoRedirect) -> Result<Vec<Redirection>, String> {
        Ok(match redirection {
            IoRedirect::File(_, kind, target) => {
                let target = match target {
                    IoFileRedirectTarget::Filename(word) => self.word(&word.value)?,
                    IoFileRedirectTarget::Fd(_) => return Ok(Vec::new()),
                    IoFileRedirectTarget::ProcessSubstitution(_, subshell) => {
                        Word(vec![Piece::Stream(self.list(&subshell.list)?)])
                    }
                    IoFileRedirectTarget::Duplicate(word) => {
                        if word.value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                            return Ok(Vec::new());
                        }
                        self.word(&word.value)?
                    }
                };
                match kind {
                    IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput => vec![Redirection::Read(target)],
                    IoFileRedirectKind::ReadAndWrite => vec![Redirection::Read(target.clone()), Redirection::Write(target)],
                    IoFileRedirectKind::Write
                    | IoFileRedirectKind::Append
                    | IoFileRedirectKind::Clobber
                    | IoFileRedirectKind::DuplicateOutput => vec![Redirection::Write(target)],
                }
            }
            IoRedirect::HereDocument(_, document) => {
                let text = if document.requires_expansion {
                    let pieces = word::parse_heredoc(&document.doc.value, &self.options)
                        .map_err(|_| "its here-document is not of the grammar".to_owned())?;
                    self.pieces(pieces, Quotes::Inside)?
                } else {
                    Word::text(document.doc.value.clone())
                };
                vec![Redirection::Text(text)]
            }
            IoRedirect::HereString(_, word) => vec![Redirection::Text(self.word(&word.value)?)],
            IoRedirect::OutputAndError(word, _) => vec![Redirection::Write(self.word(&word.value)?)],
        })
    }

    /// The words that one word of the text becomes: several when it holds braces.
    fn words(&mut self, text: &str) -> Result<Vec<Word>, String> {
        let texts = match text.contains('{').then(|| word::parse_brace_expansions(text, &self.options)) {
            Some(Ok(Some(parts))) => expanded(&parts),
            Some(Ok(None) | Err(_)) | None => vec![text.to_owned()],
        };
        texts.iter().map(|text| self.word(text)).collect()
    }

    fn word(&mut self, text: &str) -> Result<Word, String> {
        let pieces = word::parse(text, &self.options).map_err(|_| "a word of it is not of the grammar".to_owned())?;
        self.pieces(pieces, Quotes::Outside)
    }

    fn pieces(&mut self, pieces: Vec<WordPieceWithSource>, quotes: Quotes) -> Result<Word, String> {
        let mut word = Word::default();
        for piece in pieces {
            self.piece(piece.piece, quotes, &mut word)?;
        }
        Ok(word)
    }

    fn piece(&mut self, piece: WordPiece, quotes: Quotes, word: &mut Word) -> Result<(), String> {
        let quoted = quotes == Quotes::Inside;
        let piece = match piece {
            WordPiece::Text(text) if !quoted && text.contains(['*', '?', '[']) => Piece::Pattern(text),
            WordPiece::Text(text) | WordPiece::SingleQuotedText(text) => Piece::Text(text),
            WordPiece::AnsiCQuotedText(text) => Piece::Text(unescaped(&text)),
            WordPiece::DoubleQuotedSequence(inner) | WordPiece::GettextDoubleQuotedSequence(inner) => {
                // An empty pair of quotes is a word too.
                word.0.push(Piece::Text(String::new()));
                word.0.extend(self.pieces(inner, Quotes::Inside)?.0);
                return Ok(());
            }
            WordPiece::TildeExpansion(TildeExpr::Home) => variable("HOME", Quotes::Inside),
            WordPiece::TildeExpansion(TildeExpr::WorkingDir) => variable("PWD", Quotes::Inside),
            WordPiece::TildeExpansion(TildeExpr::UserHome(name)) => Piece::Text(format!("~{name}")),
            WordPiece::TildeExpansion(_) | WordPiece::ArithmeticExpression(_) => Piece::Unknown,
            WordPiece::ParameterExpansion(expression) => self.parameter(expression, quotes)?,
            WordPiece::CommandSubstitution(text) => Piece::Output { steps: self.script(&text)?, quoted },
            WordPiece::BackquotedCommandSubstitution(text) => {
                // Inside backquotes a backslash before `, \ and $ goes (POSIX, Shell Command Language 2.6.3).
                let text = text.replace("\\`", "`").replace("\\\\", "\\").replace("\\$", "$");
                Piece::Output { steps: self.script(&text)?, quoted }
            }
            WordPiece::EscapeSequence(text) => match text.strip_prefix('\\') {
                Some("\n") => return Ok(()),
                Some(rest) if !quoted || rest.starts_with(['$', '`', '"', '\\']) => Piece::Text(rest.to_owned()),
                Some(_) | None => Piece::Text(text),
            },
        };
        word.0.push(piece);
        Ok(())
    }

    fn parameter(&mut self, expression: ParameterExpr, quotes: Quotes) -> Result<Piece, String> {
        let quoted = quotes == Quotes::Inside;
        let named = |parameter: &Parameter, indirect: bool| match parameter {
            Parameter::Named(name) | Parameter::NamedWithIndex { name, .. } | Parameter::NamedWithAllIndices { name, .. }
                if !indirect =>
            {
                Some(name.clone())
            }
            Parameter::Named(_)
            | Parameter::NamedWithIndex { .. }
            | Parameter::NamedWithAllIndices { .. }
            | Parameter::Positional(_)
            | Parameter::Special(_) => None,
        };
        Ok(match expression {
            ParameterExpr::Parameter { parameter, indirect } => match named(&parameter, indirect) {
                Some(name) => variable(&name, quotes),
                None => Piece::Unknown,
            },
            ParameterExpr::UseDefaultValues { parameter, indirect, default_value, .. }
            | ParameterExpr::AssignDefaultValues { parameter, indirect, default_value, .. } => {
                let default = Some(self.word(&default_value.unwrap_or_default())?);
                // A parameter without a name has no value that could be known, so its default is what is left.
                let name = named(&parameter, indirect).unwrap_or_default();
                Piece::Variable { name, default, part: None, quoted }
            }
            // Set or not, the other value may come to hold.
            ParameterExpr::UseAlternativeValue { alternative_value, .. } => {
                let default = Some(self.word(&alternative_value.unwrap_or_default())?);
                Piece::Variable { name: String::new(), default, part: None, quoted }
            }
            ParameterExpr::Substring { parameter, indirect, offset, length } => {
                let number = |text: &str| text.trim().parse::<i64>().ok();
                match (named(&parameter, indirect), number(&offset.value), length.map(|length| number(&length.value))) {
                    (Some(name), Some(from), None) => Piece::Variable { name, default: None, part: Some((from, None)), quoted },
                    (Some(name), Some(from), Some(Some(count))) => {
                        Piece::Variable { name, default: None, part: Some((from, Some(count))), quoted }
                    }
                    _ => Piece::Unknown,
                }
            }
            _ => Piece::Unknown,
        })
    }
}

fn variable(name: &str, quotes: Quotes) -> Piece {
    Piece::Variable { name: name.to_owned(), default: None, part: None, quoted: quotes == Quotes::Inside }
}

/// The texts that braces make of one: `{a,b}c` is `ac` and `bc`.
fn expanded(parts: &[BraceExpressionOrText]) -> Vec<String> {
    let mut texts = vec![String::new()];
    for part in parts {
        let choices: Vec<String> = match part {
            BraceExpressionOrText::Text(text) => vec![text.clone()],
            BraceExpressionOrText::Expr(members) => members.iter().flat_map(choices).take(MOST_WORDS.into()).collect(),
        };
        texts = texts
            .iter()
            .flat_map(|text| choices.iter().map(move |choice| format!("{text}{choice}")))
            .take(MOST_WORDS.into())
            .collect();
    }
    texts
}

fn choices(member: &BraceExpressionMember) -> Vec<String> {
    let steps = |start: i64, end: i64, by: i64| {
        let by = i64::try_from(by.unsigned_abs().max(1)).unwrap_or(1);
        (0..i64::from(MOST_WORDS))
            .map(move |at| if start <= end { start + at * by } else { start - at * by })
            .take_while(move |at| if start <= end { *at <= end } else { *at >= end })
    };
    match member {
        BraceExpressionMember::Child(parts) => expanded(parts),
        BraceExpressionMember::NumberSequence { start, end, increment } => {
            steps(*start, *end, *increment).map(|number| number.to_string()).collect()
        }
        BraceExpressionMember::CharSequence { start, end, increment } => {
            let code = |character: char| i64::from(u32::from(character));
            steps(code(*start), code(*end), *increment)
                .filter_map(|code| u32::try_from(code).ok().and_then(char::from_u32))
                .map(String::from)
                .collect()
        }
    }
}

/// What `$'…'` stands for (bash manual, "ANSI-C Quoting").
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some(letter) = rest.chars().next() else { break };
        let after = &rest[letter.len_utf8()..];
        let digits =
            |text: &str, radix: u32, most: usize| text.chars().take(most).take_while(|digit| digit.is_digit(radix)).count();
        let mut take = |from: &str, radix: u32, most: usize| {
            let count = digits(from, radix, most);
            let number = u32::from_str_radix(&from[..count], radix).unwrap_or_default();
            match (most > 3, u8::try_from(number & 0xff)) {
                (false, Ok(byte)) => out.push(byte),
                _ => out.extend(char::from_u32(number).map(String::from).unwrap_or_default().bytes()),
            }
            count
        };
        rest = match letter {
            'x' => &after[take(after, 16, 2)..],
            'u' => &after[take(after, 16, 4)..],
            'U' => &after[take(after, 16, 8)..],
            '0'..='7' => &rest[take(rest, 8, 3)..],
            'c' => {
                let control = after.chars().next();
                out.extend(control.map(|letter| (letter.to_ascii_uppercase() as u8) ^ 0x40));
                &after[control.map_or(0, char::len_utf8)..]
            }
            _ => {
                let stands_for = match letter {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'e' | 'E' => '\u{1b}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    other => other,
                };
                out.extend(String::from(stands_for).bytes());
                after
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let steps = read(text).expect("it can be read");
        let Some(Step::Simple(simple)) = steps.first() else { return vec![format!("{steps:?}")] };
        simple
            .words
            .iter()
            .map(|word| {
                let pieces = word.0.iter().map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Pattern(text) => format!("<{text}>"),
                    Piece::Variable { name, .. } => format!("${name}"),
                    Piece::Output { steps, .. } => format!("$({} steps)", steps.len()),
                    Piece::Stream(steps) => format!("<({} steps)", steps.len()),
                    Piece::Unknown => "?".to_owned(),
                });
                pieces.collect()
            })
            .collect()
    }

    #[test]
    fn quotes_and_escapes_are_what_they_stand_for() {
        insta::assert_snapshot!(texts(r#"r\m -r"f" $'\x2fetc\057a\u0041' ~/"a b" '$x' "$x" {b,c}d *.rs $(ls;ls) `ls` <(ls) $((1)) """#).join("\n"), @r#"
        rm
        -rf
        /etc/aA
        $HOME/a b
        $x
        $x
        bd
        cd
        <*.rs>
        $(2 steps)
        $(1 steps)
        <(1 steps)
        ?
        "#);
        assert_eq!(texts("echo {1..3} {c..a} a{1,{x,y}}"), ["echo", "1", "2", "3", "c", "b", "a", "a1", "ax", "ay"]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert!(read("echo 'a").is_err());
        assert!(read("if then").is_err());
        assert!(read(&"(".repeat(10_000)).expect_err("too deep").contains("deeply"));
        assert!(read(&"{ ".repeat(10_000)).expect_err("too deep").contains("deeply"));
        assert!(read(&"if a; then ".repeat(10_000)).expect_err("too deep").contains("deeply"));
        assert!(read(&format!("echo {}", "a".repeat(LONGEST))).expect_err("too long").contains("longer"));
    }

    #[test]
    fn the_deepest_that_is_read_fits_the_stack() {
        let nested = |open: &str, inner: &str, close: &str| {
            let text = format!("{}{inner}{}", open.repeat(DEEPEST - 2), close.repeat(DEEPEST - 2));
            assert!(read(&text).is_ok(), "{text}");
        };
        nested("( ", "ls", " )");
        nested("{ ", "ls;", " };");
        nested("if ls; then ", "ls;", " fi;");
        nested("for a in b; do ", "ls;", " done;");
        nested("echo $(", "ls", ")");
        nested("echo \"$(", "ls", ")\"");
    }
}
