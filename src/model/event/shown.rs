//! Which events a page of a session can show.

use crate::model::event::Fact;

impl Fact {
    /// Whether any page of a session can show it; those that none shows are written down more often than all others.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !matches!(
            self,
            Self::CloneStarted { .. }
                | Self::ClientBound { .. }
                | Self::TaskTested { .. }
                | Self::DecisionFound { .. }
                | Self::DecisionDoubted { .. }
                | Self::ChangeUndeclared { .. }
                | Self::NoteAdded { .. }
                | Self::FileSealed { .. }
                | Self::CheckpointPruned { .. }
                | Self::CompactionRestored { .. }
                | Self::IntentFormed { .. }
                | Self::ChangeSeen { .. }
                | Self::RunStopAsked {}
                | Self::StepSpawned { .. }
                | Self::WorkflowStarted { .. }
                | Self::WorkflowStepStarted { .. }
                | Self::WorkflowStepSpawned { .. }
                | Self::WorkflowStepEnded { .. }
                | Self::WorkflowCancelAsked { .. }
                | Self::WorkflowEnded { .. }
                | Self::LimitMet { .. }
                | Self::UsageSeen { .. }
                | Self::ToolUsed { .. }
                | Self::SessionDriven {}
                | Self::TurnContinued { .. }
                | Self::ToolHeld { .. }
                | Self::ClientTold { .. }
                | Self::HookFailed { .. }
                | Self::StoreMended { .. }
                | Self::Unknown
        )
    }
}
