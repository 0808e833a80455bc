//! `autonomy session show`.

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    ops::session::{known::Place, show},
};

#[derive(Args)]
pub(crate) struct Show {
    /// Which session (id, a unique part of it, or its title)
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = show::show(&workspace, &show::Request { session: self.which })?;
        context.say(&workspace, &outcome, |screen| say(screen, &outcome))
    }
}

fn say(screen: &mut Screen, it: &show::Outcome) {
    let mut row = |name: &str, value: String| screen.data(format!("{name:<11} {value}"));
    let mut optional = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            row(name, value.clone());
        }
    };
    optional("session", Some(&it.session.to_string()));
    optional("title", it.title.as_ref());
    optional("user", it.user.as_ref());
    let reason = it.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    optional("status", Some(&format!("{}{reason}", it.status)));
    let place = match &it.place {
        Place::Here {} => "this work tree".to_owned(),
        Place::WorkTree { path } => path.display().to_string(),
        Place::Copied {} => "another clone, of which this one is a copy".to_owned(),
        Place::Elsewhere {} => "another clone".to_owned(),
        Place::Over {} => "over".to_owned(),
    };
    optional("lives in", Some(&place).filter(|_| it.place != Place::Over {}));
    optional("goal", it.goal.as_ref());
    for constraint in &it.constraints {
        optional("constraint", Some(constraint));
    }
    optional("summary", it.summary.as_ref());
    optional("started", Some(&it.started.to_string()));
    optional("ended", it.ended.map(|ended| ended.to_string()).as_ref());
    optional("updated", Some(&it.updated.to_string()));
    optional("time", Some(&format!("{} of {}", it.elapsed.to_the_minute(), it.max)));
    optional("branch", it.branch.as_ref());
    optional("commit", it.head.as_ref().map(|head| head.short().to_owned()).as_ref());
    optional("goes on", it.continues.as_ref().map(|earlier| format!("from {}", earlier.session)).as_ref());
    optional("parent", it.parent.as_ref().map(ToString::to_string).as_ref());
    optional("focus", it.context.focus.as_ref());
    optional("next", it.context.next.as_ref());
    let counts: Vec<String> =
        it.context.counts.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{name} {count}")).collect();
    optional("so far", Some(&format!("{} events: {}", it.version, counts.join(", "))).filter(|_| !counts.is_empty()));
    optional("folder", Some(&it.folder));
}
