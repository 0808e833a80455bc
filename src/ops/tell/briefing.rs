//! `context brief`: what an agent has to know before it goes on, within a length. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, template::Templates, workspace::Workspace},
    model::{
        briefing::{self, Detail, LEAST, LeftOut, Material, USUAL, choose},
        holdings::current_task,
        id::{SessionId, TaskId},
        quote::{self, length},
        refusal::Refusal,
    },
    ops::{setup::in_force, tell::scene::Scene},
};

/// The template of a briefing.
const TEMPLATE: &str = "briefing.md.j2";
/// How many characters count as a token: what English text and code come to on average.
const CHARACTERS_PER_TOKEN: usize = 4;
/// How often a briefing is chosen again because the template's own words did not fit.
const ROUNDS: usize = 12;

/// How long it may be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The most characters, at least 2000; 9500 when not said.
    pub budget: Option<usize>,
    /// The most tokens instead; one counts as four characters.
    pub tokens: Option<usize>,
}

/// The briefing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The briefing as markdown.
    pub text: String,
    /// How long it is, in the unit of the budget.
    pub length: usize,
    /// How long it might have been.
    pub budget: usize,
    /// What did not fit.
    pub left_out: Vec<LeftOut>,
}

/// Tells what an agent has to know.
///
/// # Errors
/// Refuses a budget that is too small, and several live sessions when none is named.
pub fn brief(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let budget = match (request.budget, request.tokens) {
        (Some(_), Some(_)) => {
            return Err(Refusal::usage("a length is given in characters and in tokens").hint("give one of them").into());
        }
        (Some(characters), None) => characters,
        (None, Some(tokens)) => tokens.saturating_mul(CHARACTERS_PER_TOKEN),
        (None, None) => USUAL,
    };
    if budget < LEAST {
        return Err(Refusal::usage(format!("a briefing of {budget} characters is too short; the least is {LEAST}")).into());
    }
    let scene = Scene::read(workspace, workspace.belongs_to()?)?;
    let task = scene.state().and_then(current_task).cloned();
    let (text, briefing) = write(workspace, &scene, task.as_ref(), budget, Detail::Here)?;
    Ok(Outcome { session: scene.session, length: length(&text), text, budget, left_out: briefing.left_out })
}

/// The briefing as text, at most `budget` long.
///
/// # Errors
/// Refuses a template of the project's own that is wrong.
pub fn write(
    workspace: &Workspace,
    scene: &Scene,
    task: Option<&TaskId>,
    budget: usize,
    detail: Detail,
) -> Result<(String, briefing::Briefing)> {
    let theirs = scene.theirs(workspace);
    let material = Material {
        state: scene.state(),
        task,
        holdings: &scene.holdings,
        theirs: &theirs,
        branch: scene.branch.as_deref(),
        now: scene.now,
        detail,
    };
    compose(workspace, &material, budget)
}

/// The briefing about `material` as text, at most `budget` long.
///
/// # Errors
/// Refuses a template of the project's own that is wrong.
pub fn compose(workspace: &Workspace, material: &Material<'_>, budget: usize) -> Result<(String, briefing::Briefing)> {
    let (templates, own) = (Templates::of(workspace.root()), in_force::template(workspace, TEMPLATE)?);
    let mut room = budget;
    for _ in 0..ROUNDS {
        let briefing = choose(material, room);
        let text = templates.render_as(TEMPLATE, own.as_deref(), &briefing)?;
        let text = workspace.secrets().redact(&text).into_owned();
        let over = length(&text).saturating_sub(budget);
        if over == 0 {
            return Ok((text, briefing));
        }
        // Less room does not always make the text shorter by as much, so it falls by steps that count.
        room = room.saturating_sub(over.max(budget / 100));
    }
    // Only a template of the project's own can say so much by itself.
    let briefing = choose(material, 0);
    let text = templates.render_as(TEMPLATE, own.as_deref(), &briefing)?;
    Ok((quote::head(&workspace.secrets().redact(&text), budget), briefing))
}
