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
    ops::judge::gate,
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

    /// The gates and what they last said; none when they cannot be told, which is then said on stderr.
    pub fn gates(&self, workspace: &Workspace) -> Vec<GateReport> {
        let listed = match gate::list(workspace, &gate::ListRequest {}) {
            Ok(listed) => listed.gates,
            Err(error) => {
                workspace.notice(format!("left out the gates: {error}"));
                return Vec::new();
            }
        };
        let report = |listed: gate::Listed| GateReport {
            gate: listed.gate,
            kind: listed.kind,
            waiting: listed.waiting,
            verdict: listed.last.as_ref().map(|last| last.verdict),
            at: listed.last.as_ref().map(|last| last.at),
            standing: match listed.last {
                Some(last) if last.holds => Standing::Holds,
                Some(_) => Standing::Stale,
                None => Standing::Never,
            },
        };
        listed.into_iter().map(report).collect()
    }

    /// What people wrote into the session's pages, the page's name first.
    #[must_use]
    pub fn theirs(&self, workspace: &Workspace) -> Vec<(String, String)> {
        self.session.as_ref().map_or_else(Vec::new, |session| pages::peoples_text(workspace, session))
    }
}
