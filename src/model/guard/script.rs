//! What a text for a shell says, as facts: commands with their words, where these come from, and what flows where. Which program
//! of the shell's language read it is not known here, and nothing is judged.

/// What is carried out, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A program or a word of the shell with its arguments.
    Simple(Simple),
    /// Steps of which each feeds the next.
    Pipeline(Vec<Step>),
    /// Steps that belong together.
    Group {
        /// Whether a change of directory or variable ends with it.
        isolated: bool,
        /// The steps.
        steps: Vec<Step>,
        /// Where its input comes from and its output goes.
        redirections: Vec<Redirection>,
    },
    /// Steps that are carried out for each of several words.
    Loop {
        /// The variable that holds the word.
        variable: String,
        /// The words.
        values: Vec<Word>,
        /// The steps.
        steps: Vec<Step>,
        /// Where its input comes from and its output goes.
        redirections: Vec<Redirection>,
    },
    /// Steps under a name, for later.
    Function {
        /// The name.
        name: String,
        /// The steps.
        steps: Vec<Step>,
    },
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Simple {
    /// Variables that it sets, for itself when it has words, else for what follows.
    pub assignments: Vec<(String, Word)>,
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// Where its input comes from and its output goes.
    pub redirections: Vec<Redirection>,
}

/// Where input comes from or output goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Redirection {
    /// From a file.
    Read(Word),
    /// Into a file.
    Write(Word),
    /// From the text itself: a here-document or a here-string.
    Text(Word),
}

/// One word, made of pieces that are put together when the command runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word(pub Vec<Piece>);

/// A piece of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// Text in which `*`, `?` and `[` stand for names of files.
    Pattern(String),
    /// The value of a variable.
    Variable {
        /// Its name.
        name: String,
        /// What takes its place where it has no value.
        default: Option<Word>,
        /// Which part of the value: from this character on, so many.
        part: Option<(i64, Option<i64>)>,
        /// Whether it stays one word whatever it holds.
        quoted: bool,
    },
    /// What steps print.
    Output {
        /// The steps.
        steps: Vec<Step>,
        /// Whether it stays one word whatever it holds.
        quoted: bool,
    },
    /// A file that stands for what steps print or read.
    Stream(Vec<Step>),
    /// What cannot be known.
    Unknown,
}

impl Word {
    /// A word of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }
}
