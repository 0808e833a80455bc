//! One program that is started, with everything known about how.

use crate::model::quote::line;

/// Stands in a text for what cannot be known before it happens.
pub const UNKNOWN: char = '\u{fffc}';

/// One argument as the program gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument {
    /// Its text; [`UNKNOWN`] takes the place of what cannot be known.
    pub text: String,
    /// Whether `*`, `?` and `[` in it stand for names of files.
    pub pattern: bool,
}

impl Argument {
    /// An argument of plain text.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), pattern: false }
    }

    /// Whether all of it is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.text.contains(UNKNOWN)
    }

    /// The same kind of argument with another text.
    #[must_use]
    pub fn with(&self, text: &str) -> Self {
        Self { text: text.to_owned(), pattern: self.pattern }
    }
}

/// What flows from one step to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Nothing that this text sends.
    #[default]
    Nothing,
    /// This text.
    Known(String),
    /// Something that cannot be known.
    Hidden,
}

/// A program that is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The program and its arguments.
    pub words: Vec<Argument>,
    /// Where; nothing when that cannot be known.
    pub directory: Option<String>,
    /// The files that its input comes from.
    pub reads: Vec<Argument>,
    /// The files that its output goes to.
    pub writes: Vec<Argument>,
    /// Its input.
    pub input: Flow,
    /// Whether the marks that tell an agent from a person were taken away.
    pub unmarked: bool,
}

impl Call {
    /// The name of the program without directories; empty when it cannot be known.
    #[must_use]
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| if word.is_known() { name(&word.text) } else { "" })
    }

    /// The arguments.
    #[must_use]
    pub fn arguments(&self) -> &[Argument] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The arguments that are no options. `taking` names options that take the next word with them; `--` ends options.
    pub fn operands<'a>(&'a self, taking: &'a [&'a str]) -> impl Iterator<Item = &'a Argument> {
        let (mut ended, mut taken) = (false, false);
        self.arguments().iter().filter(move |argument| {
            if std::mem::take(&mut taken) {
                return false;
            }
            let text = argument.text.as_str();
            if !ended && text == "--" {
                ended = true;
                return false;
            }
            let option = !ended && text.len() > 1 && text.starts_with('-');
            taken = option && taking.contains(&text);
            !option
        })
    }

    /// Whether an option is given: `long` as it stands or with a value, `short` also among others behind one dash.
    #[must_use]
    pub fn has(&self, short: char, long: &str) -> bool {
        let options = self.arguments().iter().map(|argument| argument.text.as_str()).take_while(|text| *text != "--");
        options.into_iter().any(|text| {
            let is_long = !long.is_empty() && (text == long || text.strip_prefix(long).is_some_and(|rest| rest.starts_with('=')));
            let bundle = text.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            is_long || bundle.is_some_and(|letters| letters.contains(short))
        })
    }

    /// The values of an option that takes the next word, or stands before `=` or, when short, before its value.
    pub fn values<'a>(&'a self, option: &'a str) -> impl Iterator<Item = Argument> + 'a {
        let arguments = self.arguments();
        let short = option.len() == 2;
        arguments.iter().enumerate().filter_map(move |(at, argument)| {
            let rest = argument.text.strip_prefix(option)?;
            match rest.strip_prefix('=') {
                Some(value) if !short => Some(argument.with(value)),
                _ if rest.is_empty() => arguments.get(at + 1).cloned(),
                _ if short => Some(argument.with(rest)),
                _ => None,
            }
        })
    }

    /// The call in one line, for people; what cannot be known is `…`.
    #[must_use]
    pub fn shown(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        line(&words.join(" ").replace(UNKNOWN, "…"), 120)
    }
}

/// The last part of a path.
#[must_use]
pub fn name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}
