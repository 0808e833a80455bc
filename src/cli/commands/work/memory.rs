//! `autonomy memory …`.

use clap::{Args, Subcommand};

use crate::{
    cli::context::Context,
    host::Result,
    model::{
        memory::{Note, NoteKind},
        quote,
        time::Lapse,
    },
    ops::work::memory,
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Memory {
    /// Keep a text under a key; what was there is replaced
    Store(Store),
    /// Print what is known under a key
    Get(Key),
    /// List what is remembered
    List(List),
    /// Look for words, best first
    Search(Search),
    /// Do not show any more what is known under a key
    Forget(Key),
}

#[derive(Args)]
pub(crate) struct Store {
    /// Under what, such as `api/limits`
    key: String,
    /// What to remember; never the value of a credential
    text: String,
    /// What it is about: note, preference, architecture, decision, implementation, configuration, credential, issue, pattern
    #[arg(long = "type", value_name = "TYPE", default_value = "note")]
    kind: NoteKind,
    /// After how long it is not shown any more, such as `2h`
    #[arg(long, value_name = "TIME")]
    ttl: Option<Lapse>,
    /// The task that it is about
    #[arg(long)]
    task: Option<String>,
}

#[derive(Args)]
pub(crate) struct Key {
    /// The key
    key: String,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only keys that begin so
    #[arg(long, value_name = "KEY")]
    prefix: Option<String>,
    /// Only notes of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<NoteKind>,
    /// Those too that are over their time or forgotten
    #[arg(long)]
    expired: bool,
}

#[derive(Args)]
pub(crate) struct Search {
    /// Words, of which one has to occur
    words: Vec<String>,
    /// Only notes of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<NoteKind>,
    /// The most that are shown
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

impl Memory {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Store(arguments) => arguments.run(context),
            Self::Get(arguments) => {
                let workspace = context.workspace()?;
                let outcome = memory::get(&workspace, &memory::KeyRequest { key: arguments.key })?;
                context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
            }
            Self::List(arguments) => arguments.run(context),
            Self::Search(arguments) => arguments.run(context),
            Self::Forget(arguments) => {
                let workspace = context.workspace()?;
                let outcome = memory::forget(&workspace, &memory::KeyRequest { key: arguments.key })?;
                context.say(&workspace, &outcome, |screen| {
                    screen.talk(format!("Forgot {}; `autonomy memory list --expired` still shows it", outcome.key));
                })
            }
        }
    }
}

impl Store {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let Self { key, text, kind, ttl, task } = self;
        let outcome = memory::store(&workspace, &memory::StoreRequest { key, text, kind, ttl, task })?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.note.to_string());
            let until = outcome.expires.map_or(String::new(), |expires| format!(" until {}", expires.second()));
            let done = if outcome.replaced { "Replaced" } else { "Kept" };
            screen.talk(format!("{done} {} in {}{until}", outcome.key, outcome.path));
        })
    }
}

impl List {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = memory::ListRequest { prefix: self.prefix, kind: self.kind, expired: self.expired };
        let outcome = memory::list(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            for note in &outcome.notes {
                screen.data(line(note));
            }
            let kinds: Vec<String> = outcome.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            screen.talk(if kinds.is_empty() { "Nothing is remembered".to_owned() } else { kinds.join(", ") });
        })
    }
}

fn line(note: &Note) -> String {
    let name = note.key.as_deref().unwrap_or(note.id.as_str());
    format!("{name}  {}  {}", note.kind.word(), quote::line(&note.text, 100))
}

impl Search {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = memory::SearchRequest { words: self.words.join(" "), kind: self.kind, limit: self.limit };
        let outcome = memory::search(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            for found in &outcome.found {
                screen.data(line(&found.note));
            }
            match (outcome.found.len(), outcome.more) {
                (0, _) => screen.talk("Nothing fits"),
                (_, 0) => {}
                (_, more) => screen.talk(format!("{more} more fit; `--limit` shows them")),
            }
        })
    }
}
