//! `autonomy session list`.

use crate::{
    cli::context::Context,
    host::Result,
    ops::session::{
        known::Place,
        list::{self, Entry},
    },
};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = list::list(&workspace, &list::Request {})?;
    context.say(&workspace, &outcome, |screen| {
        let widest = outcome.sessions.iter().map(|entry| entry.session.as_str().len()).max().unwrap_or_default();
        for entry in &outcome.sessions {
            screen.data(line(entry, widest));
        }
        if outcome.sessions.is_empty() {
            screen.talk("There are no sessions yet");
            screen.talk("Next: `autonomy session start`");
        }
        for damaged in &outcome.damaged {
            screen.talk(format!("{} cannot be read: {}", damaged.session, damaged.why));
        }
        if !outcome.damaged.is_empty() {
            screen.talk("Next: `autonomy verify`");
        }
    })
}

fn line(entry: &Entry, widest: usize) -> String {
    let place = match &entry.place {
        Place::Here {} => "here".to_owned(),
        Place::WorkTree { path } => format!("in {}", path.display()),
        Place::Copied {} => "copied from another clone".to_owned(),
        Place::Elsewhere {} => "in another clone".to_owned(),
        Place::Over {} => String::new(),
    };
    let title = entry.title.as_ref().or(entry.goal.as_ref()).cloned().unwrap_or_default();
    let (name, status, elapsed) = (entry.session.as_str(), entry.status.to_string(), entry.elapsed.to_the_minute());
    let columns = format!("{name:<widest$}  {status:<9}  {}  {elapsed:>14}", entry.started.minute());
    [columns, place, title].into_iter().filter(|column| !column.is_empty()).collect::<Vec<_>>().join("  ")
}
