//! `autonomy session env`.

use clap::Args;

use crate::{cli::context::Context, host::Result, model::shell::Shell, ops::session::env};

#[derive(Args)]
pub(crate) struct Env {
    /// The shell that is to carry out the lines: sh (also bash, zsh), fish, powershell
    #[arg(long, value_name = "SHELL", default_value_t)]
    shell: Shell,
}

impl Env {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = env::env(&workspace, &env::Request {})?;
        context.say(&workspace, &outcome, |screen| {
            for (name, value) in &outcome.variables {
                screen.data(self.shell.set(name, value));
            }
            if context.is_terminal() {
                let flag = if self.shell == Shell::Sh { String::new() } else { format!(" --shell {}", self.shell) };
                screen.talk(format!("Next: {}", self.shell.evaluate(&format!("autonomy session env{flag}"))));
            }
        })
    }
}
