//! `autonomy trust …`: shows what waits, asks, and says what was trusted.

use clap::{Args, Subcommand};

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{
        id::{self, Digest},
        refusal::Refusal,
        trust::{Kind, Standing, lines},
    },
    ops::setup::trust::{self, Declared, ListRequest},
};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Trust {
    #[command(subcommand)]
    command: Option<More>,
    /// What to trust, such as `tests` or `gate tests`; all that waits when nothing is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Trust what has this sha256, without being asked
    #[arg(long = "hash", value_name = "SHA256", conflicts_with = "names")]
    hashes: Vec<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Make the token by which you can act where there is no terminal, and print it once
    #[arg(long, conflicts_with_all = ["names", "hashes", "yes"])]
    token: bool,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum More {
    /// Show what this repository declares and where each stands
    List,
    /// Take trust back
    Revoke(Revoke),
}

#[derive(Args)]
struct Revoke {
    /// What to take trust from
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// All that is trusted in this clone
    #[arg(long)]
    all: bool,
}

impl Trust {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self.command {
            Some(More::List) => list(context),
            Some(More::Revoke(revoke)) => revoke.run(context),
            None if self.token => token(context),
            None => self.trust(context),
        }
    }

    fn trust(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let hashes = if self.hashes.is_empty() {
            let listed = trust::list(&workspace, &ListRequest {})?;
            let chosen = chosen(&listed.declared, &self.names)?;
            if chosen.is_empty() {
                return context
                    .say(&workspace, &trust::Outcome { trusted: Vec::new() }, |screen| screen.talk("Nothing waits for trust"));
            }
            let mut plan = Screen::default();
            for one in &chosen {
                show(&mut plan, one);
            }
            plan.print()?;
            if !self.yes && !context.ask(&format!("Trust {}?", if chosen.len() == 1 { "this" } else { "these" })) {
                return Err(Refusal::needs_person("nothing was trusted")
                    .hint("`autonomy trust --yes` trusts what was shown")
                    .into());
            }
            chosen.iter().map(|one| one.declaration.digest.clone()).collect()
        } else {
            self.hashes.into_iter().map(Digest::new).collect::<Result<_, _>>()?
        };
        let outcome = trust::trust(&workspace, &trust::Request { hashes })?;
        context.say(&workspace, &outcome, |screen| {
            for one in &outcome.trusted {
                screen.talk(format!("Trusted {}", one.label()));
            }
        })
    }
}

/// What waits among the named ones, or all that waits.
fn chosen<'a>(declared: &'a [Declared], names: &[String]) -> Result<Vec<&'a Declared>> {
    for name in names {
        if !declared.iter().any(|one| is_named(one, name)) {
            let near = id::nearest(name, declared.iter().map(|one| (one.declaration.name.as_str(), "")));
            let refusal = Refusal::usage(format!("nothing called `{}` is declared here", name.escape_debug()));
            let all = || "`autonomy trust list` shows what is".to_owned();
            let hint = if near.is_empty() { all() } else { format!("nearest: {}", near.join(", ")) };
            return Err(refusal.hint(hint).into());
        }
    }
    let wanted = |one: &Declared| names.is_empty() || names.iter().any(|name| is_named(one, name));
    Ok(declared.iter().filter(|one| one.standing != Standing::Trusted && wanted(one)).collect())
}

fn is_named(one: &Declared, name: &str) -> bool {
    one.declaration.name == name || one.declaration.label() == name
}

fn show(screen: &mut Screen, one: &Declared) {
    screen.talk(format!("{}:", trust::describe(&one.declaration)));
    for line in one.declaration.lines() {
        screen.talk(format!("    {line}"));
    }
    if let Standing::Changed { in_force } = &one.standing {
        screen.talk(match one.declaration.kind {
            Kind::Workflow => "  until then nothing of it runs; this was trusted last:",
            _ => "  until then this is in force:",
        });
        for line in lines(in_force) {
            screen.talk(format!("    {line}"));
        }
    }
}

fn list(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = trust::list(&workspace, &ListRequest {})?;
    context.say(&workspace, &outcome, |screen| {
        for one in &outcome.declared {
            let stands = match (&one.standing, &one.trusted) {
                (Standing::Trusted, Some((by, at))) => format!("trusted by {by}, {}", at.minute()),
                (Standing::Trusted, None) => "trusted".to_owned(),
                (Standing::Changed { .. }, _) if one.declaration.kind == Kind::Workflow => {
                    "changed since it was trusted; it does not run".to_owned()
                }
                (Standing::Changed { .. }, _) => "changed; what was trusted last is in force".to_owned(),
                (Standing::Untrusted, _) => "not trusted".to_owned(),
            };
            screen.data(format!("{:<20} {stands}", one.declaration.label()));
            screen.data(format!("  sha256 {}", one.declaration.digest));
            for line in one.declaration.lines() {
                screen.data(format!("    {line}"));
            }
        }
        for one in &outcome.gone {
            let gone = if one.declaration.kind == Kind::Workflow { "" } else { ", still in force" };
            screen.data(format!("{:<20} declared no longer{gone}", one.declaration.label()));
            for line in one.declaration.lines() {
                screen.data(format!("    {line}"));
            }
        }
        if outcome.declared.iter().any(|one| one.standing != Standing::Trusted) {
            screen.talk("Next: `autonomy trust`");
        } else if outcome.declared.is_empty() && outcome.gone.is_empty() {
            screen.talk("This repository declares nothing that needs trust");
        }
    })
}

impl Revoke {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = trust::revoke(&workspace, &trust::RevokeRequest { names: self.names, all: self.all })?;
        context.say(&workspace, &outcome, |screen| {
            for one in &outcome.revoked {
                screen.talk(format!("Took trust from {}", one.label()));
            }
            if outcome.revoked.is_empty() {
                screen.talk("Nothing was trusted here");
            }
        })
    }
}

fn token(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let token = trust::token(&workspace)?;
    context.say(&workspace, &serde_json::json!({ "token": token }), |screen| {
        screen.data(token.clone());
        screen.talk("This is shown once; keep it outside every repository. `--as-person <TOKEN>` uses it");
    })
}
