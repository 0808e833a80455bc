//! `autonomy session start`.

use clap::Args;

use crate::{cli::context::Context, host::Result, model::time::Lapse, ops::session::start};

#[derive(Args)]
pub(crate) struct Start {
    /// What people call the session
    name: Option<String>,
    /// What is to be reached
    #[arg(long)]
    goal: Option<String>,
    /// What must hold on the way; may be given several times
    #[arg(long = "constraint", value_name = "TEXT")]
    constraints: Vec<String>,
    /// How many hours it may take
    #[arg(long, value_name = "H")]
    max_hours: Option<u64>,
}

impl Start {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = start::Request {
            title: self.name,
            goal: self.goal,
            constraints: self.constraints,
            max: self.max_hours.map(Lapse::hours),
        };
        let outcome = start::start(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.session.to_string());
            screen.talk(format!("Started session {} in {}", outcome.session, outcome.folder));
            screen.talk("Next: `autonomy task add \"<title>\"`, or `autonomy run \"<goal>\"`");
        })
    }
}
