//! What all verbs that tell look at, read once: the session, the records in force, the branch, the present tree.

use crate::{
    host::{
        Result,
        store::{holdings, overview::Overview, pages},
        workspace::Workspace,
    },
    model::{
        holdings::Holdings,
        id::{Oid, SessionId},
        refusal::Refusal,
        report::{GateReport, Standing},
        state::State,
        time::Timestamp,
    },
    ops::setup::in_force::{self, GateInForce},
};

/// Everything that can be told about.
#[derive(Clone, Debug)]
pub struct Scene {
    /// All live logs.
    pub overview: Overview,
    /// The session that the command belongs to.
    pub session: Option<SessionId>,
    /// The records in force.
    pub holdings: Holdings,
    /// Why some records could not be read.
    pub unreadable: Vec<Refusal>,
    /// The branch; none when HEAD is detached.
    pub branch: Option<String>,
    /// The commit that HEAD is at; none before the first.
    pub head: Option<Oid>,
    /// The present moment.
    pub now: Timestamp,
}

impl Scene {
    /// Reads everything for the session that the command belongs to; `session` is none where there is none.
    ///
    /// # Errors
    /// Fails when the store or git cannot be read; malformed records are left out and named.
    pub fn read(workspace: &Workspace, session: Option<SessionId>) -> Result<Self> {
        let overview = Overview::read(workspace)?;
        let (holdings, unreadable) = holdings::read(workspace, &overview, holdings::ALL)?;
        for refusal in &unreadable {
            workspace.notice(format!("left out: {}", refusal.message.lines().next().unwrap_or_default()));
        }
        let head = workspace.git()?.head()?;
        Ok(Self {
            overview,
            session,
            holdings,
            unreadable,
            branch: head.branch().map(str::to_owned),
            head: head.commit().cloned(),
            now: workspace.clock().now(),
        })
    }

    /// The state of the session.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.overview.session(self.session.as_ref()?).map(|known| &known.state)
    }

    /// The gates and what they last said.
    ///
    /// # Errors
    /// Refuses settings and a trust store that are wrong.
    pub fn gates(&self, workspace: &Workspace) -> Result<Vec<GateReport>> {
        let declared = &workspace.settings()?.gates;
        let report = |own: GateInForce| {
            let known = self.state().and_then(|state| state.gates.get(&own.name));
            GateReport {
                gate: own.name.clone(),
                kind: own.gate.or_else(|| declared.get(&own.name).cloned()).unwrap_or_default().kind,
                verdict: known.map(|known| known.verdict),
                at: known.map(|known| known.at),
                standing: if known.is_some() { Standing::Stale } else { Standing::Never },
            }
        };
        Ok(in_force::gates(workspace)?.into_iter().map(report).collect())
    }

    /// What people wrote into the session's pages, the page's name first.
    #[must_use]
    pub fn theirs(&self, workspace: &Workspace) -> Vec<(String, String)> {
        self.session.as_ref().map_or_else(Vec::new, |session| pages::peoples_text(workspace, session))
    }
}
